# SPDX-License-Identifier: Apache-2.0
"""psf_gated_add in the carry cells of an ECP5, which have two inputs to spare a bit.

Yosys maps an adder to CCU2C with two of the four inputs of each LUT and puts OR and gate in front,
a LUT a bit each. Here the LUT is (A or B) xor (C and D), which says whether a carry goes through;
where it does not, the cell makes the carry of A and B from the entries of the LUT with C = D = 0,
A or B, which is right: both operands are then equal.
"""

from __future__ import annotations

MODULE = "psf_gated_add"
_INIT = "16'h1eee"


def module(name: str, width: int) -> str:
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
        low, high = 2 * i, 2 * i + 1
        lines.append(
            f'  CCU2C #(.INIT0({_INIT}), .INIT1({_INIT}), .INJECT1_0("NO"), .INJECT1_1("NO")) '
            f"cell_{i} (.CIN(carry[{i}]), .A0(a[{low}]), .B0(b[{low}]), .C0(c[{low}]), "
            f".D0(keep_i), .A1(a[{high}]), .B1(b[{high}]), .C1(c[{high}]), "
            f".D1(keep_i), .S0(sum[{low}]), .S1(sum[{high}]), .COUT(carry[{i + 1}]));"
        )
    return "\n".join([*lines, "endmodule", ""])


def modules(elaborated: dict) -> str:
    """Verilog of every one of an elaborated design, under the names that it has there."""
    return "".join(
        module(name, len(found["ports"]["a_i"]["bits"]))
        for name, found in elaborated["modules"].items()
        if name.split("$")[0] == MODULE
    )
