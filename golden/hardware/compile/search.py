# SPDX-License-Identifier: Apache-2.0
"""Looks for a program that takes fewer cycles, by the compiler's own model: other tiles of layers,
other orders of those that are free to run in any.

Descent from what the plain rule found, so that the outcome is never worse: one layer after the
other, all tilings and places that it could have; over again until nothing gets better or the time
is over. What is found depends on the time that there was, and with it on the machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from golden.contract.errors import UserError
from golden.hardware.compile.compiled import Program, Search
from golden.hardware.compile.tiles import Plan
from golden.hardware.configuration import Hardware


def improved(
    plans: Sequence[Plan],
    plain: Program,
    assembled: Callable[[Sequence[Plan]], Program],
    seconds: float,
    free: bool,
) -> Program:
    """The best program that is found in ``seconds``, beginning with ``plain``, that of ``plans``.

    ``assembled`` makes the program of other plans, or raises UserError if they do not fit.
    ``free``: the layers need not run in the order of ``plans``.
    """
    began, tried, best, plans = time.monotonic(), 0, plain, list(plans)
    unseen = len(plans)  # layers that were not looked at since something got better
    index = 0
    while unseen and time.monotonic() - began < seconds:
        for other in _others(plans, index, plain.hardware, free):
            if time.monotonic() - began > seconds:
                break
            tried += 1
            try:
                program = assembled(other)
            except UserError:
                continue
            if program.estimate < best.estimate:
                best, plans, unseen = program, other, len(plans) + 1
                break
        index, unseen = (index + 1) % len(plans), unseen - 1
    best.search = Search(seconds, time.monotonic() - began, tried, plain.estimate, best.estimate)
    return best


def _others(plans: list[Plan], index: int, hardware: Hardware, free: bool) -> Iterator[list[Plan]]:
    """``plans`` with other tiles of one of them, or with that one elsewhere."""
    for plan in plans[index].others(hardware):
        yield [*plans[:index], plan, *plans[index + 1 :]]
    rest = plans[:index] + plans[index + 1 :]
    for place in range(len(plans) if free else 0):
        if place != index:
            yield [*rest[:place], plans[index], *rest[place:]]
