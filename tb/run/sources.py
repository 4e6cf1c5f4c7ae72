# SPDX-License-Identifier: Apache-2.0
"""Which files of rtl/ a module reaches: one module or package per file, file name = module name."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from golden.contract.errors import RunFailed
from golden.contract.paths import ROOT
from golden.hardware.configuration import CONFIGURATIONS
from golden.hardware.interface import packing

RTL = ROOT / "rtl"


class BuildFailed(RunFailed):
    """The sources do not compile, or not for these parameters."""


@functools.cache
def rtl_files() -> dict[str, Path]:
    """Module or package name -> file, for everything under rtl/."""
    return {path.stem: path for path in sorted(RTL.rglob("*.sv"))}


def _words(path: Path) -> set[str]:
    text = re.sub(r"//[^\n]*|/\*.*?\*/|\"[^\"\n]*\"", " ", path.read_text(), flags=re.DOTALL)
    return set(re.findall(r"[A-Za-z_]\w*", text))


def sources_of(*roots: str | Path) -> list[Path]:
    """RTL files that ``roots`` (module names, or files outside rtl/) reach, users after used."""
    known, order, seen = rtl_files(), [], set()

    def visit(path: Path) -> None:
        if path in seen:
            return
        seen.add(path)
        for name in sorted(_words(path) & known.keys()):
            visit(known[name])
        if path in known.values():
            order.append(path)

    for root in roots:
        if isinstance(root, str):
            if root not in known:
                raise BuildFailed(f"no rtl/**/{root}.sv: a file has the name of its module")
            root = known[root]
        visit(root)
    return sorted(order, key=lambda p: not p.stem.endswith("_pkg"))  # stable: packages first


def file_of(module: str, extras: Sequence[Path]) -> Path:
    for path in extras:
        if re.search(rf"^\s*module\s+{module}\b", path.read_text(), re.MULTILINE):
            return path
    if module not in rtl_files():
        raise BuildFailed(f"no module {module}: not under rtl/, not in the extra sources")
    return rtl_files()[module]


def _parameters(path: Path) -> tuple[set[str], dict[str, int]]:
    """Names of the parameters of the module in ``path``; the fields of its ``Cfg``, if any."""
    # Macros of its folder may declare some (tb/harness/psf_buses.svh).
    text = "".join(p.read_text() for p in (path, *sorted(path.parent.glob("*.svh"))))
    declared = set(re.findall(r"\bparameter\b[^;=]*?(\w+)\s*=", text))
    preset = re.search(r"psf_pkg::config_t Cfg = psf_pkg::CFG_(\w+)", text)
    return declared, CONFIGURATIONS[preset[1].lower()].sv_parameters() if preset else {}


def accepted(module: str, parameters: Mapping[str, int]) -> dict[str, int]:
    """Those of ``parameters`` that the module of rtl/ has."""
    declared, fields = _parameters(rtl_files()[module])
    return {n: v for n, v in parameters.items() if n in declared | fields.keys()}


def elaboration(path: Path, module: str, parameters: Mapping[str, int]) -> dict[str, int | str]:
    """``parameters`` as the tools take them.

    Names of `psf_pkg::config_t` change single fields of the preset that is the default of the
    module's ``Cfg``, which then goes to the tools as a whole.

    Raises:
        BuildFailed: a parameter that the module does not have; Yosys and Icarus would take the
            default in silence.
    """
    declared, default = _parameters(path)
    fields = {name: value for name, value in parameters.items() if name in default}
    values = {"Cfg": packing.literal("config_t", default | fields)} if fields else {}
    declared |= default.keys()
    for name in parameters:
        if name not in declared:
            raise BuildFailed(f"{module} has no parameter {name}; it has {sorted(declared)}")
    return values | {n: v for n, v in parameters.items() if n not in fields}
