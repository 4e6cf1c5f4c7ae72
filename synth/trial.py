# SPDX-License-Identifier: Apache-2.0
"""One module of rtl/ by itself: what it takes and how fast it is, in a minute.

Synthesised out of context for a hardware configuration: nothing around it makes a part of it
constant or superfluous, so that it is a little larger here than in the block.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict

from golden.contract.errors import UserError
from golden.contract.paths import REPORTS
from golden.hardware.configuration import Hardware
from synth import ecp5, report, yosys
from synth.deep_paths import deep_paths
from synth.process import BUILD
from tb.run.sources import BuildFailed, accepted, elaboration, rtl_files

REPORT = REPORTS / "synth_module.json"


def check_name(module: str) -> None:
    """Raises:
    UserError: rtl/ has no such module; with the names near to it.
    """
    names = [name for name in rtl_files() if not name.endswith("_pkg")]
    if module in names:
        return
    near = [name for name in names if module in name]
    near += [n for n in difflib.get_close_matches(module, names, 5, 0.5) if n not in near]
    hint = f"; near names: {', '.join(near[:6])}" if near else ""
    raise UserError(f"rtl/ has no module {module!r}{hint}.")


def parameters_of(module: str, hardware: Hardware, values: Sequence[str]) -> dict[str, int | str]:
    """Parameters for the tools: those of the configuration that it has, and ``NAME=VALUE``.

    Raises:
        UserError: not of this form, or the module has no such parameter.
    """
    own = {}
    for value in values:
        if not (found := re.fullmatch(r"(\w+)=(\d+)", value)):
            raise UserError(f"--set {value}: write NAME=VALUE with a whole number.")
        own[found[1]] = int(found[2])
    try:
        wanted = accepted(module, hardware.sv_parameters()) | own
        return elaboration(rtl_files()[module], module, wanted)
    except BuildFailed as error:
        raise UserError(f"{error}.") from None


def trial(module: str, hardware: Hardware, values: Sequence[str], seed: int | None) -> dict:
    """Synthesise, and with a seed place and route; the report."""
    check_name(module)
    parameters = parameters_of(module, hardware, values)
    folder = BUILD / "module" / module
    folder.mkdir(parents=True, exist_ok=True)
    elaborated = yosys.elaborate(folder, parameters, top=module)
    yosys.synth_flat(folder, module)
    cells = yosys.flat_cells(folder, module)
    netlist = json.loads((folder / "flat.json").read_text())
    result = {
        "module": module,
        "configuration": {"name": hardware.name, **asdict(hardware)},
        "set": [*values],
        **{key: cells[cell] for cell, key in yosys.AREA.items()},
        "deep_paths": deep_paths(netlist, module),
    }
    if seed is not None:
        yosys.synth_wrapped(folder, elaborated, module)
        router = ecp5.start(folder, seed)
        try:
            router.wait()
        finally:
            router.stop()
        timing = ecp5.timing(ecp5.read_report(folder), ecp5.Instances(elaborated, module))
        result |= {"device": " ".join(ecp5.DEVICE), "seed": seed, **timing}
    return result


def run_trial(module: str, config: str, values: Sequence[str], seed: int | None) -> None:
    """``trial``, printed and in build/reports/synth_module.json."""
    result = trial(module, Hardware.named(config), values, seed)
    report.write(result, REPORT)
    report.show_module(result)
    print(f"synth: {REPORT}")
