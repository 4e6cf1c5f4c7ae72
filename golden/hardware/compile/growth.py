# SPDX-License-Identifier: Apache-2.0
"""All limits that a network breaks, and the smallest parameters that would do.

Every limit that the compiler finds broken names a parameter and the smallest value that would keep
it; that parameter grows, and the compiler finds the next, until the network compiles or a parameter
would leave its range.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from golden.contract.errors import UserError
from golden.contract.limits import Excess, LimitError, smallest, told
from golden.hardware.compile.compiled import Program
from golden.hardware.configuration import Hardware
from golden.hardware.interface import table


@dataclass
class Growth:
    """``program`` for ``hardware``, which holds it, or ``refusal``, why there is none.

    broken: by parameter the worst of the limits that it set before it grew.
    """

    hardware: Hardware
    program: Program | None = None
    refusal: str = ""
    broken: dict[str, Excess] = field(default_factory=dict)


def grow(attempt: Callable[[Hardware], Program], hardware: Hardware) -> Growth:
    """``hardware`` with parameters as large as ``attempt`` to compile for it asks for."""
    out = Growth(hardware)
    while True:
        try:
            out.program = attempt(out.hardware)
            return out
        except LimitError as error:
            for excess in error.found:
                known = out.broken.get(excess.field)
                if known is None:
                    out.broken[excess.field] = excess
                elif known.least < excess.least:  # of what the hardware was, not of what it grew to
                    out.broken[excess.field] = replace(excess, limit=known.limit, now=known.now)
            if any(not excess.field for excess in error.found):
                out.refusal = str(error)
                return out
            found = smallest(error.found)
        except UserError as error:  # nothing that a parameter would mend
            out.refusal = str(error)
            return out
        try:
            out.hardware = grown(out.hardware, found)
        except UserError as error:
            out.refusal = f"{'; '.join(map(str, out.broken.values()))}; {error}"
            return out


def whole(
    error: LimitError, attempt: Callable[[Hardware], Program], hardware: Hardware
) -> UserError:
    """``error`` of an ``attempt`` with the limits that show only when the first ones are mended."""
    found = grow(attempt, hardware)
    if found.refusal:
        return UserError(found.refusal)
    if smallest(found.broken.values()) == smallest(error.found):  # it says all of them itself
        return error
    message = "; ".join(map(str, found.broken.values()))
    advice = f"use hardware with {told(found.broken.values())} or a smaller network"
    return LimitError(f"{message}; {advice}", list(found.broken.values()))


def grown(hardware: Hardware, fields: dict[str, int]) -> Hardware:
    """``hardware`` with larger ``fields``; a wide stream needs wide accumulators. UserError if that
    leaves the range of a parameter."""
    stream = fields.get("stream_width", hardware.stream_width)
    wide = max(fields.get("acc_width", hardware.acc_width), stream + 2)
    if wide != hardware.acc_width:
        fields = fields | {"acc_width": wide}
    for p in table.PARAMETERS:
        if fields.get(p.name, 0) > p.high:
            raise UserError(f"hardware {p.name} would have to be {fields[p.name]}, the most is "
                            f"{p.high}; use a smaller network")  # fmt: skip
    return replace(hardware, **fields)
