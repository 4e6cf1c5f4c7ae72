# SPDX-License-Identifier: Apache-2.0
"""Adders with an OR and a gate in the carry cells of an ECP5, which have two inputs to spare a bit.

Yosys maps an adder to CCU2C with two of the four inputs of each LUT and puts OR and gate in front,
a LUT a bit each. Here the LUT says with all four whether a carry goes through; where it does not,
the cell makes the carry of inputs A and B alone, from the entries of the LUT with C = D = 0. Those
entries are the same LUT's, so with C = D = 0 one operand has to be zero:

    psf_gated_add: (A or B) xor (C and D), and where that is 0 the operands are equal to A or B
    psf_merge_add: A xor (C or (D and B)), and where that is 0 they are equal to A
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Adder:
    """table: entries of the LUT of a bit, that of D C B A at this place.  ports: what is at A, B, C
    and D; `keep_i` is one bit for all."""

    table: str
    ports: tuple[str, str, str, str]


ADDERS = {
    "psf_gated_add": Adder("16'h1eee", ("a_i", "b_i", "c_i", "keep_i")),
    "psf_merge_add": Adder("16'h565a", ("a_i", "keep_i", "b_i", "c_i")),
}


def module(name: str, width: int, adder: Adder) -> str:
    """Verilog of one that is called ``name``: its equation with ``width`` bits."""
    cells = -(-width // 2)
    last = 2 * cells - 1
    lines = [
        f"module \\{name} (a_i, b_i, c_i, keep_i, sum_o);",
        f"  input [{width - 1}:0] a_i, b_i, c_i;",
        "  input keep_i;",
        f"  output [{width - 1}:0] sum_o;",
        f"  wire [{last}:0] a = a_i, b = b_i, c = c_i, sum;",
        f"  wire [{cells}:0] carry;",
        "  assign carry[0] = 1'b0;",
        f"  assign sum_o = sum[{width - 1}:0];",
    ]
    for i in range(cells):
        inputs = [
            f".{pin}{half}({port if port == 'keep_i' else f'{port[0]}[{2 * i + half}]'})"
            for half in (0, 1)
            for pin, port in zip("ABCD", adder.ports, strict=True)
        ]
        lines.append(
            f"  CCU2C #(.INIT0({adder.table}), .INIT1({adder.table}), "
            f'.INJECT1_0("NO"), .INJECT1_1("NO")) cell_{i} (.CIN(carry[{i}]), {", ".join(inputs)}, '
            f".S0(sum[{2 * i}]), .S1(sum[{2 * i + 1}]), .COUT(carry[{i + 1}]));"
        )
    return "\n".join([*lines, "endmodule", ""])


def modules(elaborated: dict) -> str:
    """Verilog of every one of an elaborated design, under the names that it has there."""
    found = ((name, ADDERS.get(name.split("$")[0])) for name in elaborated["modules"])
    return "".join(
        module(name, len(elaborated["modules"][name]["ports"]["a_i"]["bits"]), adder)
        for name, adder in found
        if adder
    )
