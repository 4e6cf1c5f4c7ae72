# SPDX-License-Identifier: Apache-2.0
"""Simulations that run at the same time do not share a folder, and old folders go."""

import json
import os
import subprocess
import sys
import time

import pytest

from golden.contract.network import NetworkConfig
from golden.contract.paths import ROOT
from golden.contract.random_network import random_network
from tb.run import run_folder

HOLD = (
    "import sys, pathlib\n"
    "from tb.run import run_folder\n"
    "print(run_folder.fresh(pathlib.Path(sys.argv[1]), 'x'), flush=True)\n"
    "sys.stdin.read()\n"
)


def other_process(folder):
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, folder], cwd=ROOT, text=True, stdin=-1, stdout=-1
    )


def test_what_another_process_uses_stays(tmp_path, monkeypatch):
    with other_process(tmp_path) as other:
        theirs = tmp_path / other.stdout.readline().strip().rpartition("/")[2]
        (theirs / "results.xml").write_text("theirs")
        os.utime(theirs, (0, 0))  # the oldest
        for number in range(2 * run_folder.KEPT):
            mine = run_folder.fresh(tmp_path, "x")
            (mine / "results.xml").write_text(f"mine {number}")
            while run_folder._HELD:  # as if the process had ended
                os.close(run_folder._HELD.popleft())
            time.sleep(0.01)
        assert (theirs / "results.xml").read_text() == "theirs" and mine != theirs
        assert len(list(tmp_path.iterdir())) == run_folder.KEPT + 2
        assert mine.is_dir()
        other.communicate("")
    run_folder.fresh(tmp_path, "x")
    assert not theirs.exists()
    assert run_folder.fresh(tmp_path, "y").name.startswith("run-y.")


@pytest.mark.long
def test_two_simulations_at_once(tmp_path):
    """Each sees its own results: one image for one of them, two for the other."""
    network = tmp_path / "net.safetensors"
    random_network(NetworkConfig(depth=1, dim=16, heads=2, timesteps=1, mlp_ratio=1)).save(network)
    line = [sys.executable, "-m", "golden", "sim", "--config", "2x8", "--checkpoint", str(network)]
    runs = [
        subprocess.Popen([*line, "--images", str(n)], cwd=ROOT, text=True, stdout=-1, stderr=-1)
        for n in (1, 2)
    ]
    for count, run in enumerate(runs, 1):
        out, error = run.communicate()
        assert run.returncode == 0, out + error
        assert f"images {count}, correct" in out and "mismatches 0" in out
    report = json.loads((ROOT / "build/reports/sim.json").read_text())  # of the last one, whole
    assert report["mismatches"] == 0 and len(report["per_image"]) in (1, 2)
