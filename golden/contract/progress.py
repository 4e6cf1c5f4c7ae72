# SPDX-License-Identifier: Apache-2.0
"""How far a long work is, on stderr: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

T = TypeVar("T")
AFTER_S = 5.0  # shorter works show nothing
EVERY_S = 30.0  # between plain lines


class Progress:
    """what: is done, as in 'simulating'.  unit: what is counted, as in 'images'.  quiet: nothing is
    shown, as by all but the first of several processes."""

    def __init__(self, what: str, unit: str = "", quiet: bool = False) -> None:
        self.what, self.unit, self.quiet = what, unit, quiet
        self._began = time.monotonic()
        self._next = AFTER_S
        self._console = Console(stderr=True)
        self._bars: Bars | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def update(self, done: int | None = None, total: int | None = None, note: str = "") -> None:
        """Say that ``done`` of ``total`` are done; cheap, so that it can be called often."""
        seconds = time.monotonic() - self._began
        if seconds < AFTER_S or self.quiet:
            return
        count = "" if done is None else f"{done:,} of {total:,} {self.unit}"
        text = ", ".join(x for x in (count, note) if x)
        if self._console.is_terminal:
            self._draw(done, total, text)
        elif seconds >= self._next:
            self._next = seconds + EVERY_S
            print(f"{self.what}: {text + ', ' if text else ''}{seconds:.0f} s", file=sys.stderr)
            sys.stderr.flush()

    def _draw(self, done: int | None, total: int | None, text: str) -> None:
        if self._bars is None:
            columns = (TextColumn("{task.description}"), BarColumn(20), TimeElapsedColumn())
            self._bars = Bars(*columns, console=self._console, transient=True)
            self._bars.add_task(self.what)
            self._bars.start()
        description = f"{self.what}: {text}" if text else self.what
        self._bars.update(
            self._bars.task_ids[0], description=description, completed=done or 0, total=total
        )

    def end(self) -> None:
        """Take the bar away."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


def over(items: Sequence[T] | Iterable[T], what: str, unit: str, total: int) -> Iterator[T]:
    """The items, with progress."""
    with Progress(what, unit) as shown:
        for done, item in enumerate(items):
            shown.update(done, total)
            yield item
