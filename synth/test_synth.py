# SPDX-License-Identifier: Apache-2.0
"""The synthesis report: what is read from the logs, and that a bad design is not reported as good.

The tools themselves run on small designs only; ``make synth`` runs them on the accelerator.
"""

import io
import json

import pytest
from rich.console import Console

from golden.cli.main import main as psf
from golden.contract.errors import UserError
from golden.hardware.configuration import Hardware
from synth import asic, ecp5, process, report, synthesise, trial, wrapper, yosys

PORTS = "input logic clk_i, input logic rst_ni, input logic [3:0] a_i, output logic [3:0] q_o"
GOOD = "always_ff @(posedge clk_i or negedge rst_ni) if (!rst_ni) q_o <= '0; else q_o <= a_i;"
LATCH = "always_comb if (rst_ni) q_o = a_i;"
LOOP = "assign q_o = q_o + a_i;"
TWO_DRIVERS = "assign q_o = a_i; assign q_o = ~a_i;"
# An array with a reset is no RAM.
RESET_ARRAY = """
  logic [31:0] mem[16];
  always_ff @(posedge clk_i or negedge rst_ni)
    if (!rst_ni) for (int i = 0; i < 16; i++) mem[i] <= '0;
    else mem[a_i] <= {28'd0, a_i};
  assign q_o = mem[a_i][3:0];"""
ARRAY = """
  logic [31:0] mem[16];
  always_ff @(posedge clk_i) mem[a_i] <= {28'd0, a_i};
  assign q_o = mem[a_i][3:0];"""
WIDE = """
  logic [31:0] mem[16];
  always_ff @(posedge clk_i) for (int i = 0; i < 16; i++) if (a_i[i%4]) mem[i] <= mem[15-i] + 1;
  assign q_o = mem[a_i][3:0];"""


def design(folder, body):
    path = folder / "psf_top.sv"
    path.write_text(f"module psf_top ({PORTS});\n{body}\nendmodule\n")
    return [path]


def elaborated(folder, body):
    return yosys.elaborate(folder, {}, design(folder, body))


@pytest.mark.parametrize("body", [LATCH, LOOP, TWO_DRIVERS, "assign q_o = nobody;"])
def test_bad_designs_are_refused(tmp_path, body):
    with pytest.raises(UserError, match="elaborate failed"):
        elaborated(tmp_path, body)


def test_good_design_has_no_memory(tmp_path):
    found = elaborated(tmp_path, GOOD)
    assert yosys.memories(found, yosys.synth_flat(tmp_path)) == []
    assert yosys.flat_cells(tmp_path)["TRELLIS_FF"] == 4


def test_registers_around_a_design(tmp_path):
    """Four inputs; four outputs and two steps of the chain: nothing of the design is lost."""
    found = elaborated(tmp_path, "assign q_o = a_i + 4'd3;")
    assert yosys.synth_wrapped(tmp_path, found) == wrapper.Cells(lut4=2, ff=10)
    netlist = json.loads((tmp_path / "wrapped.json").read_text())["modules"][wrapper.WRAPPER]
    kinds = [cell["type"] for cell in netlist["cells"].values()]
    assert kinds.count("TRELLIS_FF") == 10 and kinds.count("LUT4") > 2
    assert set(netlist["ports"]) == {"clk_i", "rst_ni", "serial_i", "serial_o"}
    data = {bit for cell in netlist["cells"].values() if cell["type"] == "TRELLIS_FF"
            for bit in cell["connections"]["Q"]}  # fmt: skip
    assert netlist["ports"]["serial_o"]["bits"][0] in data


def test_a_module_without_clock_or_inputs_has_registers_around():
    text = wrapper.source("constant", {"q_o": {"direction": "output", "bits": [2, 3]}})
    assert (
        "constant u_design (.q_o(out[1:0]));" in text and "in_q[" not in text.split("u_design")[1]
    )


