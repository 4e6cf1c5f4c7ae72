# SPDX-License-Identifier: Apache-2.0
"""What hardware holds, and how a network that does not fit is told so: with the layer, the limit,
the value, and the smallest parameter of the hardware with which it would."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from golden.contract.errors import UserError

SHOWN = 5  # of the limits that one message tells


@dataclass(frozen=True)
class Widths:
    """Bits of an accumulator, a bias and a threshold, and of a value of the residual stream; by
    default those of every preset of the hardware."""

    acc_width: int = 20
    stream_width: int = 16

    @property
    def current(self) -> int:
        """The largest magnitude of a current; U = X + (U_prev >>> 1) stays below twice that."""
        return (1 << self.acc_width - 2) - 1

    @property
    def parameter(self) -> int:
        """The largest magnitude of a bias or a threshold."""
        return (1 << self.acc_width - 1) - 1


PRESETS = Widths()


@dataclass(frozen=True)
class Excess:
    """``what`` of a layer is ``value``, more than ``limit``.

    ``field``: the parameter of the hardware that sets the limit, is ``now`` and would have to be
    ``least``. Where there is none, ``advice`` says what to do.
    """

    layer: str
    what: str
    value: int
    limit: int
    field: str = ""
    now: int = 0
    least: int = 0
    advice: str = ""

    def __str__(self) -> str:
        where = f" with {self.field}={self.now}" if self.field else ""
        return f"{self.layer}: {self.what} is {self.value}, the limit{where} is {self.limit}"


def wide(
    layer: str, what: str, value: int, field: str, now: int, spare: int = 1
) -> Iterable[Excess]:
    """An Excess unless the magnitude ``value`` fits ``now`` bits of which ``spare`` are not its
    own: 1 for the sign, 2 if twice the value must fit."""
    value, limit = int(value), (1 << now - spare) - 1
    if value > limit:
        yield Excess(layer, what, value, limit, field, now, value.bit_length() + spare)


def largest_residual(layer: str, shares: Mapping[str, int]) -> str:
    """The words for the stream behind ``layer``, and what another layer has most part in; shares:
    by layer the largest value that it adds."""
    cause = max(shares, key=lambda name: shares[name])
    part = "" if cause == layer else f", up to {shares[cause]} of it from {cause},"
    return f"largest residual{part}"


def deep(
    layer: str, what: str, value: int, field: str, now: int, power_of_two: bool = False
) -> Iterable[Excess]:
    """An Excess unless ``value`` things fit a memory of ``now``."""
    value = int(value)
    if value > now:
        least = 1 << (value - 1).bit_length() if power_of_two else value
        yield Excess(layer, what, value, now, field, now, least)


def smallest(found: Iterable[Excess]) -> dict[str, int]:
    """By parameter of the hardware the smallest value that mends every one of ``found``."""
    fields: dict[str, int] = {}
    for excess in found:
        if excess.field:
            fields[excess.field] = max(fields.get(excess.field, 0), excess.least)
    return fields


def told(found: Iterable[Excess]) -> str:
    """The smallest parameters as changes of a configuration's name: acc_width=22,bank_depth=900."""
    return ",".join(f"{field}={value}" for field, value in smallest(found).items())


class LimitError(UserError):
    """A network does not fit hardware; ``found`` is what does not."""

    def __init__(self, message: str, found: Sequence[Excess]) -> None:
        super().__init__(message)
        self.found = list(found)


def refuse(found: Sequence[Excess]) -> None:
    """Raise LimitError if there are any: the limits in order, and what would mend them all."""
    if not found:
        return
    message = "; ".join(map(str, found[:SHOWN]))
    if len(found) > SHOWN:
        message += f"; and {len(found) - SHOWN} more"
    fields = told(found)
    advice = [f"use hardware with {fields} or a smaller network"] if fields else []
    advice += dict.fromkeys(excess.advice for excess in found if excess.advice)
    raise LimitError(f"{message}; {', and '.join(advice)}", found)
