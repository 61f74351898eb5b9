"""One thread, and then as many as before."""

import threading
from collections.abc import Iterator

import pytest
import torch

from backproof.training import single_threaded
from backproof.training.settings import usual_threads


@pytest.fixture(autouse=True)
def _three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_one_thread_inside() -> None:
    with single_threaded():
        assert torch.get_num_threads() == 1


def test_as_many_as_before_afterwards() -> None:
    with single_threaded():
        pass
    assert torch.get_num_threads() == 3


def test_as_many_as_before_after_an_exception() -> None:
    with pytest.raises(KeyError), single_threaded():
        raise KeyError
    assert torch.get_num_threads() == 3


def test_it_may_be_nested() -> None:
    with single_threaded():
        with single_threaded():
            pass
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3


def test_it_decorates_a_function() -> None:
    @single_threaded()
    def threads() -> int:
        return torch.get_num_threads()

    assert threads() == 1
    assert torch.get_num_threads() == 3


def test_overlapping_fits_leave_the_number_of_threads_alone() -> None:
    """Also for threads that start while another is single-threaded."""
    first_inside, second_done = threading.Event(), threading.Event()
    seen: list[int] = []

    def first() -> None:
        with single_threaded():
            first_inside.set()
            second_done.wait(10)

    def second() -> None:
        first_inside.wait(10)
        with single_threaded():
            seen.append(usual_threads())
        second_done.set()

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    late: list[int] = []
    other = threading.Thread(target=lambda: late.append(torch.get_num_threads()))
    other.start()
    other.join(20)
    assert seen == [3]
    assert late == [3]
