# SPDX-License-Identifier: Apache-2.0
"""The kinds of entries in ``table.py``."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Constant:
    """A number that both sides use. ``name`` is the Python one, ``sv`` the SystemVerilog one."""

    name: str
    value: int
    meaning: str

    @property
    def sv(self) -> str:
        return camel(self.name)


@dataclass(frozen=True)
class Code:
    """One value of an enumeration."""

    name: str
    value: int
    meaning: str


@dataclass(frozen=True)
class Cause(Code):
    """Why a run stopped. ``found_by``: the module; ``address``: ERROR_ADDR holds a bus address."""

    found_by: str
    address: bool = False


@dataclass(frozen=True)
class Enumeration:
    """Codes of ``bits`` bits, called ``<prefix>_<name>`` in both languages."""

    prefix: str
    bits: int
    meaning: str
    codes: tuple[Code, ...]


@dataclass(frozen=True)
class Field:
    """``bits`` bits of a packed struct, numbered from ``lsb`` on, or of the struct ``type``.

    A field of a descriptor lies in word ``word`` from bit ``low`` on.
    """

    name: str
    bits: int
    meaning: str
    lsb: int = 0
    word: int = -1
    low: int = 0
    type: str = ""


@dataclass(frozen=True)
class Struct:
    """A packed struct ``psf_pkg::<name>``; the first field is the most significant one."""

    name: str
    meaning: str
    fields: tuple[Field, ...]

    @property
    def bits(self) -> int:
        return sum(f.bits for f in self.fields)

    def member(self, name: str, meaning: str) -> Field:
        """A field ``name`` of this type, for another struct."""
        return Field(name, self.bits, meaning, type=self.name)


@dataclass(frozen=True)
class Descriptor:
    """What follows one opcode; ``struct`` is how the hardware calls it, empty: no struct."""

    opcode: str
    struct: str
    meaning: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Record:
    """How the data of a load look in memory and where record i goes to."""

    target: str
    contents: str
    place: str


@dataclass(frozen=True)
class Counter:
    """One of the counters of a layer, in the order of their addresses."""

    name: str
    title: str
    meaning: str


@dataclass(frozen=True)
class Parameter:
    """A parameter of the hardware, from ``low`` to ``high``; ``presets``: configuration -> value.

    ``condition`` is what else must hold, in words (golden.hardware.configuration checks it).
    """

    name: str
    low: int
    high: int
    power_of_two: bool
    meaning: str
    condition: str
    presets: Mapping[str, int]

    @property
    def sv(self) -> str:
        return camel(self.name)


def camel(name: str) -> str:
    """``acc_width`` or ``ACC_WIDTH`` as ``AccWidth``."""
    return "".join(part.capitalize() for part in name.split("_"))
