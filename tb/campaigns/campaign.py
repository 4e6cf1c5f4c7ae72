# SPDX-License-Identifier: Apache-2.0
"""Long random campaigns on the whole accelerator, in shards side by side."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor


def shards(
    run: Callable[[str, int, int], dict],
    what: str,
    count: int,
    jobs: int,
    seed: int,
    parts: int | None = None,
) -> list[dict]:
    """Results of ``run(name, seed, share)`` for ``parts`` shards (as many as ``jobs``) of ``count``
    in all, ``jobs`` at a time.

    The first of a build alone builds; the others wait for its lock and find the build made.
    """
    parts = parts or jobs
    share = [count // parts + (i < count % parts) for i in range(parts)]
    arguments = [(f"{what}-{i}", seed + i, n) for i, n in enumerate(share) if n]
    with ProcessPoolExecutor(min(jobs, len(arguments))) as pool:
        return list(pool.map(run, *zip(*arguments, strict=True)))


def fresh_seed(seed: int | None) -> int:
    """A seed to print, unless one was given."""
    return secrets.randbelow(2**30) + 1 if seed is None else seed
