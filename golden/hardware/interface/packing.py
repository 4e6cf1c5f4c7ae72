# SPDX-License-Identifier: Apache-2.0
"""Packed structs as plain numbers: a struct port is one flat vector, its first field on top."""

from collections.abc import Mapping

from golden.hardware.interface import structs, table

_STRUCTS = {s.name: {f.name: f.bits for f in s.fields} for s in structs.STRUCTS}
_STRUCTS["config_t"] = {p.sv: 32 for p in table.PARAMETERS}


def widths(struct: str) -> dict[str, int]:
    """Field -> bits of ``psf_pkg::<struct>``, the most significant field first."""
    return dict(_STRUCTS[struct])


def size(struct: str) -> int:
    """Bits of the struct."""
    return sum(_STRUCTS[struct].values())


def pack(struct: str, values: Mapping[str, int]) -> int:
    """The vector with these values, 0 elsewhere. ValueError if one is unknown or does not fit."""
    fields = _STRUCTS[struct]
    if unknown := values.keys() - fields.keys():
        raise ValueError(f"{struct} has no field {sorted(unknown)}")
    vector = 0
    for name, width in fields.items():
        value = int(values.get(name, 0))
        if not 0 <= value < 1 << width:
            raise ValueError(f"{struct}.{name} = {value} does not fit into {width} bits")
        vector = vector << width | value
    return vector


def unpack(struct: str, vector: int) -> dict[str, int]:
    """Field -> value of a vector."""
    values = {}
    for name, width in reversed(_STRUCTS[struct].items()):
        values[name] = vector & (1 << width) - 1
        vector >>= width
    if vector:
        raise ValueError(f"a {struct} has {size(struct)} bits, the vector has more")
    return dict(reversed(values.items()))


def literal(struct: str, values: Mapping[str, int]) -> str:
    """The packed ``struct`` as a sized SystemVerilog number, its first field on top."""
    return f"{size(struct)}'h{pack(struct, values):0{-(-size(struct) // 4)}x}"
