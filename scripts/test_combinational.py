# SPDX-License-Identifier: Apache-2.0
"""The lint check that no output depends on an input in the same cycle: it finds every such path."""

from pathlib import Path

import pytest

from scripts import lint
from scripts.combinational import dependences

TOP = """
module psf_bad (
  input  logic       clk_i, rst_ni, valid_i, ready_i,
  input  logic [3:0] data_i,
  output logic       valid_o, ready_o,
  output logic [3:0] data_o
);
  logic valid_q, ready_q;
  logic [3:0] data_q, mem[16];
  always_ff @(posedge clk_i or negedge rst_ni)
    if (!rst_ni) {valid_q, ready_q} <= '0; else {valid_q, ready_q} <= {valid_i, ready_i};
  always_ff @(posedge clk_i) begin
    data_q <= mem[data_i];
    if (valid_i) mem[data_q] <= data_i;
  end
  %s
endmodule
"""
REGISTERED = {
    "registers": "assign {valid_o, ready_o, data_o} = {valid_q, !ready_q && valid_q, data_q};",
    "memory": "assign {valid_o, ready_o, data_o} = {valid_q, ready_q, mem[data_q]};",
    # The vectors have inputs in them, but not in the bits that go out.
    "bits": """
      logic [3:0] a, b;
      assign a = {valid_i, data_q[2:0]} & {ready_i, 3'd5};
      assign b = valid_q ? {ready_i, data_q[2:0]} : a;
      assign {valid_o, ready_o, data_o} = {valid_q, ready_q, 1'b0, b[2:0]};""",
}
PATHS = {
    "wire": (
        "assign {valid_o, ready_o, data_o} = {valid_q, ready_i, data_q};",
        {("ready_o", "ready_i")},
    ),
    "gates": (
        "assign {valid_o, ready_o, data_o} = {valid_q && !valid_i, ready_i || !valid_q, data_q};",
        {("valid_o", "valid_i"), ("ready_o", "ready_i")},
    ),
    "select": (
        "assign {valid_o, ready_o, data_o} = {valid_q, ready_q, valid_i ? data_q : 4'd0};",
        {("data_o", "valid_i")},
    ),
    "address": (
        "assign {valid_o, ready_o, data_o} = {valid_q, ready_q, mem[data_i]};",
        {("data_o", "data_i")},
    ),
    "one bit of a sum": (
        "assign {valid_o, ready_o, data_o} = {valid_q, ready_q, data_q + {3'd0, ready_i}};",
        {("data_o", "ready_i")},
    ),
    "latch": (
        "assign {ready_o, data_o} = {ready_q, data_q}; "
        "always_latch if (valid_q) valid_o = valid_i;",
        {("valid_o", "valid_i")},
    ),
    "asynchronous load": (
        "assign {ready_o, data_o} = {ready_q, data_q}; "
        "always_ff @(posedge clk_i or negedge rst_ni) "
        "if (!rst_ni) valid_o <= data_i[2]; else valid_o <= valid_q;",
        {("valid_o", "data_i"), ("valid_o", "rst_ni")},
    ),
    "module": (
        "psf_wire u_wire (.a_i(ready_i), .q_o(valid_o)); "
        "assign {ready_o, data_o} = {ready_q, data_q};",
        {("valid_o", "ready_i")},
    ),
    "reset": (
        "assign {valid_o, ready_o, data_o} = {valid_q, ready_q && rst_ni, data_q};",
        {("ready_o", "rst_ni")},
    ),
}


def check(folder: Path, body: str) -> list[str]:
    path = folder / "psf_bad.sv"
    wire = "module psf_wire (input logic a_i, output logic q_o); assign q_o = !a_i; endmodule\n"
    path.write_text(wire + TOP % body)
    return lint.combinational("psf_bad", [path])


@pytest.mark.parametrize("case", REGISTERED)
def test_registered_outputs_are_clean(tmp_path, case):
    assert check(tmp_path, REGISTERED[case]) == []


@pytest.mark.parametrize("case", PATHS)
def test_paths_are_found(tmp_path, case):
    body, want = PATHS[case]
    found = check(tmp_path, body)
    pairs = {tuple(line.partition(" (")[0].split(" <- ")) for line in found}
    assert pairs == want and len(found) == len(want), found
    assert all("psf_bad.sv:" in line for line in found) or case == "wire", found


def test_what_does_not_elaborate_is_a_finding(tmp_path):
    assert check(tmp_path, "assign valid_o = nobody;")


def test_a_netlist_with_a_gap_is_refused():
    """Processes that were not turned into cells, for instance: the walk would end there."""
    ports = {"q_o": {"direction": "output", "bits": [7]}}
    with pytest.raises(ValueError, match="net 7 has no driver"):
        dependences({"modules": {"psf_bad": {"ports": ports, "cells": {}}}}, "psf_bad")
