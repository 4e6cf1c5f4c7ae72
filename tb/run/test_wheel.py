# SPDX-License-Identifier: Apache-2.0
"""The wheel, installed elsewhere: the program psf runs the RTL, and writes only where it is called.

Nothing is downloaded: the new environment sees the packages of this one, but not the checkout.
"""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from golden.contract.network import NetworkConfig
from golden.contract.paths import BUILD
from golden.contract.random_network import random_network
from tb.run.sources import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
IN_THE_WHEEL = (
    "rtl/psf_top.sv",
    "rtl/common/psf_fifo.sv",
    "tb/harness/psf_tb_top.sv",
    "tb/harness/psf_buses.svh",
    "tb/system/accel_bench.py",
    "tb/campaigns/mutants/simulation.toml",
    "formal/psf_fifo_formal.sv",
    "tb/campaigns/mutants/proofs.toml",
    "lint/verilator.vlt",
    "golden/configs/default.toml",
    "golden/checkpoints/balanced.safetensors",
    "golden/checkpoints/balanced.json",
    "golden/contract/energy/spikingformer_8_512.json",
    "golden/hardware/registers/psf_regs.rdl",
    "golden/lab/report/page.html.j2",
    "golden/results/pruning.json",
)


def call(*command, **options) -> subprocess.CompletedProcess:
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, check=False, timeout=900, **options
    )
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that nothing of an earlier build can be in it."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("golden", "tb", "rtl", "formal", "synth", "lint"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, source / name)
    pip = (sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "wheel", "--no-deps")
    done = call(*pip, "--no-build-isolation", "--no-index", "-w", out, source)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture
def elsewhere(wheel) -> Path:
    """A folder with a virtual environment ``venv`` that has the wheel, and an empty one, ``here``.

    It is at the same place every time: paths of sources are in what the simulator compiles, and
    ccache knows only what was compiled before.
    """
    folder = BUILD / "elsewhere"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "here").mkdir(parents=True)
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv/bin/python"
    pip = (sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "--python", python)
    done = call(*pip, "install", "--no-deps", "--no-index", wheel)
    assert done.returncode == 0, done.stdout + done.stderr
    (site,) = folder.glob("venv/lib/python*/site-packages")
    # A .pth in the folder that it names is not read: the checkout stays out.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def psf(elsewhere: Path, *arguments) -> subprocess.CompletedProcess:
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "WAVES", "SIM")}
    env = clean | {"PYTHONDONTWRITEBYTECODE": "1"}
    return call(elsewhere / "venv/bin/psf", *arguments, cwd=elsewhere / "here", env=env)


def test_what_is_in_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert not set(IN_THE_WHEEL) - names
    strange = {n for n in names if n.endswith((".log", ".fst")) or n.startswith(("golden/tests",))}
    assert not strange
    tops = {n.partition("/")[0] for n in names} - {"golden", "tb", "rtl", "formal", "synth", "lint"}
    assert len(tops) == 1 and next(iter(tops)).endswith(".dist-info")
    there = {p.relative_to(ROOT).as_posix() for p in (ROOT / "rtl").rglob("*.sv")}
    assert there <= names


def test_psf_elsewhere(elsewhere, tmp_path):
    """It helps, it says what needs a checkout, and it runs a network on the RTL of the wheel.

    Everything that is made lies below the current folder.
    """
    here = elsewhere / "here"
    done = psf(elsewhere, "--help")
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in ("train", "sim", "fuzz", "curves", "report"))
    done = psf(elsewhere, "lint")
    assert done.returncode == 2
    assert "needs a checkout" in done.stderr and done.stderr.count("\n") == 1
    assert not list(here.iterdir())

    network = tmp_path / "net.safetensors"
    random_network(NetworkConfig(depth=1, dim=16, heads=2, timesteps=1, mlp_ratio=1)).save(network)

    def installed() -> set[tuple[Path, int]]:
        return {(p, p.stat().st_mtime_ns) for p in (elsewhere / "venv").rglob("*")}

    before = installed()
    sim = ("sim", "--images", 1, "--config", "2x8", "--checkpoint", network)
    done = psf(elsewhere, *sim)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [p.name for p in here.iterdir()] == ["build"]
    report = json.loads((here / "build/reports/sim.json").read_text())
    assert report["mismatches"] == 0 and report["agree"] == report["images"] == 1
    assert installed() == before


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=!~; (]", requirement)[0].lower().replace("_", "-")


USED = (  # by a simulation, in psf and in the simulator
    "import sys, importlib.metadata as m; before = set(sys.modules)\n"
    "import golden.cli.hardware, tb.measure.sim, tb.system.accel_bench\n"
    "tops = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
    "known = m.packages_distributions()\n"
    "print(*{d for top in tops for d in known.get(top, ())}, sep='\\n')"
)


def _with_what_they_need(names: set[str]) -> set[str]:
    """Distributions and all that they depend on, but for extras."""
    found, todo = set(), set(names)
    while todo:
        name = todo.pop()
        found.add(name)
        needs = importlib.metadata.requires(name) or []
        todo |= {_name(x) for x in needs if "extra ==" not in x and _installed(x)} - found
    return found


def _installed(requirement: str) -> bool:
    try:
        return bool(importlib.metadata.version(_name(requirement)))
    except importlib.metadata.PackageNotFoundError:
        return False  # not for this system


def test_a_simulation_needs_no_more_than_its_group():
    declared = {_name(x) for x in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["sim"]}
    done = call(sys.executable, "-c", USED, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    used = {_name(name) for name in done.stdout.split()} - {PROJECT["name"]}
    assert {"numpy", "cocotb", "systemrdl-compiler"} <= used
    assert used <= _with_what_they_need(declared)


def test_every_dependency_is_pinned():
    groups = PROJECT["optional-dependencies"]
    named = {_name(x) for g in (PROJECT["dependencies"], *groups.values()) for x in g}
    named.discard(_name(PROJECT["name"]))
    lines = [
        line
        for file in ("requirements.txt", "requirements-nodeps.txt")
        for line in (ROOT / file).read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert all("==" in line for line in lines)
    pinned = {_name(line) for line in lines} - {"spikingjelly"}  # see pyproject.toml
    assert named == pinned
