# SPDX-License-Identifier: Apache-2.0
"""Registers around a design, so that place and route times the design and not its pins.

Every input comes out of a shift register that one pin fills; every output goes into a flip-flop,
and a chain of exclusive ors, three outputs a step, brings them all to one pin, so that nothing is
optimised away. Clock and asynchronous reset come from pins: the reset's release is not timed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

WRAPPER = "registered"  # the module
INSTANCE = "u_design"  # the design in it
FILE = "registered.v"
_PINS = ("clk_i", "rst_ni")
_FOLD = 3  # outputs a step of the chain: with the chain itself the four inputs of a LUT4
_CHAIN_LINE = 7  # of FILE
_SOURCE = """\
// Generated from the ports of {top}.
module {wrapper} (input clk_i, input rst_ni, input serial_i, output serial_o);
  reg [{n_in}:0] in_q; wire [{n_out}:0] out; reg [{n_out}:0] out_q; reg [{n_chain}:0] chain_q;
  wire [{n_all}:0] padded = out_q; integer i;
  always @(posedge clk_i) in_q <= {{in_q, serial_i}};
  always @(posedge clk_i) out_q <= out;
  always @(posedge clk_i) for (i = 0; i <= {n_chain}; i = i + 1) chain_q[i] <= {step};
  assign serial_o = chain_q[{n_chain}];
  {top} {instance} ({connections});
endmodule
"""


@dataclass(frozen=True)
class Cells:
    """What the wrapper itself takes."""

    lut4: int
    ff: int


def source(top: str, ports: Mapping[str, Mapping]) -> str:
    """The wrapper of module ``top`` in Verilog; ``ports`` as in Yosys' JSON netlist."""
    bits = {"input": 0, "output": 0}
    connections = []
    for name, port in ports.items():
        if name in _PINS:
            connections.append(f".{name}({name})")
            continue
        at, width = bits[port["direction"]], len(port["bits"])
        bits[port["direction"]] += width
        net = {"input": "in_q", "output": "out"}[port["direction"]]
        connections.append(f".{name}({net}[{at + width - 1}:{at}])")
    inputs, outputs = max(bits["input"], 1), max(bits["output"], 1)
    steps = -(-outputs // _FOLD)
    return _SOURCE.format(
        top=top, wrapper=WRAPPER, instance=INSTANCE, connections=", ".join(connections),
        n_in=inputs - 1, n_out=outputs - 1, n_chain=steps - 1, n_all=_FOLD * steps - 1,
        step=f"^padded[{_FOLD} * i +: {_FOLD}] ^ (i > 0 && chain_q[i > 0 ? i - 1 : 0])",
    )  # fmt: skip


def cells(netlist: Mapping) -> Cells:
    """LUTs and flip-flops of the wrapper in the mapped netlist, by the line that they come from."""
    lines = [
        cell["attributes"].get("src", "")
        for cell in netlist["modules"][WRAPPER]["cells"].values()
        if cell["type"] == "TRELLIS_FF"
    ]
    own = [line for line in lines if f"{FILE}:" in line]
    return Cells(lut4=sum(f"{FILE}:{_CHAIN_LINE}." in line for line in own), ff=len(own))
