# SPDX-License-Identifier: Apache-2.0
"""The simulated netlist of an ECP5 against the RTL that it was synthesised from."""

import re
import subprocess
from pathlib import Path

import pytest

from golden.contract.errors import RunFailed, UserError
from golden.hardware.configuration import Hardware
from soc import netlist, pinlevel, simulation
from synth import yosys

HERE = Path(__file__).parent
TOP = "psf_cells"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the netlist, its table, and the program that has both sides."""
    folder = tmp_path_factory.mktemp("cells")
    (folder / "cells.v").write_text((HERE / "psf_cells.v").read_text())
    synth = f"synth_ecp5 -top {TOP} -json flat.json"
    yosys.yosys("synth_ecp5: cells", folder, ["read_verilog cells.v", synth])
    table = netlist.Table(folder / "flat.json", TOP)
    (folder / pinlevel.TABLE).write_text(table.text())
    texts = {"shell.v": table.verilog(f"{TOP}_netlist")}
    sources = [HERE / "psf_cells.v", HERE / "psf_cells_bench.sv", netlist.ENGINE]
    return folder, simulation.verilate(f"{TOP}_bench", texts, sources, pinlevel.TIMED)


def differences(program: Path, folder: Path) -> tuple[int, int]:
    done = subprocess.run([program], cwd=folder, capture_output=True, text=True, timeout=60)
    found = re.search(r"differences (\d+) of (\d+)", done.stdout)
    assert found, done.stdout + done.stderr
    return int(found[1]), int(found[2])


def test_every_cell(made, tmp_path):
    """20,000 clocks without a difference; and with one bit of one LUT, one start value or one
    word of a ROM changed, there are some."""
    folder, program = made
    kinds = yosys.flat_cells(folder, TOP)
    wanted = {"LUT4", "PFUMX", "L6MUX21", "CCU2C", "TRELLIS_FF", "TRELLIS_DPR16X4", "DP16KD",
              "MULT18X18D"}  # fmt: skip
    assert wanted <= kinds.keys()
    text = (folder / pinlevel.TABLE).read_text()
    assert {"4", "9", "18", "36"} <= set(re.findall(r"^bram (\d+)", text, re.MULTILINE))
    assert differences(program, folder) == (0, 20_000)

    def changed(pattern: str) -> int:
        found = re.search(pattern, text, re.MULTILINE)
        other = f"{text[: found.start(1)]}{int(found[1]) ^ 1}{text[found.end(1) :]}"
        (tmp_path / pinlevel.TABLE).write_text(other)
        return differences(program, tmp_path)[0]

    assert changed(r"^lut(?: \d+){5} (\d+) \d+$")
    assert changed(r"^ff(?: \d+){5} 1 (\d)$")
    assert changed(r"^bram .* ([1-9]\d*)$")


def test_what_it_does_not_know(made, tmp_path):
    folder, program = made
    text = (folder / "flat.json").read_text()

    def refused(old: str, new: str) -> str:
        assert old in text
        (tmp_path / "flat.json").write_text(text.replace(old, new))
        with pytest.raises(RunFailed) as error:
            netlist.Table(tmp_path / "flat.json", TOP)
        return str(error.value)

    assert "a cell LUT5 has no model" in refused('"type": "LUT4"', '"type": "LUT5"')
    assert "mode of DP16KD" in refused('"REGMODE_B": "NOREG"', '"REGMODE_B": "OUTREG"')
    (tmp_path / pinlevel.TABLE).write_text("nets 3\n")
    done = subprocess.run([program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "no whole netlist" in done.stderr
    with (
        pytest.raises(UserError, match="`psf bitstream --netlist` makes it"),
        pinlevel.serving(Hardware.named("2x8"), 40_000_000, tmp_path / "nothing"),
    ):
        pass