def test_one_module_alone(tmp_path, monkeypatch, capsys):
    """An 8-way round robin keeps 8 flip-flops; the configuration changes what has a Cfg."""
    monkeypatch.setattr(trial, "REPORT", tmp_path / "synth_module.json")
    monkeypatch.setattr(trial, "BUILD", tmp_path)
    trial.run_trial("psf_round_robin", "2x8", ["N=8"], None)
    found = json.loads((tmp_path / "synth_module.json").read_text())
    assert (found["ff"], found["dp16kd"], found["dpr16x4"]) == (8, 0, 0) and found["lut4"] > 8
    assert found["deep_paths"] and 2 < found["deep_paths"][0]["ns"] < 20
    assert f"{found['lut4']:,}" in capsys.readouterr().out
    small, large = (Hardware.named(name) for name in ("2x8", "4x16"))
    assert trial.parameters_of("psf_group", small, []) == {"Cfg": small.sv_literal()}
    assert trial.parameters_of("psf_group", large, []) == {"Cfg": large.sv_literal()}
    assert trial.parameters_of("psf_lane", large, [])["AccWidth"] == large.acc_width


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--module", "psf_grup"], "error: rtl/ has no module 'psf_grup'; near names: psf_group,"),
        (["--module", "psf_pkg"], "error: rtl/ has no module 'psf_pkg'"),
        (["--module", "zzzz"], "error: rtl/ has no module 'zzzz'."),
        (["--module", "psf_fifo", "--set", "Depht=4"], "error: psf_fifo has no parameter Depht"),
        (["--module", "psf_fifo", "--set", "Depth=x"], "error: --set Depth=x: write NAME=VALUE"),
        (["--place"], "error: --place and --set are for one module"),
    ],
)
def test_mistakes_are_one_sentence(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        psf(["synth", *arguments])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(message) and len(error.splitlines()) == 1


def test_array_in_distributed_ram(tmp_path):
    found = elaborated(tmp_path, ARRAY)
    log = yosys.synth_flat(tmp_path)
    memories = yosys.memories(found, log, yosys.synth_modules(tmp_path))
    assert [(m.path, m.width, m.depth, m.mapped) for m in memories] == [
        ("mem", 32, 16, "TRELLIS_DPR16X4")
    ]
    assert memories[0].cells == yosys.flat_cells(tmp_path)["TRELLIS_DPR16X4"] >= 1
    assert yosys.misplaced(memories) == []


@pytest.mark.parametrize("body", [RESET_ARRAY, WIDE], ids=["reset", "many_writes"])
def test_array_in_flip_flops_is_found(tmp_path, body):
    """It is either no memory for Yosys at all, or one that became flip-flops."""
    found = elaborated(tmp_path, body)
    memories = yosys.memories(found, yosys.synth_flat(tmp_path))
    assert yosys.flat_cells(tmp_path)["TRELLIS_FF"] >= 64
    assert yosys.flat_cells(tmp_path)["TRELLIS_DPR16X4"] == 0
    assert [m.mapped for m in memories] in ([], ["FF"])


def test_memories_in_flip_flops_are_misplaced():
    def memory(module, depth, mapped):
        return yosys.Memory("u_x.mem", module, 8, depth, mapped)

    assert yosys.misplaced([memory("psf_ram_1r1w", 16, "DP16KD")]) == []
    assert yosys.misplaced([memory("psf_weight_bank", 4, "FF")]) == []
    assert yosys.misplaced([memory("psf_ram_async", 4, "FF")]) == [
        "memory u_x.mem (4 x 8 bits) became flip-flops"
    ]
    assert len(yosys.misplaced([memory("psf_counters", 64, "FF")])) == 1


def netlist(**modules):
    return {
        "modules": {
            name: {
                "memories": memories,
                "cells": {str(i): {"type": kind} for i, kind in enumerate(cells)},
            }
            for name, (memories, cells) in modules.items()
        }
    }


FIFO = "psf_fifo$psf_top.gen_x[0].u_fifo"
RAM = "psf_ram_async$psf_top.gen_x[0].u_fifo.u_words"
SHAPE = {"mem": {"width": 9, "size": 4}}
TWO = netlist(
    **{
        "psf_top": ({}, ["LUT4", "LUT4", "CCU2C", FIFO, "TRELLIS_FF"]),
        FIFO: ({}, ["LUT4", RAM, "TRELLIS_FF", "TRELLIS_FF"]),
        RAM: (SHAPE, ["TRELLIS_DPR16X4"] * 3),
        "LUT4": ({}, ["nothing"]),
    }
)
MAPPED = (
    "found attribute ...\n"
    "mapping memory psf_top.gen_x[0].u_fifo.u_words.mem via $__TRELLIS_DPR16X4_\n"
)


def test_mapping_is_matched_with_the_source():
    memory = yosys.memories(TWO, MAPPED, TWO)[0]
    assert memory == yosys.Memory(
        "gen_x[0].u_fifo.u_words.mem", "psf_ram_async", 9, 4, "TRELLIS_DPR16X4", 3, 0
    )
    assert memory.bits == 36
    assert yosys.memories(TWO, "", None)[0].mapped == "FF"
    with pytest.raises(UserError, match="not in the sources"):
        yosys.memories(TWO, MAPPED + MAPPED.replace("u_words", "u_other"), None)
    with pytest.raises(UserError, match="does not know"):
        yosys.memories(TWO, MAPPED.replace("TRELLIS_DPR16X4", "NEXUS_LRAM"), None)


def test_areas_add_up_below():
    rows = {row["module"]: row for row in yosys.areas(TWO)}
    assert list(rows) == ["psf_top", "psf_fifo", "psf_ram_async"]
    assert rows["psf_top"] == {
        "module": "psf_top", "instances": 1, "lut4": 3, "carry": 1, "ff": 3, "dp16kd": 0,
        "dpr16x4": 3, "own_lut4": 2, "own_carry": 1, "own_ff": 1, "own_dp16kd": 0, "own_dpr16x4": 0,
    }  # fmt: skip
    assert rows["psf_fifo"]["dpr16x4"] == 3 and rows["psf_fifo"]["own_dpr16x4"] == 0


PACKED = """
Info:     logic LUTs:   15810/83640    18%
Info:     carry LUTs:    4020/83640     4%
Info:       RAM LUTs:    3228/10455    30%
Info:      RAMW LUTs:    1614/20910     7%
Info:     Total LUT4s: 24672/83640    29%
Info:      Total DFFs:  9331/83640    11%
Info: 	              DP16KD:     115/    208    55%
"""


NO_CELLS = wrapper.Cells(lut4=0, ff=0)


def test_utilisation_is_without_the_registers_around():
    assert ecp5.utilisation(PACKED, wrapper.Cells(lut4=100, ff=31)) == {
        "lut4": 24572, "ff": 9300, "dp16kd": 115,
        "lut4_for": {"logic": 15710, "carry": 4020, "ram": 3228, "ram_write": 1614},
    }  # fmt: skip
    with pytest.raises(UserError, match="no line like"):
        ecp5.utilisation("Info: nothing\n", NO_CELLS)


def step(kind, delay, source, sink):
    return {"type": kind, "delay": delay, "from": {"cell": source}, "to": {"cell": sink}}


FF, LUT = "gen_x[0].u_fifo.count_q_TRELLIS_FF_Q", "gen_x[0].u_fifo.full_LUT4_Z"
TIMING = {
    "fmax": {"$glbnet$clk": {"achieved": 50.004, "constraint": 100}},
    "critical_paths": [
        {"from": "<async>", "to": "posedge $glbnet$clk", "path": [step("logic", 99, "a", "a")]},
        {
            "from": "posedge $glbnet$clk",
            "to": "posedge $glbnet$clk",
            "path": [
                step("clk-to-q", 0.5, FF, FF),
                step("routing", 10.0, FF, LUT),
                step("logic", 0.24, LUT, LUT),
                step("routing", 8.0, LUT, "state_q_TRELLIS_FF_Q"),
                step("logic", 0.04, "state_q_TRELLIS_FF_Q", "state_q_TRELLIS_FF_Q"),
                step("setup", 0.2, "state_q_TRELLIS_FF_Q", "state_q_TRELLIS_FF_Q"),
            ],
        },
    ],
}


@pytest.mark.parametrize("wrapped", [False, True])
def test_critical_path_by_module(wrapped):
    timing = TIMING
    if wrapped:  # the same cells in u_design
        text = json.dumps(TIMING).replace(FF, f"u_design.{FF}").replace(LUT, f"u_design.{LUT}")
        timing = json.loads(text)
    found = ecp5.timing(timing, ecp5.Instances(TWO))
    assert found["ecp5_fmax_mhz"] == 50.0
    assert found["critical_path"] == "19.0 ns, 1 levels, 18.0 ns of it wires: psf_fifo -> psf_top"
    hops = found["critical_path_detail"]["hops"]
    assert [(h["module"], h["instance"], h["levels"], h["ns"]) for h in hops] == [
        ("psf_fifo", "gen_x[0].u_fifo", 1, 10.74),
        ("psf_top", "", 0, 8.24),
    ]
    with pytest.raises(UserError, match="no path"):
        ecp5.timing({"fmax": {}, "critical_paths": []}, ecp5.Instances(TWO))


STAT = {
    "creator": "Yosys",
    "modules": {
        "\\psf_top": {
            "area": 1234.56,
            "num_cells_by_type": {"NAND2X1": 7, "DFFSR": 2, "DFFPOSX1": 1, f"\\{RAM}": 1},
        }
    },
}


def test_liberty_area():
    assert asic.read_area("2. Printing.\n" + json.dumps(STAT)) == {
        "osu018_area_um2": 1234.6, "osu018_cells": 10, "osu018_ff": 3
    }  # fmt: skip
    STAT["modules"]["\\psf_top"]["num_cells_by_type"]["$_DLATCH_P_"] = 1
    with pytest.raises(UserError, match="no cell for"):
        asic.read_area(json.dumps(STAT))


STA = """
Startpoint: _97831_ (rising edge-triggered flip-flop clocked by clk)
Endpoint: _97801_ (rising edge-triggered flip-flop clocked by clk)
   0.000    0.000 ^ _97831_/CLK (DFFSR)
   0.361    0.361 ^ _97831_/Q (DFFSR)
   0.169    0.530 v _89395_/Y (INVX2)
   0.096    0.626 ^ _86148_/Y (OAI22X1)
   0.000    0.626 ^ _97801_/D (DFFPOSX1)
            0.626   data arrival time

           10.000 ^ _97801_/CLK (DFFPOSX1)
            3.255   slack (MET)
"""


def test_opensta():
    assert asic.read_sta(STA) == {
        "osu018_period_ns": 6.745, "osu018_path": "_97831_ -> _97801_", "osu018_path_cells": 2
    }  # fmt: skip
    assert asic.read_sta("No paths found.\n") == {}
    with pytest.raises(UserError, match="syntax error"):
        asic.read_sta("Error: osu018.v, line 1 syntax error\n" + STA)


def test_macros_are_counted():
    found = [yosys.Memory(f"u_{n}.mem", "psf_ram_1r1w", 8, 16, "DP16KD") for n in range(3)]
    assert asic.macro_bits(found) == {"psf_ram_1r1w": {"instances": 3, "bits": 384}}


def test_no_apt_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(asic.shutil, "which", lambda name: None)
    found = synthesise.asic_view(tmp_path, [])
    assert found["osu018_area_um2"] is None and "qflow-tech-osu018" in found["reason"]
    assert capsys.readouterr().out.count("no ASIC view") == 1


def test_a_failing_tool_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"(?s)broken failed \(3\).*the reason"):
        process.run("broken", ["sh", "-c", "echo the reason; exit 3"], tmp_path, "x.log")


