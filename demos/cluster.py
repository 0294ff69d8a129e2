"""Runs on the workers of a Dask cluster, which is asked whether it is there before the work."""

from __future__ import annotations

import asyncio
import sys
from functools import cache
from typing import Any

import joblib

SECONDS_TO_ANSWER = 15  # for a scheduler
SECONDS_FOR_WORKERS = 30  # a cluster that is just starting has none yet


def check(address: str) -> None:
    """End the program with a sentence where the Dask scheduler at `address` cannot be reached, is
    silent or has no workers."""
    fault = fault_of(address)
    if fault:
        sys.exit(f"--scheduler {address}: {fault}.")


def config(address: str) -> Any:
    """joblib on the workers of that scheduler, which need this project installed.

    A worker that a nanny starts, as `dask worker` does, keeps BLAS to one thread by itself.
    """
    return joblib.parallel_config(
        "dask", scheduler_host=address, wait_for_workers_timeout=SECONDS_FOR_WORKERS
    )


@cache
def fault_of(address: str) -> str:
    """Why a cluster cannot be used, in a sentence; "" where it can be."""
    try:
        import distributed.core
    except ImportError as error:
        return f"expected the package distributed, got: {error}; install the extra dask"
    try:
        workers = asyncio.run(workers_at(distributed.core, address))
    except TimeoutError:
        return f"expected a Dask scheduler, got no answer within {SECONDS_TO_ANSWER} s"
    except Exception as error:  # whatever another program answers, or an address that is none
        return f"expected the address of a Dask scheduler, tcp://host:port, got: {error}"
    if not workers:
        return f"expected a scheduler with workers, got none within {SECONDS_FOR_WORKERS} s"
    return ""


async def workers_at(core: Any, address: str) -> int:
    """How many workers the scheduler has, as soon as it has one; 0 after SECONDS_FOR_WORKERS."""
    for _ in range(SECONDS_FOR_WORKERS):
        identity = await asyncio.wait_for(ask(core, address), SECONDS_TO_ANSWER)
        if identity["workers"]:
            return len(identity["workers"])
        await asyncio.sleep(1)
    return 0


async def ask(core: Any, address: str) -> Any:
    """What the scheduler says of itself."""
    comm = await core.connect(address, timeout=SECONDS_TO_ANSWER)
    try:
        return await core.send_recv(comm, op="identity")
    finally:
        comm.abort()
