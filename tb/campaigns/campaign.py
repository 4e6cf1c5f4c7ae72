# SPDX-License-Identifier: Apache-2.0
"""Long random campaigns on the whole accelerator, in shards side by side."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor


def shards(run: Callable[[str, int, int], dict], what: str, count: int, jobs: int, seed: int):
    """Results of ``run(name, seed, share)`` for ``jobs`` shards of ``count`` in all.

    The first shard alone builds; the others wait for its lock and find the build made.
    """
    share = [count // jobs + (i < count % jobs) for i in range(jobs)]
    arguments = [(f"{what}-{i}", seed + i, n) for i, n in enumerate(share) if n]
    with ProcessPoolExecutor(len(arguments)) as pool:
        return list(pool.map(run, *zip(*arguments, strict=True)))


def fresh_seed(seed: int | None) -> int:
    """A seed to print, unless one was given."""
    return secrets.randbelow(2**30) + 1 if seed is None else seed
