# SPDX-License-Identifier: Apache-2.0
"""Groups, banks and drains of one layer, cycle by cycle: who issues which row when.

The inputs are what the scanners find (:class:`Token`); what comes out is a number of cycles. The
numbers here are the latencies of the modules of rtl/ that they name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from golden.hardware.banks import Banks
from golden.hardware.configuration import Hardware

FETCH = 8  # psf_dispatcher, psf_patch_fetch: from a free half to the first line in the patch
SCAN = 6  # psf_scanner: from a line to its first word in the window
ROW = 10  # psf_weight_system, psf_lanes: from a grant until its first word is added
READ = 1  # psf_drain: from a complete accumulation to its first read
END = 14  # psf_drain to psf_line_writer: from the last read until the layer is done
IDLE = -1


@dataclass
class Word:
    """Rows of a window's spike word: their lengths by bank. It comes after ``silent`` lines without
    a spike, from line ``line`` of the token."""

    rows: list[list[int]]
    silent: int = 0
    line: int = 0


@dataclass
class Accumulation:
    """What is drained at once: its words, and how many reads of the lanes the drain takes."""

    words: list[Word]
    reads: int


@dataclass
class Token:
    """What the patch of a token holds; ``lines``: how many lines it has."""

    accumulations: list[Accumulation]
    lines: int


@dataclass
class _Sum:
    """An accumulation on its way."""

    reads: int
    closed: bool = False  # its last word has been issued
    added: int = 0  # when the last row so far will have been added
    waiting: int = 0  # rows on their way of which that is not known
    free: int | None = None  # when its buffer is free again


class _Slot:
    """A word in the spike window."""

    def __init__(self, word: Word, last: bool, into: _Sum, before: _Sum | None):
        self.rows, self.last, self.into, self.before = (
            [list(r) for r in word.rows],
            last,
            into,
            before,
        )
        self.left = sum(map(len, self.rows))
        self.want = sum(1 << b for b, rows in enumerate(self.rows) if rows)
        self.many = sum(1 << b for b, rows in enumerate(self.rows) if len(rows) > 1)

    def open(self, now: int) -> bool:
        """Whether the accumulation that had the buffer before is drained."""
        return self.before is None or (self.before.free is not None and self.before.free <= now)

    def take(self, bank: int) -> int:
        """The length of a row that leaves."""
        rows = self.rows[bank]
        length = rows.pop()
        self.left -= 1
        if not rows:
            self.want &= ~(1 << bank)
        if len(rows) < 2:
            self.many &= ~(1 << bank)
        return length


@dataclass
class _Group:
    number: int
    tokens: Iterator[Token]
    slots: list[_Slot] = field(default_factory=list)  # at most two, the older one first
    items: deque = field(default_factory=deque)  # (when at the earliest, word, last, sum, before)
    scanned: int = 0  # when the scanner is at the end of its token
    halves: tuple[int, int] = (0, 0)  # when the halves of the patch buffer are free
    fetched: int = 0
    sums: tuple[_Sum | None, _Sum | None] = (None, None)  # the last two
    drain: deque = field(default_factory=deque)  # accumulations in order
    drained: int = 0  # when the drain is free
    grant: int = IDLE  # bank, of the cycle before
    want: int = 0
    many: int = 0
    busy: int = 0
    done: bool = False


def play(tokens: Iterable[Token], hardware: Hardware, cost: int = 1, ahead: int = 0) -> int:
    """Cycles from the start of a layer until all its words are written.

    cost, ahead: fields row_cost and rows_ahead of the layer. Without `ahead` a group and its bank
    are taken for as long as a row has words.
    """
    source, now = iter(tokens), 0
    groups = [_Group(number, source) for number in range(hardware.groups)]
    banks = Banks(hardware, ahead) if ahead else None
    busy = [0] * hardware.banks
    turn = start = 0
    offset = max(hardware.banks // hardware.groups, 1)
    while not all(g.done and not g.slots and not g.drain for g in groups):
        wants = [g.want & (g.many | ~(1 << g.grant if g.grant != IDLE else 0)) for g in groups]
        for g in groups:
            _window(g, now, banks)
            _drain(g, now)
        if banks:
            banks.step(now)
        granted = False
        for i in range(hardware.groups):
            g = groups[(turn + i) % hardware.groups]
            g.grant = IDLE
            want = wants[(turn + i) % hardware.groups]
            if not want or g.busy > now or (banks and not banks.room(g.number)):
                continue
            for k in range(hardware.banks):
                bank = (start + i * offset + k) % hardware.banks
                if not want >> bank & 1 or busy[bank] > now or (banks and not banks.ready(bank)):
                    continue
                slot = next(s for s in g.slots if s.rows[bank] and s.open(now))
                g.busy = busy[bank] = now + (cost if banks else slot.rows[bank][-1])
                g.grant, granted = bank, True
                if banks:
                    banks.granted(g.number)
                break
        turn += granted
        start += 1 + offset * granted
        now += 1
    return max(now, *(g.drained for g in groups)) + END


def _window(g: _Group, now: int, banks: Banks | None) -> None:
    """A cycle of the spike window: what was granted leaves, words retire and come in."""
    slots = g.slots
    if g.grant != IDLE:
        slot = next(s for s in slots if s.want >> g.grant & 1 and s.open(now))
        length = slot.take(g.grant)
        if banks:
            banks.request(now, g.number, g.grant, length, slot.into)
        else:
            slot.into.added = max(slot.into.added, now + ROW + length)
    if slots and not slots[0].left and (not slots[0].last or slots[0].open(now)):
        slot = slots.pop(0)
        slot.into.closed = slot.last
    elif len(slots) > 1 and not slots[1].left and not slots[0].last:
        slots[0].last = slots.pop(1).last
    elif len(slots) > 1 and not slots[1].left and not slots[1].last:
        slots.pop(1)
    if len(slots) < 2:
        if not g.items and not g.done:
            _scan(g, now)
        if g.items and g.items[0][0] <= now:
            _, *what = g.items.popleft()
            slots.append(_Slot(*what))
            if g.items and g.items[0][0] <= now:  # a word a cycle
                g.items[0] = (now + 1, *g.items[0][1:])
    shown = [s for s in slots if s.left and s.open(now)]
    g.want = g.many = 0
    for s in shown:
        g.many |= s.many | g.want & s.want
        g.want |= s.want


def _scan(g: _Group, now: int) -> None:
    """Take the next token; its words with the cycles in which they can come at the earliest."""
    token = next(g.tokens, None)
    if token is None:
        g.done = True
        return
    begun = max(g.fetched, g.halves[0]) + FETCH
    g.fetched = begun + token.lines - FETCH
    at = max(now, g.scanned)
    for accumulation in token.accumulations:
        into = _Sum(accumulation.reads)
        before, g.sums = g.sums[0], (g.sums[1], into)
        g.drain.append(into)
        for i, word in enumerate(accumulation.words):
            at = max(at + 1 + word.silent, begun + word.line + SCAN)
            last = i == len(accumulation.words) - 1
            g.items.append((at, word, last, into, before))
    g.scanned = at
    g.halves = g.halves[1], at


def _drain(g: _Group, now: int) -> None:
    """Read what is complete."""
    while g.drain and g.drain[0].closed and not g.drain[0].waiting and g.drain[0].added <= now:
        one = g.drain.popleft()
        g.drained = max(g.drained, now + READ) + one.reads
        one.free = g.drained
