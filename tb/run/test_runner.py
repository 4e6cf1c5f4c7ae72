# SPDX-License-Identifier: Apache-2.0
"""The runner must report every way in which a run can go wrong, on both simulators."""

from pathlib import Path

import pytest

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
        "tb.run.runner_tests",
        {"Width": width},
        [_harness(tmp_path, OWN_CLOCK if own else "")],
        testcase="harness",
        dut="psf_ram_1r1w",
        dut_parameters={"Width": width, "Depth": 16},
        env={"CLOCK": "harness" if own else "python"},
        **options,
    )


def test_a_failing_test_fails_and_names_the_seed() -> None:
    with pytest.raises(runner.SimulationFailed, match=r"(?s)SEED=7.*wrong.*expected 1, got 2"):
        runner.run("psf_ram_1r1w", "tb.run.runner_tests", RAM, testcase="wrong", seed=7)


def test_a_broken_promise_of_the_rtl_fails() -> None:
    with pytest.raises(runner.SimulationFailed, match=r"(?i)assert"):
        runner.run("psf_ram_1r1w", "tb.run.runner_tests", RAM, testcase="out_of_range")


def test_a_hang_ends() -> None:
    with pytest.raises(runner.SimulationFailed, match="stopped after 3 s"):
        runner.run("psf_ram_1r1w", "tb.run.runner_tests", RAM, testcase="hang", timeout_s=3)


def test_no_test_is_a_failure() -> None:
    with pytest.raises(runner.SimulationFailed, match="no test"):
        runner.run("psf_ram_1r1w", "tb.run.runner_tests", RAM, testcase="not_there")


def test_waves(tmp_path: Path) -> None:
    folder = runner.run(
        "psf_ram_1r1w",
        "tb.unit.common.ram_tests",
        RAM,
        testcase="collision",
        waves=True,
        plusargs=["+depth=5"],
    )
    assert [p for p in folder.glob("*.fst") if p.stat().st_size > 500]


def test_unknown_module_and_parameter() -> None:
    with pytest.raises(runner.BuildFailed, match=r"psf_not_there\.sv"):
        runner.run("psf_ram_1r1w", "tb.run.runner_tests", dut="psf_not_there")
    with pytest.raises(runner.BuildFailed, match="NoSuch"):
        runner.run("psf_ram_1r1w", "tb.run.runner_tests", {"NoSuch": 1})


@pytest.mark.parametrize("sim", ["verilator", "icarus"])
def test_missing_simulator(monkeypatch, capsys, sim: str) -> None:
    monkeypatch.setattr(runner, "use_tools", lambda: None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SystemExit) as raised:
        runner.run("psf_ram_1r1w", "tb.run.runner_tests", RAM, sim=sim)
    assert raised.value.code == 2
    assert "make setup" in capsys.readouterr().err


def test_unknown_simulator(capsys) -> None:
    with pytest.raises(SystemExit) as raised:
        runner.run("psf_ram_1r1w", "tb.run.runner_tests", RAM, sim="questa")
    assert raised.value.code == 2
    assert "SIM=questa" in capsys.readouterr().err
