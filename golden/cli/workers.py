# SPDX-License-Identifier: Apache-2.0
"""Dask workers of commands that do many things side by side: local ones, or those of a scheduler.

Workers on other machines need the same folder, checkout and data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from distributed import Client, LocalCluster, as_completed

from golden.contract.errors import UserError

Task = TypeVar("Task")
Result = TypeVar("Result")


@contextmanager
def connect(workers: int, scheduler: str | None) -> Iterator[Client]:
    """A client of `workers` local processes of one thread each, or of the scheduler given."""
    if scheduler is None:
        with (
            LocalCluster(n_workers=workers, threads_per_worker=1, processes=True,
                         memory_limit=None, dashboard_address="127.0.0.1:0") as cluster,
            Client(cluster) as client,
        ):  # fmt: skip
            yield client
        return
    try:
        client = Client(scheduler, timeout=10)
    except (OSError, ValueError) as error:
        raise UserError(
            f"there is no dask scheduler at {scheduler} ({str(error).splitlines()[0]}); start one "
            "with `dask scheduler` and workers with `dask worker`"
        ) from None
    with client:
        yield client


def completed(
    client: Client, function: Callable[[Task], Result], tasks: Sequence[Task]
) -> Iterator[tuple[Task, Result]]:
    """Each of `tasks` with the result of `function`, as they become known."""
    futures = client.map(function, list(tasks), pure=False)
    task_of = dict(zip((f.key for f in futures), tasks, strict=True))
    for future, result in as_completed(futures, with_results=True):
        yield task_of[future.key], result
