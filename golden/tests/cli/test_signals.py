# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C at random moments: nothing half-written stays, and the next try gives what an undisturbed
one gives. PSF_SIGNALS=10 psf test -k any_moment tries ten moments of each command.
"""

import hashlib
import os
import random
import secrets
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from golden.contract.network import NetworkConfig
from golden.contract.paths import ROOT
from golden.contract.random_network import random_network
from golden.tests.cli.processes import PSF, heard

MOMENTS = int(os.environ.get("PSF_SIGNALS", 1))
STOPPED = "error: stopped; what was not finished is not written"
TRAINING = """
[network]
depth = 1
dim = 16
heads = 2
timesteps = 2
height = 8
width = 8
classes = 2
pooled_stages = []
[train]
data = "digits.npz"
epochs = 4
batch_size = 16
monitor_images = 8
precision = "float32"
"""


def given(folder: Path) -> None:
    """What the commands read: a quantised network, and images with a training file."""
    config = NetworkConfig(depth=1, dim=16, heads=2, timesteps=2, height=28, width=28, classes=10)
    random_network(config, 1).save(folder / "network.safetensors")
    rng = np.random.default_rng(0)
    labels = np.arange(640) % 2
    images = rng.integers(0, 120, (640, 8, 8), np.uint8) + (100 * labels[:, None, None])
    np.savez(
        folder / "digits.npz", x_train=images.astype(np.uint8), y_train=labels,
        x_test=images[:64].astype(np.uint8), y_test=labels[:64],
    )  # fmt: skip
    (folder / "train.toml").write_text(TRAINING)


COMMANDS = {  # arguments, what is written, how to go on after a stop
    "compile": (
        ["compile", "--checkpoint", "network.safetensors", "--images", "60", "--out", "out"],
        ["out/program.bin", "out/image59.bin", "out/expected59.npz"], []),
    "train": (
        ["train", "--config", "train.toml", "--run", "run", "--out", "out/net.safetensors"],
        ["out/net.safetensors"], ["--resume"]),
}  # fmt: skip


def psf(folder: Path, *arguments: str) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*PSF, *arguments], cwd=folder, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, preexec_fn=heard,
    )  # fmt: skip


def whole(folder: Path, names: list[str]) -> dict[str, str]:
    """A digest of every file; of a checkpoint that of its tensors, as it names its data's place."""
    digests = {}
    for name in names:
        parts = [(folder / name).read_bytes()]
        if name.startswith("out/") and name.endswith(".safetensors"):
            parts = [x.tobytes() for _, x in sorted(load_file(folder / name).items())]
        digests[name] = hashlib.sha256(b"".join(parts)).hexdigest()
    return digests


@pytest.mark.long
@pytest.mark.parametrize("command", COMMANDS)
def test_any_moment(command, tmp_path):
    seed = int(os.environ.get("SEED") or secrets.randbelow(1 << 30) + 1)
    print(f"SEED={seed}")
    rng = random.Random(seed)
    arguments, names, again = COMMANDS[command]
    (tmp_path / "undisturbed").mkdir()
    given(tmp_path / "undisturbed")
    began = time.monotonic()
    first = psf(tmp_path / "undisturbed", *arguments)
    error = first.communicate(timeout=300)[1]
    took = time.monotonic() - began
    assert first.returncode == 0, error
    right = whole(tmp_path / "undisturbed", names)
    for number in range(MOMENTS):
        folder = tmp_path / str(number)
        folder.mkdir()
        given(folder)
        before = whole(folder, ["network.safetensors", "digits.npz", "train.toml"])
        process, moment = psf(folder, *arguments), rng.uniform(0.3, 1) * took
        time.sleep(moment)
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=120)[1]
        where = f"SEED={seed}, after {moment:.2f} of {took:.2f} s: {error}"
        assert whole(folder, list(before)) == before, where
        assert not [p for p in folder.rglob("*") if ".part" in p.name], where
        if process.returncode != 0:
            assert process.returncode == 130 and error.splitlines()[-1] == STOPPED, where
            states = (folder / "run/last.pt").is_file()
            next_try = psf(folder, *arguments, *(again if states else []))
            error = next_try.communicate(timeout=300)[1]
            assert next_try.returncode == 0, f"{where}; then {error}"
        assert whole(folder, names) == right, where
