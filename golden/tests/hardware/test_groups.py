# SPDX-License-Identifier: Apache-2.0
"""The play of groups, banks and drains: cases whose cycles can be told by hand."""

import random

import pytest

from golden.hardware import groups
from golden.hardware.configuration import Hardware
from golden.hardware.groups import Accumulation, Token, Word, play

HARDWARE = Hardware.named("4x16")  # 4 groups, 8 banks


def word(*banks, length=1, **place):
    """A word with a row of ``length`` in each of ``banks``."""
    rows = [[] for _ in range(HARDWARE.banks)]
    for bank in banks:
        rows[bank].append(length)
    return Word(rows, **place)


def tokens(count, *accumulations, lines=1):
    return [Token([Accumulation(list(words), reads) for words, reads in accumulations], lines)
            for _ in range(count)]  # fmt: skip


def test_one_row():
    """Fetch, scan, request and grant, add, drain, end: nothing overlaps."""
    got = play(tokens(1, ([word(3)], 5)), HARDWARE)
    least = groups.FETCH + groups.SCAN + groups.ROW + groups.READ + 5 + groups.END
    assert least < got <= least + 6
    longer = play(tokens(1, ([word(3, length=7)], 5)), HARDWARE)
    assert longer == got + 6
    assert play(tokens(1, ([word(3)], 25)), HARDWARE) == got + 20
    assert play(tokens(1, ([word(3, line=12)], 5), lines=13), HARDWARE) == got + 12


def test_rows_overlap():
    """A row a cycle and group, whatever the number of words; groups share the tokens."""
    full = [word(*range(8), line=i) for i in range(40)]
    alone = play(tokens(1, (full, 1)), HARDWARE)
    assert 320 < alone < 320 + 60
    assert play(tokens(4, (full, 1)), HARDWARE) < alone + 25
    assert 2 * 320 < play(tokens(8, (full, 1)), HARDWARE) < 2 * 320 + 100


def test_one_bank_serves_one_group():
    same = [word(0, 0, line=i) for i in range(50)]
    assert play(tokens(1, (same, 1)), HARDWARE) < 180
    assert play(tokens(4, (same, 1)), HARDWARE) > 400


def test_rows_of_several_lengths():
    """Words of a group come one a cycle; a bank serves its rows in line, whoever they are for."""

    def cycles(*words, cost, ahead, groups=1):
        return play(tokens(groups, (list(words), 1)), HARDWARE, cost, ahead)

    # One row at a time: as without banks of their own.
    for length in 1, 7:
        one = word(3, length=length)
        assert cycles(one, cost=length, ahead=15) == cycles(one, cost=length, ahead=0)
    # Rows of two lengths by turns: all words of the group, one after the other, and little else ...
    mixed = [word(i % 8, length=2 if i % 2 else 8, line=i) for i in range(60)]
    together = sum(2 if i % 2 else 8 for i in range(60))
    for ahead in 4, 6, 15:
        assert together < cycles(*mixed, cost=5, ahead=ahead) < 1.05 * together + 50
    # ... one on its way at a time waits for the way of each, eight cycles from grant to grant.
    alone = cycles(*mixed, cost=1, ahead=1)
    assert 60 * (5 + 7.5) < alone < 60 * (5 + 8) + 50
    # Four groups and rows of many lengths: without a limit they stand before the wrong banks.
    drawn = random.Random(1)
    rows = [word(drawn.randrange(8), length=drawn.randrange(1, 13), line=i) for i in range(150)]
    free, held = (cycles(*rows, cost=1, ahead=ahead, groups=4) for ahead in (15, 3))
    assert held < free


def test_single_spikes():
    """Two words wait, a grant takes two cycles: one spike a word is still one a cycle."""
    single = [word(i % 8, line=i) for i in range(120)]
    assert 120 < play(tokens(1, (single, 1)), HARDWARE) < 120 + 60
    same = [word(3, line=i) for i in range(120)]
    assert play(tokens(1, (same, 1)), HARDWARE) == play(tokens(1, (single, 1)), HARDWARE)


@pytest.mark.parametrize("reads", [4, 40])
def test_drain(reads):
    """Two buffers: the drain of one beside the adds of the other, whichever takes longer."""
    parts = [([word(*range(8)), word(*range(8))], reads)] * 30
    got = play(tokens(1, *parts), HARDWARE)
    assert 30 * max(16, reads) < got < 30 * max(16, reads) + 16 + reads + 100


def test_silence():
    """A silent accumulation takes a cycle at least, a silent line one, and the drain its reads."""
    silent = tokens(1, *[([word()], 1)] * 50)
    assert 50 < play(silent, HARDWARE) < 50 * 8
    before = play(tokens(1, ([word(1), word(2)], 1)), HARDWARE)
    assert play(tokens(1, ([word(1), word(2, silent=30)], 1)), HARDWARE) >= before + 28
    assert play([], HARDWARE) < 60
