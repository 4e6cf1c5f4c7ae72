# SPDX-License-Identifier: Apache-2.0
"""How far a training is in its schedule, by steps or by time."""

from __future__ import annotations

import time

import torch

from golden.lab.train.distributed import ranks


class Clock:
    """Position in a schedule of so many `steps`: the steps that are done or, if `minutes` is not 0,
    the share of the minutes that is over, whichever is further. So the learning rate has come down
    when the time ends, also where the steps would have taken longer.

    seconds: spent before, by the part of a training that is resumed.
    """

    def __init__(self, steps: int, minutes: float, seconds: float = 0.0) -> None:
        self.steps, self._limit = steps, 60 * minutes
        self._began = time.monotonic() - seconds

    @property
    def seconds(self) -> float:
        """Spent up to now."""
        return time.monotonic() - self._began

    def position(self, done: int) -> int:
        """In 0..steps, after `done` steps; the same in all processes."""
        if not self._limit:
            return done
        spent = ranks().mean(torch.tensor(self.seconds, dtype=torch.float64))
        return max(done, int(min(spent / self._limit, 1.0) * self.steps))
