# SPDX-License-Identifier: Apache-2.0
"""Weight banks whose rows differ in length, cycle by cycle: requests stand in line before a bank,
and a group takes one word a cycle, row by row, from the banks that hold one for it.

The numbers are the latencies of psf_issue, psf_weight_bank and psf_weight_system. Where all rows of
a layer are equally long, the pace of the grants keeps banks and groups apart, and none of this is
needed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

from golden.hardware.configuration import Hardware

WAY = 5  # from a request until its first word can be taken
ADDED = 6  # from the last word of a row until it is added
HEARD = 3  # from the last word of a row until the arbiter knows
LINE = 6  # requests before a bank, those on their way included, with which it is still ready


class Sum(Protocol):
    """What rows are added to: how many are on their way, and when those that came are added."""

    waiting: int
    added: int


@dataclass
class _Row:
    group: int
    left: int  # words
    into: Sum
    at: int  # when its first word can be taken, if the bank is free


class Banks:
    """The banks of a layer. ahead: rows of a group between their grant and their last word."""

    def __init__(self, hardware: Hardware, ahead: int) -> None:
        self.ahead = ahead
        self.lines: list[deque[_Row]] = [deque() for _ in range(hardware.banks)]
        self.served: list[_Row | None] = [None] * hardware.banks
        self.on_their_way = [0] * hardware.groups
        self.heard: deque[tuple[int, int]] = deque()  # (when, group)
        self.bank_of: list[int | None] = [None] * hardware.groups  # amid a row
        self.first = [0] * hardware.groups  # bank that is asked first

    def room(self, group: int) -> bool:
        """Whether a group may have another row on its way."""
        return self.on_their_way[group] < self.ahead

    def ready(self, bank: int) -> bool:
        """Whether there is room in the line before a bank."""
        return len(self.lines[bank]) < LINE

    def granted(self, group: int) -> None:
        """A group was granted a bank."""
        self.on_their_way[group] += 1

    def request(self, now: int, group: int, bank: int, length: int, into: Sum) -> None:
        """Its row."""
        into.waiting += 1
        self.lines[bank].append(_Row(group, length, into, now + WAY))

    def step(self, now: int) -> None:
        """A cycle: every group takes a word, if a bank holds one for it."""
        while self.heard and self.heard[0][0] <= now:
            self.on_their_way[self.heard.popleft()[1]] -= 1
        for bank, line in enumerate(self.lines):
            if self.served[bank] is None and line and line[0].at <= now:
                self.served[bank] = line.popleft()
        for group in range(len(self.bank_of)):
            bank = self._choose(group)
            if bank is None:
                continue
            row = self.served[bank]
            assert row is not None
            row.left -= 1
            self.bank_of[group] = bank if row.left else None
            if not row.left:
                self.served[bank] = None
                row.into.waiting -= 1
                row.into.added = max(row.into.added, now + ADDED)
                self.heard.append((now + HEARD, group))

    def _choose(self, group: int) -> int | None:
        """The bank that a group takes a word from: that of its row, or the next with one for it."""
        if self.bank_of[group] is not None:
            return self.bank_of[group]
        count = len(self.served)
        for k in range(count):
            bank = (self.first[group] + k) % count
            row = self.served[bank]
            if row is not None and row.group == group:
                self.first[group] = (bank + 1) % count
                return bank
        return None
