"""The processes of a dask cluster instead of this machine's, for everything that is not training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from depthlib.errors import DepthError


@contextmanager
def workers_of(address: str | None) -> Iterator[None]:
    """Within it, joblib hands its work to the cluster's workers.

    Args:
        address: of a dask scheduler, such as ``tcp://10.0.0.5:8786``; None for this machine's own processes.

    Raises:
        DepthError: dask is not installed, no scheduler answers, or workers were killed at their work.
    """
    if address is None:
        yield
        return
    try:
        from dask.distributed import Client, KilledWorker
    except ImportError as error:
        raise DepthError(f"--cluster {address}: needs dask: `pip install distributed`.") from error
    from joblib import parallel_config

    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise DepthError(f"--cluster {address}: no scheduler answers ({error}). Start one: dask scheduler.") from error
    with client, parallel_config("dask", wait_for_workers_timeout=30):
        try:
            yield
        except KilledWorker as error:
            raise DepthError(
                f"--cluster {address}: its workers were killed at their work ({error}), perhaps for their memory. Give them "
                "more and run again: what was done is kept."
            ) from error
