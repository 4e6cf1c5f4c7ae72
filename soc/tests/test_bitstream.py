# SPDX-License-Identifier: Apache-2.0
"""What goes to the tools of the board, and what is made of their reports; no synthesis."""

import json
import re

import pytest

from golden.contract.errors import UserError
from golden.hardware.configuration import Hardware
from soc import bitstream, ulx3s
from synth import yosys

LOG = """\
Info: Packing constants..
Info:     Total LUT4s:      4000/83640     4%
Info: Device utilisation:
Info: \t          TRELLIS_IO:     57/  365    15%
Info: \t              DP16KD:     43/  208    20%
Info: \t          MULT18X18D:      4/  156     2%
Info: \t             EHXPLLL:      1/    4    25%
Info: \t          TRELLIS_FF:   2345/83640     2%
Info: \t        TRELLIS_COMB:   4321/83640     5%
"""


def test_utilisation():
    used = bitstream.utilisation(LOG)
    assert used["LUT4"] == [4000, 83640] and used["DP16KD"] == [43, 208]
    assert used["EHXPLLL"] == [1, 4] and "TRELLIS_RAMW" not in used
    with pytest.raises(UserError, match="does not say"):
        bitstream.utilisation(LOG.replace("Total LUT4s", "LUT4s"))


def test_clock():
    report = {"fmax": {"$glbnet$sys_clk": {"achieved": 43.217, "constraint": 40.0},
                       "$glbnet$clk25": {"achieved": 300.0, "constraint": 25.0}}}  # fmt: skip
    assert bitstream.clock(report, 40_000_000) == {
        "clock_mhz": 40.0, "fmax_mhz": 43.22, "met": True,
    }  # fmt: skip
    report["fmax"]["$glbnet$sys_clk"]["achieved"] = 39.9
    assert not bitstream.clock(report, 40_000_000)["met"]
    with pytest.raises(UserError, match="no clock of 35 MHz"):
        bitstream.clock(report, 35_000_000)


def test_files_for_the_board(tmp_path):
    """Every port has a pin, the PLL makes the clock, the firmware is in the ROM, and the block's
    instance leaves its parameters to whoever elaborates it."""
    files = ulx3s.write(tmp_path, Hardware.named("2x8"), 40_000_000)
    text = files.verilog.read_text()
    header = re.search(r"^module psf_ulx3s \((.*?)\);", text, re.DOTALL | re.MULTILINE)[1]
    ports = re.findall(r"(?:\[(\d+):0\])?\s*(\w+)(?:,|\s*$)", header)
    bits = {f"{name}[{i}]" if width else name
            for width, name in ports for i in range(int(width or 0) + 1)}  # fmt: skip
    constraints = files.constraints.read_text()
    located = re.findall(r'LOCATE COMP "([^"]+)" SITE "(\w+)"', constraints)
    assert {name for name, _ in located} == bits and len(bits) > 40
    assert len({site for _, site in located}) == len(located)  # no pin twice
    assert 'FREQUENCY PORT "clk25" 25.0 MHz' in constraints

    def of_pll(name: str) -> int:
        return int(re.search(rf"\.{name}\s*\(\d+'d(\d+)\)", text)[1])

    # An output with divider 1 is fed back, so the oscillator runs at CLKFB_DIV times the input.
    assert of_pll("CLKOS2_DIV") == 1
    assert 25 * of_pll("CLKFB_DIV") / of_pll("CLKI_DIV") / of_pll("CLKOP_DIV") == 40
    assert re.search(r"\bpsf_top\s+psf_top\s*\(", text)  # no #(...)
    assert [path.name for path in files.sources] == ["VexRiscv.v"]
    rom = (tmp_path / "psf_ulx3s_rom.init").read_text().split()
    flat = (tmp_path / "firmware" / "firmware.bin").read_bytes()
    assert b"".join(int(word, 16).to_bytes(4, "little") for word in rom)[: len(flat)] == flat
    assert len(flat) > 4000


COUNTER = """\
module psf_ulx3s (input clk25, output reg [7:0] led);
  reg [7:0] memory [0:1023];
  reg [9:0] at = 0;
  reg [7:0] word;
  always @(posedge clk25) begin
    at <= at + 1;
    memory[at] <= led;
    word <= memory[at + 10'd3];
    led <= word + 1;
  end
endmodule
"""
PINS = "".join(
    f'LOCATE COMP "{name}" SITE "{site}";\n'
    for name, site in zip(
        ["clk25", *(f"led[{i}]" for i in range(8))],
        ["G2", "B2", "C2", "C1", "D2", "D1", "E2", "E1", "H3"],
        strict=True,
    )
)


@pytest.mark.long
def test_place_and_pack(tmp_path, monkeypatch):
    """The tools behind the netlist, on a design of a few cells: their reports, and a bitstream.
    The smallest device of this package, which they read fastest."""
    monkeypatch.setattr(ulx3s, "DEVICE", ("--25k", *ulx3s.DEVICE[1:]))
    (tmp_path / "counter.v").write_text(COUNTER)
    constraints = tmp_path / "pins.lpf"
    constraints.write_text(f'{PINS}FREQUENCY PORT "clk25" 25 MHz;\n')
    synth = f"synth_ecp5 -top {ulx3s.TOP} -json flat.json"
    yosys.yosys("synth_ecp5: counter", tmp_path, ["read_verilog counter.v", synth])
    used = bitstream.utilisation(bitstream.place(tmp_path, constraints, 1))
    assert used["DP16KD"] == [1, 56] and used["TRELLIS_IO"][0] == 9 and used["LUT4"][0] > 8
    timing = bitstream.clock(json.loads((tmp_path / "timing.json").read_text()), 25_000_000)
    assert timing["met"] and timing["fmax_mhz"] > 25
    assert bitstream.pack(tmp_path).read_bytes()[:2] == b"\xff\x00"  # as an ECP5 wants to see it
