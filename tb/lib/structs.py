# SPDX-License-Identifier: Apache-2.0
"""Fields of struct ports as handles of their own.

A simulator shows a port of a type from psf_pkg as one vector. A ``View`` of the design has, beside
its ports, one name per field, so that drivers and monitors need not know::

    dut = View(dut, {"status_i": ("status_t", "{}_i")})
    dut.busy_i.value = 1     # the other fields of status_i stay
"""

from __future__ import annotations

from collections.abc import Mapping

from cocotb.handle import Immediate
from cocotb.types import LogicArray

from golden.hardware.interface import structs
from tb.lib.bench import at_once
from tb.lib.load import PORTS

_STRUCTS = {s.name: s for s in structs.STRUCTS}


class Port:
    """A struct port: its handle, and what was written to it last."""

    def __init__(self, handle) -> None:
        self.handle, self.vector = handle, 0


class Member:
    """``width`` bits of a port from ``low`` on; as a handle, as far as benches need one."""

    def __init__(self, port: Port, name: str, low: int, width: int) -> None:
        self.port, self._name, self.low, self.width = port, name, low, width

    def __len__(self) -> int:
        return self.width

    @property
    def value(self):
        """The bits as the simulator has them."""
        bits = str(self.port.handle.value)
        return LogicArray(bits[len(bits) - self.low - self.width : len(bits) - self.low])

    @value.setter
    def value(self, value) -> None:
        immediate = isinstance(value, Immediate)
        bits = int(value.value if immediate else value)
        if not 0 <= bits < 1 << self.width:
            raise OverflowError(f"{self._name}: {bits} does not fit into {self.width} bits")
        others = self.port.vector & ~(((1 << self.width) - 1) << self.low)
        self.port.vector = others | bits << self.low
        self.port.handle.value = Immediate(self.port.vector) if immediate else self.port.vector

    def setimmediatevalue(self, value) -> None:
        """What cocotbext-axi begins with; unknown bits are 0 here."""
        at_once(self, int(str(value).replace("X", "0"), 2))


def _fields(struct: str, low: int = 0) -> dict[str, tuple[int, int]]:
    """Field -> (low, width); those of structs inside, too, unless the outer one has the name."""
    own, inner = {}, {}
    for field in reversed(_STRUCTS[struct].fields):
        own[field.name] = (low, field.bits)
        if field.type:
            inner |= _fields(field.type, low)
        low += field.bits
    return inner | own


class View:
    """``dut`` with further names: ``ports`` is port -> (struct, pattern of the names).

    ``loads``: the direction (``i`` or ``o``) of write ports of loads, which get a name for what is
    written to each target (``weight_valid_o``, ``row_data_o``, as in tb.lib.load.PORTS).
    """

    def __init__(self, dut, ports: Mapping[str, tuple[str, str]], loads: str | None = None) -> None:
        self._dut = dut
        for name, (struct, pattern) in ports.items():
            port = Port(getattr(dut, name))
            for field, place in _fields(struct).items():
                label = pattern.format(field)
                setattr(self, label, Member(port, label, *place))
        if loads:
            self._loads(loads)

    def _loads(self, way: str) -> None:
        port, places = Port(self[f"write_{way}"]), _fields("load_write_t")
        for target, fields in PORTS.items():
            for field, place in ({"valid": target} | {n: n for n in fields if n in places}).items():
                name = f"{target}_{field}_{way}"
                setattr(self, name, Member(port, name, *places[place]))
            if target in ("row", "logit"):
                setattr(self, f"{target}_data_{way}", self[f"entry_data_{way}"])

    def __getitem__(self, name: str):
        return getattr(self._dut, name)

    def __getattr__(self, name: str):
        return getattr(self._dut, name)
