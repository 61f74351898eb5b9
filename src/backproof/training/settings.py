"""What PyTorch is set to around a computation: threads, recording, device."""

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def single_threaded() -> Iterator[None]:
    """Let every tensor operation use one thread, for code that runs several of them side by side.

    Also for forwards well under a millisecond, in which a second thread costs more than it brings.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextlib.contextmanager
def recording_on_cpu() -> Iterator[None]:
    """Record gradients, and make tensors on the CPU, whatever the caller has set."""
    with contextlib.ExitStack() as stack, torch.inference_mode(False), torch.enable_grad():
        if torch.get_default_device().type != "cpu":  # every operation passes through this mode
            stack.enter_context(torch.device("cpu"))
        yield
