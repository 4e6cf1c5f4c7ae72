# SPDX-License-Identifier: Apache-2.0
"""The accuracy report, on small networks and the tiny data set."""

import json

import pytest
import torch

from golden.contract.errors import UserError
from golden.contract.model import forward
from golden.contract.network import NetworkConfig as IntegerConfig
from golden.contract.random_network import random_network
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.quantise.accuracy import report
from golden.lab.train.checkpoint import save_dense
from golden.lab.train.source import split_tensors


@pytest.mark.long
def test_report(data, tmp_path, capsys):
    torch.manual_seed(0)
    dense, pruned = tmp_path / "dense.safetensors", tmp_path / "pruned.safetensors"
    save_dense(dense, Spikingformer(NetworkConfig(depth=1, dim=16, heads=2)), {})
    network = random_network(IntegerConfig(depth=1, dim=16, heads=2), sparsity="unstructured")
    network.save(pruned)
    out = tmp_path / "reports/accuracy.json"
    facts = report(dense, pruned, out)
    assert json.loads(out.read_text()) == facts
    images, truth = split_tensors("test")
    right = (forward(network, images.numpy()).label == truth.numpy()).mean()
    assert facts["pruned_int8"] == right
    assert facts["test_images"] == 48
    assert 0.7 < facts["weight_sparsity"] < 0.8
    assert "48 test images" in capsys.readouterr().out


def test_missing_checkpoint(data, tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        report(tmp_path / "a.safetensors", tmp_path / "b.safetensors", tmp_path / "out.json")
