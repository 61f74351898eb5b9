"""A Dask cluster, looked at before it is given work."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from importlib.util import find_spec
from typing import Any

import joblib

from backproof._core.errors import InputError
from backproof.training.blocks import Run

_SECONDS = 30
_SECONDS_TO_CONNECT = 10


@contextmanager
def cluster(address: str, run: Run) -> Iterator[dict[str, Any]]:
    """Have joblib's tasks done by the workers of a Dask scheduler.

    Raises
    ------
    InputError
        If it cannot be reached, has no workers, or a worker could not do the work.
    """
    if find_spec("distributed") is None:
        raise InputError("dask needs distributed: pip install 'backproof[dask]'")
    from distributed import Client

    _check_address(address)
    try:
        client: Any = Client(address, timeout=_SECONDS_TO_CONNECT, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise InputError(f"no Dask scheduler answers at {address}: {error}") from None
    with client:
        packages = ("backproof", "torch", *(("numba",) if run.engine == "fused" else ()))
        _check_workers(client, address, packages)
        _check_task(client, run)
        with joblib.parallel_config(
            "dask", client=client, scatter=[run], wait_for_workers_timeout=_SECONDS
        ):
            yield {}


def _check_address(address: str) -> None:
    """Refuse what is no address at once; a `Client` would try for long, and be loud about it."""
    from distributed.comm.addressing import get_address_host_port, parse_address

    try:
        if parse_address(address)[0] != "inproc":  # of this process: it has no port
            get_address_host_port(address)
    except ValueError as error:
        raise InputError(
            f"dask must be an address such as tcp://host:8786, got {address!r}: {error}"
        ) from None


def _check_workers(client: Any, address: str, packages: tuple[str, ...]) -> None:
    """Compare versions of packages, by a function that every Python can import."""
    if not client.scheduler_info()["workers"]:
        raise InputError(f"the Dask scheduler at {address} has no workers; start some")
    for package in packages:
        ours = metadata.version(package)
        places = client.run(metadata.version, package, on_error="return")
        places["the scheduler"] = _on_scheduler(client, package)
        for place, found in places.items():
            if isinstance(found, BaseException):
                raise InputError(f"{package} is not installed at {place}; here it is {ours}")
            if found != ours:
                raise InputError(f"{package} is {found} at {place}, but {ours} here")


def _on_scheduler(client: Any, package: str) -> Any:
    try:
        return client.run_on_scheduler(metadata.version, package)
    except metadata.PackageNotFoundError as error:
        return error


def _check_task(client: Any, run: Run) -> None:
    """Send what the tasks refer to; what cannot be loaded there would hang, not fail."""
    future = client.submit(_nothing, [spec.activation for spec in run.specs], pure=False)
    try:
        future.result(timeout=_SECONDS)
    except TimeoutError:
        raise InputError(
            f"no worker did a first task within {_SECONDS} s; see the logs of scheduler and "
            "workers, and whether they can import everything that the networks are made of"
        ) from None
    except Exception as error:
        raise InputError(
            f"the cluster cannot load what the networks are made of: {_cause(error)}; install it "
            "on the scheduler and the workers too"
        ) from None


def _cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).splitlines()[0]


def _nothing(what: object) -> None:
    """Do nothing: what came has been loaded."""
