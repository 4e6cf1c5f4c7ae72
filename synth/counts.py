# SPDX-License-Identifier: Apache-2.0
"""What a configuration takes, without place and route: of an ECP5, and of a Xilinx 7 series.

Groups are alike, so one is synthesised and counted as often as there are groups; the rest of the
block is synthesised with holes in their places. Each of the two parts is flat. Nothing is optimised
across the border of a group, so that the sum is a little larger than that of the flat block.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from golden.contract.errors import UserError
from golden.contract.network import QuantNetwork
from golden.contract.paths import CHECKPOINTS
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import CONFIGURATIONS, Hardware
from golden.hardware.cycles import cycles
from golden.lab.data import shown
from synth import yosys
from synth.process import BUILD

GROUP = "psf_group"
# LUTs that a cell occupies: of an ECP5, half a CCU2C each adds a bit, and distributed RAM has its
# write logic; of the 7 series (UG474), RAM of LUTs.
ECP5_LUTS = {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6}
XILINX_LUTS = {f"LUT{n}": 1 for n in range(1, 7)}
XILINX_LUT_RAM = {
    "RAM32M": 4, "RAM64M": 4, "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4, "SRL16E": 1,
    "SRLC32E": 1,
}  # fmt: skip
# Published with another network, Spikingformer-4-256 on CIFAR-10 at T = 4, and other clocks.
PUBLISHED = {
    "ExSpike, XC7V2000T, 200 MHz": {  # arXiv 2606.20414, and its repository's board log
        "xilinx_lut6": 41_000, "xilinx_ff": 41_000, "xilinx_bram36": 312, "xilinx_dsp": 0,
        "images_per_second": 197.18,
    },
    "FireFly-T, XCZU5EV, 300 MHz": {  # arXiv 2606.20414, Table II
        "xilinx_lut6": 46_000, "xilinx_dsp": 304, "images_per_second": 907,
    },
}  # fmt: skip
LUTS, BLOCK_RAMS = 83_640, 208  # of an LFE5U-85F
XILINX_FFS = ("FDRE", "FDSE", "FDCE", "FDPE")


def _total(cells: Counter[str], weights: dict[str, int]) -> int:
    return sum(cells[kind] * weight for kind, weight in weights.items())


def ecp5_numbers(cells: Counter[str]) -> dict[str, int]:
    """Figures of the report from the cells of an ECP5."""
    return {
        "lut4": _total(cells, ECP5_LUTS),
        "ff": cells["TRELLIS_FF"],
        "dp16kd": cells["DP16KD"],
    }


def xilinx_numbers(cells: Counter[str]) -> dict[str, float]:
    """Figures of the report from the cells of a 7 series; a RAMB18E1 is half a block RAM."""
    return {
        "xilinx_lut6": _total(cells, XILINX_LUTS | XILINX_LUT_RAM),
        "xilinx_lut_ram": _total(cells, XILINX_LUT_RAM),
        "xilinx_ff": sum(cells[kind] for kind in XILINX_FFS),
        "xilinx_bram36": cells["RAMB36E1"] + cells["RAMB18E1"] / 2,
        "xilinx_dsp": cells["DSP48E1"],
    }


_SOURCE = {"ecp5": yosys.ecp5_source, "xilinx": yosys.source}
_SYNTH = {
    "ecp5": ("synth_ecp5", ecp5_numbers),
    "xilinx": ("synth_xilinx -family xc7 -flatten -noiopad -noclkbuf", xilinx_numbers),
}


def parts(folder: Path, elaborated: dict, family: str, repeated: str = GROUP) -> Counter[str]:
    """Cells of the whole design in ``folder``, by type; every ``repeated`` module is alike.

    Raises:
        UserError: the design has no such module; a tool failed.
    """
    names = [name for name in elaborated["modules"] if name.split("$")[0] == repeated]
    if not names:
        raise UserError(f"the design has no module {repeated}.")
    command = _SYNTH[family][0]
    found: Counter[str] = Counter()
    for part, top, holes, times in (
        ("group", names[0], False, len(names)),
        ("rest", yosys.TOP, True, 1),
    ):
        name = f"{family}_{part}"
        passes = _SOURCE[family](folder)
        if holes:
            passes.append(f"blackbox {repeated}$*")  # a whole name has brackets, so is a pattern
        else:
            passes.append(f"delete -port {repeated}$*/o:trace_*")  # psf_top leaves them open
        passes += [f"hierarchy -top {top}", f"{command} -top {top} -json {name}.json"]
        yosys.yosys(name, folder, passes)
        netlist = json.loads((folder / f"{name}.json").read_text())["modules"][top]
        cells = Counter(cell["type"] for cell in netlist["cells"].values())
        found.update({kind: count * times for kind, count in cells.items() if kind not in names})
    return found


def counts(hardware: Hardware, families: Iterable[str] = tuple(_SYNTH)) -> dict[str, float]:
    """Elaborate the block and count, in build/synth/<name>/counts."""
    folder = BUILD / hardware.name / "counts"
    folder.mkdir(parents=True, exist_ok=True)
    elaborated = yosys.elaborate(folder, hardware.sv_parameters())
    found: dict[str, float] = {}
    for family in families:
        found |= _SYNTH[family][1](parts(folder, elaborated, family))
    return found


def of_presets(placed: str) -> dict[str, dict]:
    """Counts of every preset by name; of the one that is placed only those of the 7 series."""
    return {
        name: counts(hardware, ["xilinx"] if name == placed else _SYNTH)
        for name, hardware in CONFIGURATIONS.items()
    }


def completed(found: Mapping[str, dict], result: Mapping) -> dict[str, dict]:
    """``configurations`` of synth.json: what was counted with what was placed, and what follows.

    ``images_per_second`` is that of the default network's first test image by the cycle model, at
    the clock that was reached; None without one.
    """
    placed = result["configuration"]["name"]
    table = {}
    for name in dict.fromkeys([*found, placed]):
        row = {"ecp5_fmax_mhz": None, "images_per_second": None, **found.get(name, {})}
        if name == placed:
            row |= {key: result[key] for key in ("ecp5_fmax_mhz", "lut4", "ff", "dp16kd")}
            cycles = image_cycles(Hardware.named(name))
            if cycles is not None:
                row |= {"cycles_per_image": cycles}
                row["images_per_second"] = round(1e6 * result["ecp5_fmax_mhz"] / cycles, 1)
        row["fits_lfe5u_85f"] = row["lut4"] <= LUTS and row["dp16kd"] <= BLOCK_RAMS
        table[name] = row
    return table


def image_cycles(hardware: Hardware) -> int | None:
    """Cycles of the default network's first test image by the cycle model; None if it, or its data,
    is not at hand, or it does not fit."""
    try:
        network = QuantNetwork.load(CHECKPOINTS / "balanced.safetensors")
        program = compile_network(network, hardware)
        image = shown(network.config, network.provenance.get("data", {}), "", count=1).images
    except UserError as error:
        print(f"synth: no images per second: {error}", flush=True)
        return None
    return cycles(program, network, image)[0].total
