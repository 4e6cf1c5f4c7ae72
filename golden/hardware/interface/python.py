# SPDX-License-Identifier: Apache-2.0
"""The generated blocks of ``isa.py`` and ``configuration.py``: names that editors can follow."""

from collections.abc import Iterator

from golden.hardware.interface import table

IN_ISA = ("DESCRIPTOR_FORMAT", "DESCRIPTOR_BYTES")


def _lines(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _constants(of_isa: bool) -> Iterator[str]:
    for c in table.CONSTANTS:
        if (c.name in IN_ISA) == of_isa:
            yield f"{c.name} = {c.value}  # {c.meaning}"


def codes() -> str:
    """Opcodes, targets, modes and error causes."""
    lines = [*_constants(of_isa=True)]
    for e in table.ENUMERATIONS:
        lines += [f"{e.prefix}_{c.name} = {c.value}  # {c.meaning}" for c in e.codes]
    return _lines(iter(lines))


def constants() -> str:
    """Numbers that are the same in every configuration."""
    return _lines(_constants(of_isa=False))


def parameters() -> str:
    """The fields of ``Hardware``."""
    return _lines(f"    {p.name}: int  # {p.meaning}" for p in table.PARAMETERS)
