# SPDX-License-Identifier: Apache-2.0
"""scripts/train_gpu.sh with one step on the CPU: the network of its real size, tiny images."""

import os
import subprocess
import sys

import torch

from golden.contract.network import QuantNetwork
from golden.contract.paths import ROOT
from golden.lab.train.checkpoint import load_dense
from golden.tests.lab.test_data_cifar import make

MOST = 16 << 20


def script(folder, *words):
    environment = os.environ | {
        "PYTHON": sys.executable, "CIFAR10_DIR": str(folder), "OUT": str(folder / "out"),
        "STEPS": "1",
    }  # fmt: skip
    done = subprocess.run(
        [ROOT / "scripts/train_gpu.sh", *words], env=environment, text=True, capture_output=True
    )
    return done.returncode, done.stdout, done.stderr


def test_one_step_of_everything(tmp_path):
    make(tmp_path, "cifar10", packed=False)
    out = tmp_path / "out"
    code, printed, errors = script(tmp_path, "dense")
    assert code == 0, errors
    assert f"bytes of {MOST}" in printed and "epoch 1/1" in printed
    assert (out / "dense.safetensors").stat().st_size < MOST
    model = load_dense(out / "dense.safetensors")
    config = model.config
    assert (config.depth, config.dim, config.timesteps) == (4, 256, 4)
    assert sum(p.numel() for p in model.parameters()) > 4_000_000
    # stopped before the result was written: the state of the training gives it again
    (out / "dense.safetensors").unlink()
    code, printed, errors = script(tmp_path, "dense")
    assert code == 0 and "epoch 1/1" not in printed, errors
    again = load_dense(out / "dense.safetensors").state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in model.state_dict().items())
    code, _, errors = script(tmp_path, "balanced")
    assert code == 0, errors
    network = QuantNetwork.load(out / "balanced.safetensors")
    assert network.config.dim == 256 and network.provenance["weight_sparsity"] > 0.7
    assert script(tmp_path, "sparse")[0] == 2
