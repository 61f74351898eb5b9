"""What PyTorch is set to around a computation: threads, recording, device."""

import contextlib
import threading
from collections.abc import Iterator

import torch

_lock = threading.Lock()
_single: dict[int, int] = {}
"""Of the threads of the process that are inside `single_threaded`, how deep each is."""
_outside = 1


def usual_threads() -> int:
    """Return how many threads an operation may use where no `single_threaded` holds."""
    with _lock:
        return _outside if _single else torch.get_num_threads()


@contextlib.contextmanager
def single_threaded() -> Iterator[None]:
    """Let every tensor operation use one thread, for code that runs several of them side by side.

    Also for forwards well under a millisecond, in which a second thread costs more than it brings.
    """
    global _outside
    here = threading.get_ident()
    with _lock:
        # PyTorch gives the number to threads that start later too: one that starts while another
        # is in here would otherwise take 1 for what was set outside.
        if not _single:
            _outside = torch.get_num_threads()
        before = 1 if here in _single else _outside
        _single[here] = _single.get(here, 0) + 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _single[here] -= 1
            if not _single[here]:
                del _single[here]
            torch.set_num_threads(before)


@contextlib.contextmanager
def recording_on_cpu() -> Iterator[None]:
    """Record gradients, and make tensors on the CPU, whatever the caller has set."""
    with contextlib.ExitStack() as stack, torch.inference_mode(False), torch.enable_grad():
        if torch.get_default_device().type != "cpu":  # every operation passes through this mode
            stack.enter_context(torch.device("cpu"))
        yield
