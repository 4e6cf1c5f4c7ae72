# SPDX-License-Identifier: Apache-2.0
"""psf.core (FuseSoC) and Bender.yml: each list alone is all that the design needs, in its order.

FuseSoC itself reads the core, exports what it names to an empty folder and lints that with
Verilator. Bender is a Rust program that PyPI does not have; its manifest is read as Bender reads
it (sources may be files or groups with a target), and its files, copied to an empty folder, are
elaborated by Verilator and by Yosys.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Set
from pathlib import Path

import pytest
import yaml

from golden.hardware.configuration import Hardware
from golden.hardware.interface import table
from tb.run import runner
from tb.run.simulators import YOSYS, use_tools
from tb.run.sources import ROOT

CORE = ROOT / "psf.core"
BENDER = ROOT / "Bender.yml"
NAME = "prunespikformer:ip:psf"
TARGETS = frozenset({"synthesis", "rtl"})  # what a synthesis with Bender asks for


def core_files(path: Path = CORE) -> list[str]:
    """Names in the file sets ``rtl`` and ``rams`` of a FuseSoC core."""
    text = path.read_text()
    assert text.startswith("CAPI=2:\n")  # FuseSoC looks for this line
    core = yaml.safe_load(text)
    return [name for files in ("rtl", "rams") for name in core["filesets"][files]["files"]]


def meets(target: str, targets: Set[str]) -> bool:
    """A target expression of Bender: a name, ``*``, or ``not``, ``any``, ``all`` of such."""
    call = re.fullmatch(r"(not|any|all)\((.*)\)", target.replace(" ", ""))
    if call is None:
        return target.strip() == "*" or target.strip() in targets
    parts, depth = [""], 0
    for letter in call[2]:
        depth += (letter == "(") - (letter == ")")
        parts += [""] if letter == "," and not depth else []
        parts[-1] += letter
    met = [meets(part.lstrip(","), targets) for part in parts]
    return {"not": not met[0], "any": any(met), "all": all(met)}[call[1]]


def bender_files(path: Path = BENDER, targets: Set[str] = TARGETS) -> list[str]:
    """Names in a Bender manifest, groups opened, those for other targets left out."""

    def flat(sources: list) -> list[str]:
        found = []
        for entry in sources:
            if isinstance(entry, str):
                found.append(entry)
            elif meets(entry.get("target", "*"), targets):
                found += flat(entry["files"])
        return found

    return flat(yaml.safe_load(path.read_text())["sources"])


def complaints(listed: list[str], root: Path = ROOT) -> list[str]:
    """What a file list lacks, repeats, invents or puts in the wrong place."""
    there = {p.relative_to(root).as_posix() for p in (root / "rtl").rglob("*.sv")}
    packages = [f for f in listed if f.endswith("_pkg.sv")]
    found = [f"{f} is missing" for f in sorted(there - set(listed))]
    found += [f"{f} does not exist" for f in sorted(set(listed) - there)]
    found += [f"{f} is listed twice" for f in sorted({f for f in listed if listed.count(f) > 1})]
    if listed[: len(packages)] != packages:
        found.append("packages do not come first")
    return found


def copied(listed: list[str], folder: Path) -> list[str]:
    """Copy the files, and nothing else, to a folder."""
    for name in listed:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    return listed


def call(folder: Path, *command: str) -> subprocess.CompletedProcess:
    use_tools()
    clean = {k: v for k, v in os.environ.items() if k != "FUSESOC_CONFIG"}
    env = clean | {"XDG_CONFIG_HOME": str(folder / "cfg"), "XDG_DATA_HOME": str(folder / "data")}
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=600
    )


def fusesoc(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    program = Path(sys.executable).parent / "fusesoc"
    return call(folder, str(program), "--monochrome", "--cores-root", ".", *arguments)


LISTS = pytest.mark.parametrize("listed", [core_files(), bender_files()], ids=["core", "bender"])


@LISTS
def test_list_is_complete(listed):
    assert complaints(listed) == []


def test_the_lists_are_equal():
    assert sorted(core_files()) == sorted(bender_files())


def test_own_rams():
    """The target, and the flag, leave the four wrappers out and nothing else."""
    rams = yaml.safe_load(CORE.read_text())["filesets"]["rams"]["files"]
    assert len(rams) == 4 and all(Path(ram).stem.startswith("psf_ram_") for ram in rams)
    rest = bender_files(targets=TARGETS | {"psf_own_rams"})
    assert set(bender_files()) - set(rest) == set(rams)
    assert rest == [name for name in bender_files() if name not in rams]


def test_complaints_are_made(tmp_path):
    listed = copied(core_files(), tmp_path)
    (tmp_path / "rtl" / "psf_new.sv").write_text("module psf_new; endmodule\n")
    package, first, *rest = listed
    assert complaints(listed, tmp_path) == ["rtl/psf_new.sv is missing"]
    assert f"{first} is missing" in complaints([package, *rest], tmp_path)
    assert f"{first} is listed twice" in complaints([*listed, first], tmp_path)
    assert "rtl/none.sv does not exist" in complaints([*listed, "rtl/none.sv"], tmp_path)
    assert "packages do not come first" in complaints([listed[-1], *listed[:-1]], tmp_path)


def test_parameters_of_the_core_are_those_of_the_table():
    core = yaml.safe_load(CORE.read_text())
    axi = re.findall(r"parameter int unsigned (Axi\w+)", (ROOT / "rtl/psf_top.sv").read_text())
    wanted = [*(p.sv for p in table.PARAMETERS), *axi]
    assert len(axi) == 6
    assert list(core["parameters"]) == wanted
    assert core["targets"]["lint"]["parameters"] == wanted
    assert core["targets"]["lint"]["toplevel"] == "psf_top"


def test_fusesoc_lints_what_the_core_names(tmp_path):
    shutil.copyfile(CORE, tmp_path / CORE.name)
    copied([*core_files(), "lint/verilator.vlt"], tmp_path)
    listed = fusesoc(tmp_path, "core", "list")
    assert NAME in listed.stdout, listed.stderr
    values = Hardware.named("2x8").sv_parameters() | {"AxiAddrWidth": 40}
    flags = [text for name, value in values.items() for text in (f"--{name}", str(value))]
    done = fusesoc(tmp_path, "run", "--target", "lint", NAME, *flags)
    assert done.returncode == 0, done.stdout + done.stderr
    commands = next((tmp_path / "build").rglob("*.vc")).read_text()
    assert all(f"-G{name}={value}" in commands for name, value in values.items())
    assert "--top-module psf_top" in commands
    named = [line.partition("/rtl/")[2] for line in commands.splitlines() if "/rtl/" in line]
    assert [f"rtl/{name}" for name in named] == core_files()


def test_fusesoc_notices_a_missing_file(tmp_path):
    """The test above is worth something: the core without one file does not lint."""
    lines = CORE.read_text().splitlines(keepends=True)
    (tmp_path / CORE.name).write_text("".join(x for x in lines if "psf_window.sv" not in x))
    copied([*core_files(), "lint/verilator.vlt"], tmp_path)
    done = fusesoc(tmp_path, "run", "--target", "lint", NAME)
    assert done.returncode != 0
    assert "psf_window" in done.stdout + done.stderr


# The lists are equal (a test above), so that one elaboration speaks for both.


def test_verilator_elaborates_the_list(tmp_path):
    names = copied(bender_files(), tmp_path)
    waivers = str(runner.WAIVERS)
    done = call(
        tmp_path, "verilator", "--lint-only", "-Wall", "--timescale", "1ns/1ps", "--top-module",
        "psf_top", waivers, *names,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_yosys_elaborates_the_list(tmp_path):
    names = " ".join(copied(bender_files(), tmp_path))
    script = f"read_slang --threads 1 --top psf_top {names}; hierarchy -check -top psf_top"
    done = call(tmp_path, *YOSYS, "-q", "-p", script)
    assert done.returncode == 0, done.stdout + done.stderr


def test_bender_manifest():
    manifest = yaml.safe_load(BENDER.read_text())
    assert re.fullmatch(r"[a-z_][a-z0-9_-]*", manifest["package"]["name"])
    assert set(manifest) <= {"package", "dependencies", "sources", "export_include_dirs"}


def test_bender_groups_are_opened(tmp_path):
    path = tmp_path / "Bender.yml"
    path.write_text(
        "sources:\n  - a.sv\n  - {target: test, files: [tb.sv]}\n  - {files: [b.sv, c.sv]}\n"
        "  - {target: 'any(test, all(rtl, not(x)))', files: [d.sv]}\n"
    )
    assert bender_files(path) == ["a.sv", "b.sv", "c.sv", "d.sv"]
    assert bender_files(path, {"test", "x"}) == ["a.sv", "tb.sv", "b.sv", "c.sv", "d.sv"]
    assert bender_files(path, {"rtl", "x"}) == ["a.sv", "b.sv", "c.sv"]
