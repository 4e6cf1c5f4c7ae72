# SPDX-License-Identifier: Apache-2.0
"""Which outputs of a netlist depend on an input in the same cycle.

A block without such a path cannot be part of a combinational loop with its neighbours, whatever
they do between valid and ready. ``dependences`` walks Yosys' ``write_json`` of one flat module back
from the outputs, bit by bit. Registers (a reset to a constant included) and clocked memory reads
end a path; everything else goes through: latches, asynchronous loads, cells it does not know.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from pathlib import PurePath

# After these the output is what was there before the clock edge.
_EDGE = {f"${name}" for name in ("ff", "dff", "dffe", "adff", "adffe", "sdff", "sdffe", "sdffce")}
_BITWISE = {"$buf", "$not", "$pos", "$and", "$or", "$xor", "$xnor", "$mux", "$bwmux", "$pmux"}

Net = int  # constants are strings in the netlist


def _constant(bits: list) -> bool:
    return not any(isinstance(bit, Net) for bit in bits)


def _is_register(cell: dict) -> bool:
    """Whether no output of the cell depends on an input before a clock edge."""
    kind, pins = cell["type"], cell["connections"]
    if kind == "$memrd_v2":
        return int(cell["parameters"]["CLK_ENABLE"], 2) == 1 and _constant(pins["ARST"])
    # read_slang's form of an asynchronous reset.
    return kind in _EDGE or (kind in ("$aldff", "$aldffe") and _constant(pins["AD"]))


def _edges(cell: dict) -> Iterator[tuple[Net, list[Net]]]:
    """(output bit, input bits that it depends on) of a cell; bit by bit where that is certain."""
    pins, direction = cell["connections"], cell["port_directions"]
    inputs = {n: bits for n, bits in pins.items() if direction[n] != "output" and n != "CLK"}
    if _is_register(cell):
        inputs = {}
    everything = [bit for bits in inputs.values() for bit in bits if isinstance(bit, Net)]
    for bits in (bits for n, bits in pins.items() if direction[n] != "input"):
        for i, bit in enumerate(bits):
            if cell["type"] not in _BITWISE:
                yield bit, everything
                continue
            used = []
            for name, source in inputs.items():
                if name == "S" and cell["type"] != "$bwmux":
                    used += source
                elif name == "B" and cell["type"] == "$pmux":
                    used += source[i :: len(bits)]
                else:  # a narrow operand is extended by its highest bit, or by 0
                    used.append(source[min(i, len(source) - 1)])
            yield bit, [net for net in used if isinstance(net, Net)]


def _place(cell: dict) -> str:
    """``psf_fifo.sv:12`` of a cell; empty if nobody knows."""
    found = re.match(r"([^|:]+):(\d+)", cell["attributes"].get("src", ""))
    return f"{PurePath(found[1]).name}:{found[2]}" if found else ""


def dependences(netlist: dict, top: str) -> list[str]:
    """``output <- input (through file:line, ...)`` for each pair with a combinational path.

    Args:
        netlist: of ``write_json``, with processes turned into cells and no hierarchy below ``top``.
        top: the module.

    Raises:
        KeyError: no module ``top``.
        ValueError: something on the way has no driver, so that the walk would miss what is behind.
    """
    module = netlist["modules"][top]
    drivers: dict[Net, tuple[list[Net], dict]] = {}
    for cell in module["cells"].values():
        drivers.update({net: (sources, cell) for net, sources in _edges(cell)})
    ports = module["ports"].items()
    inputs = {b: name for name, p in ports if p["direction"] != "output" for b in p["bits"]}
    found = []
    for name, port in ports:
        if port["direction"] == "input":
            continue
        for source, cells in _reached(port["bits"], drivers, inputs).items():
            way = ", ".join(dict.fromkeys(filter(None, map(_place, cells))))
            found.append(f"{name} <- {source}" + (f" (through {way})" if way else ""))
    return found


def _reached(bits: list, drivers: dict, inputs: dict[Net, str]) -> dict[str, list[dict]]:
    """Inputs behind ``bits``, each with the cells of a shortest way from there."""
    before: dict[Net, Net | None] = {bit: None for bit in bits if isinstance(bit, Net)}
    queue, found = deque(before), {}
    while queue:
        net = queue.popleft()
        if net in inputs:
            cells, step = [], before[net]
            while step is not None:
                cells.append(drivers[step][1])
                step = before[step]
            found.setdefault(inputs[net], cells)
        elif net not in drivers:
            raise ValueError(f"net {net} has no driver")
        for source in drivers.get(net, ((), None))[0]:
            if source not in before:
                before[source] = net
                queue.append(source)
    return found
