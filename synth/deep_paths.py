# SPDX-License-Identifier: Apache-2.0
"""The longest paths of a netlist of an ECP5 before it is placed: seconds instead of minutes.

A guess: every cell takes what speed grade 6 says (rounded from nextpnr's timing of the LFE5U), and
every net the same. A large block has longer nets than that, so these figures compare paths, and say
where to cut; they are no clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

NET = 0.85  # ns of any net into a LUT, an adder or a pin
START = {"TRELLIS_FF": 0.52, "DP16KD": 5.6, "PDPW16KD": 5.6}  # clock to output
PORT = 0.5  # an input of the module
LUT, MUX, ADD, SUM, CARRY, RAM = 0.24, 0.2, 0.45, 0.25, 0.05, 0.25
MUX_SELECT = {"PFUMX": "C0", "L6MUX21": "SD"}
ENDS = {  # pins that a path ends at
    "TRELLIS_FF": ("DI", "M", "CE", "LSR"),
    "TRELLIS_DPR16X4": ("DI", "WAD", "WRE"),
    "DP16KD": None,  # all but its clocks
    "PDPW16KD": None,
}


@dataclass(frozen=True)
class Path:
    """ns: guessed.  levels: LUTs and adders on it.  start, end: what the registers are called in
    the source, or a memory's cell."""

    ns: float
    levels: int
    start: str
    end: str


def deep_paths(netlist: dict, top: str, count: int = 5) -> list[dict]:
    """The longest paths of a flat netlist (Yosys' JSON), each from another register, the longest
    first."""
    return [asdict(path) for path in _Netlist(netlist["modules"][top]).longest(count)]


class _Netlist:
    def __init__(self, module: dict) -> None:
        self.cells = module["cells"]
        self.driver: dict[int, tuple[str, str]] = {}
        for name, cell in self.cells.items():
            for pin, bits in cell["connections"].items():
                if cell["port_directions"][pin] == "output":
                    self.driver |= {bit: (name, pin) for bit in bits if isinstance(bit, int)}
        self.names: dict[int, str] = {}
        for name, net in module["netnames"].items():
            made = "$" in name or "LUT4" in name or "TRELLIS" in name or "CCU2C" in name
            for i, bit in enumerate(net["bits"]):
                if not made or bit not in self.names:
                    self.names[bit] = f"{name}[{i}]" if len(net["bits"]) > 1 else name
        # Of a net: when it is there, what of that is LUTs and adders, and where it began.
        self.known: dict[int, tuple[float, int, int]] = {}

    def longest(self, count: int) -> Iterator[Path]:
        ends = []
        for name, cell in self.cells.items():
            if cell["type"] in ENDS:
                ends += [(*self._arrival(bit), name) for bit in self._pins(cell)]
        seen = set()
        for ns, levels, start, cell in sorted(ends, key=lambda e: -e[0]):
            name = self.names.get(start, "?")
            if name.partition("[")[0] not in seen:
                seen.add(name.partition("[")[0])
                yield Path(round(ns + NET, 2), levels, name, self._end(cell))
            if len(seen) == count:
                return

    def _pins(self, cell: dict) -> Iterator[int]:
        wanted = ENDS[cell["type"]]
        for pin, bits in cell["connections"].items():
            data = cell["port_directions"][pin] == "input" and not pin.startswith("CLK")
            if data and (wanted is None or pin in wanted):
                yield from (bit for bit in bits if isinstance(bit, int))

    def _end(self, name: str) -> str:
        """A register by what it holds, a memory by its cell."""
        held = self.cells[name]["connections"].get("Q", [None])[0]
        return self.names.get(held, name)

    def _arrival(self, bit: int) -> tuple[float, int, int]:
        """Without recursion, which the carries of a long adder would exhaust."""
        todo = [bit]
        while todo:
            at = todo[-1]
            if at in self.known:
                todo.pop()
                continue
            inputs = list(self._inputs(at))
            waiting = [b for b, *_ in inputs if b not in self.known]
            if waiting:
                todo += waiting
                continue
            if inputs:
                reached = [
                    (self.known[b][0] + ns, self.known[b][1] + level, self.known[b][2])
                    for b, ns, level in inputs
                ]
                self.known[at] = max(reached, key=lambda r: r[0])
            else:
                kind = self.cells[self.driver[at][0]]["type"] if at in self.driver else ""
                self.known[at] = (START.get(kind, PORT), 0, at)
        return self.known[bit]

    def _inputs(self, bit: int) -> Iterator[tuple[int, float, int]]:
        """Of the cell that drives a net: nets that it waits for, ns from there, and whether that is
        another level."""
        if bit not in self.driver:
            return
        name, output = self.driver[bit]
        cell = self.cells[name]
        kind, pins = cell["type"], cell["connections"]
        for pin, bits in pins.items():
            if cell["port_directions"][pin] != "input":
                continue
            if kind == "LUT4":
                ns, level = NET + LUT, 1
            elif kind in MUX_SELECT:
                ns, level = MUX + (NET if pin == MUX_SELECT[kind] else 0), 0
            elif kind == "CCU2C":
                last = CARRY if output == "COUT" else SUM
                ns, level = (last, 0) if pin == "CIN" else (NET + ADD + last, 1)
            elif kind == "TRELLIS_DPR16X4" and pin == "RAD":
                ns, level = NET + RAM, 1
            else:  # registers and memories begin paths, other cells are not of this device
                return
            yield from ((b, ns, level) for b in bits if isinstance(b, int))
