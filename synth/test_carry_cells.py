# SPDX-License-Identifier: Apache-2.0
"""The adders in the cells of an ECP5: proved equal to the modules of rtl/ for several widths."""

from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path

import pytest

from golden.contract.errors import UserError
from synth import carry_cells, yosys

MODELS = Path(str(distribution("pyosys").locate_file("pyosys/share/ecp5")))


def prove(folder: Path, adder: str, **parameters: int) -> None:
    """Raises:
    UserError: an input for which the two differ.
    """
    elaborated = yosys.elaborate(folder, parameters, top=adder)
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
def test_cells_add_as_the_gated_adder_does(tmp_path, width, or_first):
    prove(tmp_path, "psf_gated_add", Width=width, OrFirst=or_first)


@pytest.mark.parametrize("width", [1, 2, 5, 21])
def test_cells_add_as_the_merging_adder_does(tmp_path, width):
    prove(tmp_path, "psf_merge_add", Width=width)


@pytest.mark.parametrize(
    ("adder", "wrong"),
    [("psf_gated_add", table) for table in ("16'h1eec", "16'h1aaa", "16'h96aa", "16'h3ccc")]
    + [("psf_merge_add", table) for table in ("16'h5656", "16'h5a5a", "16'h665a", "16'h1eee")],
)
def test_other_tables_are_noticed(tmp_path, monkeypatch, adder, wrong):
    monkeypatch.setitem(carry_cells.ADDERS, adder, replace(carry_cells.ADDERS[adder], table=wrong))
    with pytest.raises(UserError):
        prove(tmp_path, adder, Width=5)


@pytest.mark.parametrize("adder", carry_cells.ADDERS)
def test_or_and_gate_take_no_luts(tmp_path, adder):
    yosys.elaborate(tmp_path, {"Width": 20}, top=adder)
    yosys.synth_flat(tmp_path, adder)
    cells = yosys.flat_cells(tmp_path, adder)
    assert cells["CCU2C"] == 10 and not cells["LUT4"]
