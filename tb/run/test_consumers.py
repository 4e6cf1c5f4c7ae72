# SPDX-License-Identifier: Apache-2.0
"""examples/consumer: a design that takes psf_top from FuseSoC, or from Bender, as a dependency.

Both end in the same place: Verilator lints the design from the files that the tool gives it.
"""

import os
import shutil
from pathlib import Path

import yaml

from tb.run.test_packaging import BENDER, CORE, ROOT, bender_files, call, core_files, fusesoc

CONSUMER = ROOT / "examples" / "consumer"
OWN = ["reset_synchroniser.sv", "consumer.sv"]


def placed(folder: Path) -> None:
    """The consumer, and beside it the files of the core, in a folder of their own."""
    shutil.copytree(CONSUMER, folder / "consumer")
    psf = folder / "psf"
    for name in [CORE.name, *core_files()]:
        (psf / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, psf / name)


def test_fusesoc(tmp_path):
    placed(tmp_path)
    done = fusesoc(tmp_path, "run", "--target", "lint", "example:ip:consumer")
    assert done.returncode == 0, done.stdout + done.stderr
    commands = next((tmp_path / "build").rglob("*.vc")).read_text()
    named = [Path(line).name for line in commands.split() if line.endswith(".sv")]
    assert named == [*(Path(name).name for name in core_files()), *OWN]
    assert "--top-module consumer" in commands


def test_fusesoc_without_the_core_or_in_another_version(tmp_path):
    """What the dependency says is asked for: the test above is worth something."""
    placed(tmp_path)
    (tmp_path / "psf" / CORE.name).write_text(CORE.read_text().replace("psf:0.4.0", "psf:0.3.9"))
    done = fusesoc(tmp_path, "run", "--target", "lint", "example:ip:consumer")
    assert done.returncode != 0 and "prunespikformer_ip_psf" in done.stdout + done.stderr


def bender_tree(manifest: Path) -> list[Path]:
    """The sources of a manifest behind those of what it depends on, by path."""
    found: list[Path] = []
    for package, where in yaml.safe_load(manifest.read_text()).get("dependencies", {}).items():
        other = (manifest.parent / where["path"] / "Bender.yml").resolve()
        assert yaml.safe_load(other.read_text())["package"]["name"] == package
        found += bender_tree(other)
    return found + [manifest.parent / name for name in bender_files(manifest)]


def test_bender(tmp_path):
    """Bender cannot be had here (see tb.run.test_packaging): its manifests are read as it would."""
    files = bender_tree(CONSUMER / "Bender.yml")
    assert [f.name for f in files] == [*(Path(name).name for name in bender_files(BENDER)), *OWN]
    command = ["verilator", "--lint-only", "--timescale", "1ns/1ps"]
    names = [os.path.relpath(file, tmp_path) for file in files]
    done = call(tmp_path, *command, "--top-module", "consumer", *names)
    assert done.returncode == 0, done.stderr
