# SPDX-License-Identifier: Apache-2.0
"""Counts of the configurations: of designs whose cells can be told by hand."""

from collections import Counter

import pytest

from golden.contract.errors import UserError
from synth import counts, yosys

GROUPED = """
module psf_group (input logic clk_i, input logic [3:0] a_i, output logic [3:0] q_o);
  always_ff @(posedge clk_i) q_o <= a_i;
endmodule
module psf_top (input logic clk_i, input logic [3:0] a_i, output logic [4:0] q_o);
  logic [3:0] x, y;
  psf_group u_0 (.clk_i, .a_i, .q_o(x));
  psf_group u_1 (.clk_i, .a_i(~a_i), .q_o(y));
  always_ff @(posedge clk_i) q_o <= x + y;
endmodule
"""


def test_groups_are_counted_as_often_as_they_are_there(tmp_path):
    """Two groups of four flip-flops and five around them."""
    path = tmp_path / "psf_top.sv"
    path.write_text(GROUPED)
    found = yosys.elaborate(tmp_path, {}, [path])
    ecp5_cells = counts.parts(tmp_path, found, "ecp5")
    assert ecp5_cells["TRELLIS_FF"] == 2 * 4 + 5
    xilinx = counts.xilinx_numbers(counts.parts(tmp_path, found, "xilinx"))
    assert xilinx["xilinx_ff"] == 2 * 4 + 5 and xilinx["xilinx_lut6"] > 3
    with pytest.raises(UserError, match="no module psf_lane"):
        counts.parts(tmp_path, found, "ecp5", "psf_lane")


def test_configurations_have_the_placed_one_and_what_follows(monkeypatch):
    monkeypatch.setattr(counts, "image_cycles", lambda hardware: 125_000)
    result = {
        "configuration": {"name": "2x8"}, "ecp5_fmax_mhz": 50.0, "lut4": 30_000, "ff": 1,
        "dp16kd": 99,
    }  # fmt: skip
    found = {"2x8": {"xilinx_lut6": 5}, "4x16": {"lut4": 90_000, "dp16kd": 10, "xilinx_lut6": 7}}
    table = counts.completed(found, result)
    assert table["2x8"]["images_per_second"] == 400 and table["2x8"]["xilinx_lut6"] == 5
    assert table["2x8"]["fits_lfe5u_85f"] and not table["4x16"]["fits_lfe5u_85f"]
    assert table["4x16"]["ecp5_fmax_mhz"] is None is table["4x16"]["images_per_second"]


def test_luts_of_carry_and_distributed_ram_count():
    cells = Counter({"LUT4": 5, "CCU2C": 3, "TRELLIS_DPR16X4": 2, "TRELLIS_FF": 1})
    assert counts.ecp5_numbers(cells) == {"lut4": 5 + 2 * 3 + 6 * 2, "ff": 1, "dp16kd": 0}
    cells = Counter({"LUT6": 4, "LUT2": 1, "RAM32M": 2, "RAMB18E1": 3, "RAMB36E1": 1, "FDCE": 2})
    got = counts.xilinx_numbers(cells)
    assert (got["xilinx_lut6"], got["xilinx_lut_ram"], got["xilinx_bram36"]) == (13, 8, 2.5)
