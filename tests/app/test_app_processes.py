"""Computations in processes of their own, which newer ones and the page's end end."""

import asyncio
import time

import pytest

from backproof._core.errors import InputError
from backproof.app.processes import Apart, EndedError


def test_computations_are_ended_by_newer_ones_and_by_the_page() -> None:
    async def compute() -> list[str]:
        apart, ended = Apart(), []
        first = asyncio.create_task(apart.run(time.sleep, 600))
        await asyncio.sleep(1)
        assert await apart.run(abs, -3) == 3
        for task in (first, asyncio.create_task(apart.run(time.sleep, 600))):
            await asyncio.sleep(1)
            if task is not first:
                apart.close()
            try:
                await task
            except EndedError as error:
                ended.append(str(error))
        with pytest.raises(EndedError, match="closed"):
            await apart.run(abs, -3)
        with pytest.raises(InputError, match="no layer"):
            await Apart().run(_raises)
        return ended

    began = time.monotonic()
    assert len(asyncio.run(compute())) == 2
    assert time.monotonic() - began < 60


def _raises() -> None:
    raise InputError("no layer")
