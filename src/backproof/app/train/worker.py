"""The process that an open page trains in."""

import asyncio
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from backproof._core.errors import BackproofError
from backproof.app import processes
from backproof.app.train import job
from backproof.app.train.settings import Settings
from backproof.training import Fits


class TrainingError(BackproofError):
    """The networks cannot be trained as asked."""


_GONE = "the page was closed"


class Worker:
    """One process, started when first asked for something, and again after it was lost."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "worker")
        self._process: Any = None
        self._connection: Any = None
        self._closed = False

    async def start(self, settings: Settings) -> job.Frame:
        """Begin a training, in place of the one before; `TrainingError` where it cannot be."""
        frame: job.Frame = await self._ask(settings)
        return frame

    async def advance(self, steps: int) -> job.Frame:
        """Take some steps, at least one."""
        frame: job.Frame = await self._ask(steps)
        return frame

    async def fits(self) -> Fits:
        """Return all networks as they are now."""
        fits: Fits = await self._ask(job.FITS)
        return fits

    def close(self) -> None:
        """End the process; what it was asked for is lost."""
        self._closed = True
        process = self._process
        if process is not None:
            process.terminate()  # whoever waits for its answer then gets none
        self._thread.submit(self._end)  # also of one that is being started now
        self._thread.shutdown(wait=False)

    async def _ask(self, request: Settings | int | None) -> Any:
        if self._closed:
            raise TrainingError(_GONE)
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._thread, self._answer, request)
        if isinstance(answer, str):
            raise TrainingError(answer)
        return answer

    # The rest runs in the one thread alone, so that a page may be closed at any moment.

    def _answer(self, request: Settings | int | None) -> Any:
        if self._closed:
            return _GONE
        try:
            if self._process is None:
                if not isinstance(request, Settings):
                    return "there is no training to go on with: reset starts one"
                self._start()
            self._connection.send(request)
            answer = pickle.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            self._end()
            return "the process that trained was ended from outside: reset starts another"
        return answer

    def _start(self) -> None:
        context: Any = processes.context()
        self._connection, theirs = context.Pipe()
        process = context.Process(target=job.work, args=(theirs,), daemon=True)
        process.start()
        self._process = process
        theirs.close()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            self._connection.close()
            process.join()
