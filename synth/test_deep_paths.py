# SPDX-License-Identifier: Apache-2.0
"""Longest paths of small netlists, told by hand, and of what Yosys makes of a design."""

import json

import pytest

from synth import deep_paths as guess
from synth import yosys
from synth.deep_paths import deep_paths

INPUTS = {
    "LUT4": "ABCD", "TRELLIS_FF": ("DI", "CE", "LSR", "CLK"), "CCU2C": ("A0", "A1", "CIN"),
    "PFUMX": ("ALUT", "BLUT", "C0"), "DP16KD": ("ADA0", "CLKA"), "TRELLIS_DPR16X4": ("RAD", "DI"),
}  # fmt: skip
OUTPUTS = {"LUT4": "Z", "TRELLIS_FF": "Q", "PFUMX": "Z", "DP16KD": "DOA0", "TRELLIS_DPR16X4": "DO"}


def cell(kind, **pins):
    """A cell whose pins are nets by number; pins that are not named are not connected."""
    outputs = ("S0", "COUT") if kind == "CCU2C" else (OUTPUTS[kind],)
    directions = {p: "output" if p in outputs else "input" for p in pins}
    assert all(p in (*outputs, *INPUTS[kind]) for p in pins)
    nets = {pin: [bit] for pin, bit in pins.items()}
    return {"type": kind, "port_directions": directions, "connections": nets}


def design(names=None, **cells):
    nets = {name: {"bits": [bit]} for name, bit in (names or {}).items()}
    return {"modules": {"top": {"cells": cells, "netnames": nets}}}


def longest(*args, **cells):
    return deep_paths(design(*args, **cells), "top", 9)


def test_a_lut_between_two_registers():
    found = longest(
        {"a_q": 1, "b_q": 3},
        a=cell("TRELLIS_FF", DI=9, Q=1, CLK=8), lut=cell("LUT4", A=1, B=5, Z=2),
        b=cell("TRELLIS_FF", DI=2, Q=3, CLK=8),
    )  # fmt: skip
    assert found[0] == {"ns": 2.46, "levels": 1, "start": "a_q", "end": "b_q"}  # .52 .85 .24 .85


def test_the_latest_input_counts_and_memories_are_slow():
    found = longest(
        {"a_q": 1, "b_q": 4, "read": 7},
        a=cell("TRELLIS_FF", DI=9, Q=1), ram=cell("DP16KD", ADA0=1, DOA0=7, CLKA=8),
        lut=cell("LUT4", A=1, B=7, Z=2), b=cell("TRELLIS_FF", DI=2, CE=1, Q=4),
    )  # fmt: skip
    assert found[0] == {"ns": 7.54, "levels": 1, "start": "read", "end": "b_q"}
    assert found[1] == {"ns": 1.37, "levels": 0, "start": "a_q", "end": "ram"}


def test_carries_are_short_and_multiplexers_nearly_free():
    chain = {f"c{i}": cell("CCU2C", A0=1, CIN=20 + i, COUT=21 + i) for i in range(2000)}
    found = longest(
        {"a_q": 1, "b_q": 3}, **chain, a=cell("TRELLIS_FF", DI=9, Q=1),
        b=cell("TRELLIS_FF", DI=2020, Q=3),
    )  # fmt: skip
    want = 0.52 + guess.NET + guess.ADD + 2000 * guess.CARRY + guess.NET
    assert found[0]["ns"] == pytest.approx(want, abs=0.01) and found[0]["levels"] == 1
    found = longest(
        {"a_q": 1, "b_q": 6}, a=cell("TRELLIS_FF", DI=9, Q=1), x=cell("LUT4", A=1, Z=2),
        y=cell("LUT4", A=1, Z=3), m=cell("PFUMX", ALUT=2, BLUT=3, C0=7, Z=4),
        b=cell("TRELLIS_FF", DI=4, Q=6),
    )  # fmt: skip
    assert found[0]["ns"] == pytest.approx(0.52 + guess.NET + 0.24 + 0.2 + guess.NET)


def test_registers_begin_and_end_paths(tmp_path):
    """Of a design: eight bits through three adders with a register behind the first two."""
    body = (
        "logic [7:0] a_q, b_q, c_q; assign q_o = c_q[3:0];\n"
        "always_ff @(posedge clk_i) begin a_q <= {a_i, a_i}; b_q <= a_q + {a_q[3:0], a_q[7:4]} + 3;"
        " c_q <= b_q; end"
    )
    path = tmp_path / "psf_top.sv"
    ports = "input logic clk_i, input logic [3:0] a_i, output logic [3:0] q_o"
    path.write_text(f"module psf_top ({ports});\n{body}\nendmodule\n")
    yosys.elaborate(tmp_path, {}, [path])
    yosys.synth_flat(tmp_path)
    found = deep_paths(json.loads((tmp_path / "flat.json").read_text()), "psf_top")
    assert found[0]["start"].startswith("a_q") and found[0]["end"].startswith("b_q")
    by_start = {p["start"].partition("[")[0]: p for p in found}
    assert by_start["b_q"]["levels"] == 0 < by_start["a_q"]["levels"]
