"""What no machine holds is refused before anything is drawn; what it may hold is not."""

import os
from typing import Any

import pytest

from backproof import training
from backproof._core.errors import InputError
from backproof.training import memory
from backproof.training.spec import NetworkSpec

X, T = [[0.0, 1.0], [1.0, 0.0]], [-1, 1]


@pytest.mark.parametrize(
    ("hidden", "arguments", "message"),
    [
        (10**12, {}, r"at least \d+ GB, and this machine has \d+ GB: train fewer or smaller"),
        ((10**6, 10**6), {}, "train fewer or smaller networks"),
        (2, {"steps": 10**13}, "or fewer steps"),
        (10**30, {}, "hidden must be at most 1000000000000, got 1"),
        (2, {"steps": 10**30}, "steps must be at most 1000000000000000, got 1"),
    ],
)
def test_what_does_not_fit_is_refused(hidden: Any, arguments: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        training.fit([hidden], 0, X, T, **arguments)  # type: ignore[arg-type]


@pytest.fixture
def thousand_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 100, "SC_PHYS_PAGES": 10}.get)


@pytest.mark.usefixtures("thousand_bytes")
def test_the_limit_is_the_memory_of_the_machine() -> None:
    """2-3-1 has 13 weights: with gradients and one loss 27 numbers, or 216 bytes."""
    specs = [NetworkSpec(hidden=(3,), seed=seed) for seed in range(5)]
    memory.check_memory(specs[:4], 2, 1, steps=0)
    with pytest.raises(InputError):
        memory.check_memory(specs, 2, 1, steps=0)
    memory.check_memory(specs[:1], 2, 1, steps=98)
    with pytest.raises(InputError):
        memory.check_memory(specs[:1], 2, 1, steps=99)


def test_where_the_system_does_not_tell_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "sysconf")
    memory.check_memory([NetworkSpec(hidden=(10**12,), seed=0)], 2, 1, steps=0)
