"""One thread, and then as many as before."""

from collections.abc import Iterator

import pytest
import torch

from backproof.training import single_threaded


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
