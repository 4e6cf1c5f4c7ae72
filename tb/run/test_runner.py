# SPDX-License-Identifier: Apache-2.0
"""The runner must report every way in which a run can go wrong, on both simulators."""

from pathlib import Path

import cocotb
import pytest
from cocotb.clock import Clock
from cocotb.handle import Immediate
from cocotb.triggers import FallingEdge, Timer

from tb.run import runner

RAM = {"Width": 9, "Depth": 5}  # the build that test_ram.py has anyway

HARNESS = """// SPDX-License-Identifier: Apache-2.0
// A memory between a counter and an output: a harness in the subset that Icarus 11 takes.
module counting_harness #(
  parameter Width = 8
) (
`ifndef OWN_CLOCK
  input  wire             clk_i,
`endif
  output wire [Width-1:0] rdata_o
);
%s
  reg [Width-1:0] count;
  initial count = 0;
  always @(posedge clk) count <= count + 1;
`ifdef NETLIST
  psf_ram_1r1w u_dut (
`else
  psf_ram_1r1w #(.Width(Width), .Depth(16)) u_dut (
`endif
    .clk_i(clk), .we_i(1'b1), .waddr_i(count[3:0]), .wdata_i(count),
    .re_i(1'b1), .raddr_i(count[3:0] - 4'd1), .rdata_o(rdata_o));
endmodule
"""
OWN_CLOCK = "  reg clk;\n  initial clk = 0;\n  always #5 clk = !clk;\n"


# ---- What the runner has to run: benches that pass, fail, hang and break a promise.


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def harness(dut) -> None:
    """The harness clocks itself where it can; its counter runs through the design's memory."""
    clock = "clk_i" if hasattr(dut, "clk_i") else "clk"
    if clock == "clk_i":
        cocotb.start_soon(Clock(dut.clk_i, 10, "ns").start())
    for _ in range(100):
        await FallingEdge(getattr(dut, clock))
    assert int(dut.rdata_o.value) > 50
    assert "x" not in str(dut.rdata_o.value).lower()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def wrong(dut) -> None:
    await Timer(1, "ns")
    raise AssertionError("expected 1, got 2")


@cocotb.test()
async def hang(dut) -> None:
    for name in ("clk_i", "we_i", "re_i"):  # a random start value is no edge and no access
        getattr(dut, name).value = Immediate(0)
    while True:
        await Timer(1, "ns")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def out_of_range(dut) -> None:
    """Write behind the last word of a memory whose depth is no power of two."""
    dut.clk_i.value = Immediate(0)
    cocotb.start_soon(Clock(dut.clk_i, 10, "ns").start(start_high=False))
    dut.we_i.value, dut.re_i.value, dut.raddr_i.value = 0, 0, 0
    await FallingEdge(dut.clk_i)
    dut.we_i.value, dut.waddr_i.value, dut.wdata_i.value = 1, 7, 0
    for _ in range(3):
        await FallingEdge(dut.clk_i)


# ---- What it has to say about them.


def _harness(folder: Path, clock: str) -> Path:
    path = folder / "counting_harness.sv"
    head = "`define OWN_CLOCK\n" if clock else ""
    path.write_text(head + HARNESS % (clock or "  wire clk = clk_i;\n"))
    return path


@pytest.mark.parametrize("width", [8, 10])
@pytest.mark.parametrize("options", [{}, {"timing": True}, {"fast": True}], ids=str)
def test_harness(tmp_path: Path, width: int, options: dict[str, bool]) -> None:
    own = options.get("timing", False)
    runner.run(
        "counting_harness",
        __name__,
        {"Width": width},
        [_harness(tmp_path, OWN_CLOCK if own else "")],
        testcase="harness",
        dut="psf_ram_1r1w",
        dut_parameters={"Width": width, "Depth": 16},
        **options,
    )


def test_a_failing_test_fails_and_names_the_seed() -> None:
    with pytest.raises(runner.SimulationFailed, match=r"(?s)SEED=7.*wrong.*expected 1, got 2"):
        runner.run("psf_ram_1r1w", __name__, RAM, testcase="wrong", seed=7)


def test_a_broken_promise_of_the_rtl_fails() -> None:
    with pytest.raises(runner.SimulationFailed, match=r"(?i)assert"):
        runner.run("psf_ram_1r1w", __name__, RAM, testcase="out_of_range")


def test_a_hang_ends() -> None:
    with pytest.raises(runner.SimulationFailed, match="stopped after 3 s"):
        runner.run("psf_ram_1r1w", __name__, RAM, testcase="hang", timeout_s=3)


def test_no_test_is_a_failure() -> None:
    with pytest.raises(runner.SimulationFailed, match="no test"):
        runner.run("psf_ram_1r1w", __name__, RAM, testcase="not_there")


def test_waves(tmp_path: Path) -> None:
    folder = runner.run(
        "psf_ram_1r1w",
        "tb.unit.common.test_ram",
        RAM,
        testcase="collision",
        waves=True,
    )
    assert [p for p in folder.glob("*.fst") if p.stat().st_size > 500]


def test_unknown_module_and_parameter() -> None:
    with pytest.raises(runner.BuildFailed, match=r"psf_not_there\.sv"):
        runner.run("psf_ram_1r1w", __name__, dut="psf_not_there")
    with pytest.raises(runner.BuildFailed, match="NoSuch"):
        runner.run("psf_ram_1r1w", __name__, {"NoSuch": 1})


@pytest.mark.parametrize("sim", ["verilator", "icarus"])
def test_missing_simulator(monkeypatch, capsys, sim: str) -> None:
    monkeypatch.setattr(runner, "use_tools", lambda: None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SystemExit) as raised:
        runner.run("psf_ram_1r1w", __name__, RAM, sim=sim)
    assert raised.value.code == 2
    assert "make setup" in capsys.readouterr().err


def test_unknown_simulator(capsys) -> None:
    with pytest.raises(SystemExit) as raised:
        runner.run("psf_ram_1r1w", __name__, RAM, sim="questa")
    assert raised.value.code == 2
    assert "SIM=questa" in capsys.readouterr().err
