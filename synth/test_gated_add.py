# SPDX-License-Identifier: Apache-2.0
"""psf_gated_add in the cells of an ECP5: proved equal to the module of rtl/ for several widths."""

from importlib.metadata import distribution
from pathlib import Path

import pytest

from golden.contract.errors import UserError
from synth import gated_add, yosys

MODELS = Path(str(distribution("pyosys").locate_file("pyosys/share/ecp5")))


def prove(folder: Path, width: int, or_first: int = 1) -> None:
    """Raises:
    UserError: an input for which the two differ.
    """
    elaborated = yosys.elaborate(
        folder, {"Width": width, "OrFirst": or_first}, top=gated_add.MODULE
    )
    (name,) = elaborated["modules"]
    passes = [
        f"read_verilog {folder}/ecp5_cells.v",
        f"rename {name} cells",
        f"read_verilog {MODELS}/common_sim.vh {MODELS}/ccu2c_sim.vh",
        "hierarchy -top cells",
        "proc",
        "flatten",
        *yosys.source(folder),
        f"rename {name} expected",
        "miter -equiv -flatten -make_assert expected cells both",
        "sat -verify -prove-asserts both",
    ]
    yosys.yosys("prove", folder, passes)


@pytest.mark.parametrize("or_first", [0, 1])
@pytest.mark.parametrize("width", [1, 2, 5, 20])
def test_cells_add_as_the_module_does(tmp_path, width, or_first):
    prove(tmp_path, width, or_first)


@pytest.mark.parametrize("wrong", ["16'h1eec", "16'h1aaa", "16'h96aa", "16'h3ccc"])
def test_other_tables_are_noticed(tmp_path, monkeypatch, wrong):
    monkeypatch.setattr(gated_add, "_INIT", wrong)
    with pytest.raises(UserError):
        prove(tmp_path, 5)


def test_or_and_gate_take_no_luts(tmp_path):
    yosys.elaborate(tmp_path, {"Width": 20}, top=gated_add.MODULE)
    yosys.synth_flat(tmp_path, gated_add.MODULE)
    cells = yosys.flat_cells(tmp_path, gated_add.MODULE)
    assert cells["CCU2C"] == 10 and not cells["LUT4"]