def test_unknown_configuration_is_status_2(capsys):
    with pytest.raises(UserError):
        synthesise.Hardware.named("wide")
    with pytest.raises(SystemExit) as ended:
        psf(["synth", "--config", "wide"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: hardware configuration 'wide'")


RESULT = {
    **ecp5.timing(TIMING, ecp5.Instances(TWO)),
    **ecp5.utilisation(PACKED, NO_CELLS),
    "dpr16x4": 3, "osu018_area_um2": None, "asic": {"reason": "no ASIC view: no apt"},
    "configuration": {"name": "2x8"}, "modules": yosys.areas(TWO), "seconds": {"total": 1},
    "memories": yosys.memory_rows(yosys.memories(TWO, MAPPED, TWO)),
    "configurations": {"2x8": {"lut4": 24672, "xilinx_lut6": 31415, "images_per_second": None}},
}  # fmt: skip


def test_report_is_written_whole(tmp_path):
    path = tmp_path / "reports" / "synth.json"
    report.write(RESULT, path)
    wanted = {"ecp5_fmax_mhz", "lut4", "ff", "dp16kd", "critical_path", "osu018_area_um2"}
    assert wanted <= set(json.loads(path.read_text()))
    assert [p.name for p in path.parent.iterdir()] == ["synth.json"]
    with pytest.raises(TypeError):
        report.write({"a": {1, 2}}, path)
    assert json.loads(path.read_text())["lut4"] == 24672  # the old one stays


def test_tables_are_printed():
    out = io.StringIO()
    report.show(RESULT, Console(file=out, width=200))
    for text in (
        "psf_fifo",
        "TRELLIS_DPR16X4",
        "50.0 MHz",
        "24,672",
        "no ASIC view: no apt",
        "31,415",
    ):
        assert text in out.getvalue()
