# SPDX-License-Identifier: Apache-2.0
"""Compile the SystemRDL description into plain objects: registers, fields, access, reset values."""

import enum
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from systemrdl import RDLCompiler
from systemrdl.node import AddrmapNode, FieldNode, RegNode
from systemrdl.rdltypes import OnWriteType

RDL = Path(__file__).resolve().with_name("psf_regs.rdl")


class Access(enum.Enum):
    """What software may do with a field."""

    RO = "read only"
    RW = "read and write"
    WO = "write only, a pulse"
    W1C = "write 1 to clear"
    W1S = "write 1 to set"


@dataclass(frozen=True)
class Field:
    """Bits ``low .. low + width - 1`` of a register; ``reset`` None: no reset value (a RAM).

    ``constant``: the hardware never changes it. ``sampled``: a run uses the value it began with.
    ``spared``: a soft reset does not touch it. ``codes``: name -> value of an enumeration.
    """

    name: str
    low: int
    width: int
    access: Access
    reset: int | None
    constant: bool
    sampled: bool
    spared: bool
    codes: Mapping[str, int]

    @property
    def mask(self) -> int:
        """The bits of the field, in place."""
        return ((1 << self.width) - 1) << self.low

    def of(self, word: int) -> int:
        """The field's value in a register word."""
        return (word & self.mask) >> self.low


@dataclass(frozen=True)
class Register:
    """One 32-bit word; of an array, the element at ``address``."""

    name: str
    address: int
    lockable: bool
    fields: tuple[Field, ...]

    def __getitem__(self, name: str) -> Field:
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(f"{self.name} has no field {name}; it has {[f.name for f in self.fields]}")

    @property
    def writable(self) -> bool:
        """Whether a write is answered OKAY."""
        return any(field.access is not Access.RO for field in self.fields)

    @property
    def reset(self) -> int | None:
        """The word after reset; None if a field has no reset value."""
        if any(field.reset is None for field in self.fields):
            return None
        return sum(f.reset << f.low for f in self.fields if f.access is not Access.WO)

    def pack(self, **values: int) -> int:
        """The word with these field values, 0 elsewhere. ValueError if one does not fit."""
        word = 0
        for name, value in values.items():
            field = self[name]
            if not 0 <= value < 1 << field.width:
                raise ValueError(f"{self.name}.{name} has {field.width} bits, {value} does not fit")
            word |= value << field.low
        return word

    def unpack(self, word: int) -> dict[str, int]:
        """Field name -> value."""
        return {field.name: field.of(word) for field in self.fields}


class RegisterMap(Mapping[str, Register]):
    """Registers by name, in the order of their addresses; ``COUNTERS[3].ROWS`` is a name, too."""

    def __init__(self, registers: list[Register]) -> None:
        self._by_name = {r.name: r for r in sorted(registers, key=lambda r: r.address)}
        self._by_address = {r.address: r for r in registers}

    def __getitem__(self, name: str) -> Register:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def at(self, address: int) -> Register | None:
        """The register that contains the byte at ``address``; None if nothing is there."""
        return self._by_address.get(address & ~3)


def elaborate(parameters: Mapping[str, int] | None = None) -> AddrmapNode:
    """Compile the RDL. ``parameters`` are SystemVerilog's (``Hardware.sv_parameters()``)."""
    compiler = RDLCompiler()
    compiler.compile_file(str(RDL))
    return compiler.elaborate(parameters=dict(parameters or {})).top


def load(parameters: Mapping[str, int] | None = None) -> RegisterMap:
    """The register map of a build with these SystemVerilog parameters (default: psf_accel's)."""
    return _load(tuple(sorted((parameters or {}).items())))


@functools.cache
def _load(parameters: tuple[tuple[str, int], ...]) -> RegisterMap:
    top = elaborate(dict(parameters))
    registers = [
        _register(node) for node in top.descendants(unroll=True) if isinstance(node, RegNode)
    ]
    return RegisterMap(registers)


def _register(node: RegNode) -> Register:
    return Register(
        name=node.get_path().partition(".")[2],
        address=node.absolute_address,
        lockable=bool(node.get_property("lockable")),
        fields=tuple(_field(field) for field in node.fields()),
    )


def _field(node: FieldNode) -> Field:
    encode = node.get_property("encode")
    return Field(
        name=node.inst_name,
        low=node.low,
        width=node.width,
        access=_access(node),
        reset=node.get_property("reset"),
        constant=not node.is_hw_writable and not node.is_sw_writable,
        sampled=bool(node.get_property("sampled")),
        spared=bool(node.get_property("spared")),
        codes={code.name: code.value for code in encode} if encode else {},
    )


def _access(node: FieldNode) -> Access:
    special = {OnWriteType.woclr: Access.W1C, OnWriteType.woset: Access.W1S}
    plain = {(True, False): Access.RO, (True, True): Access.RW, (False, True): Access.WO}
    on_write = node.get_property("onwrite")
    if on_write in special:
        return special[on_write]
    if on_write is not None or node.get_property("onread") is not None:
        raise ValueError(f"{node.get_path()}: onwrite={on_write} or onread has no name here")
    return plain[(node.is_sw_readable, node.is_sw_writable)]
