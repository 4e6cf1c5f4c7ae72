# SPDX-License-Identifier: Apache-2.0
"""The sensitivity report: one figure per kind of layer, from rows that are worth least."""

import torch

from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.prune.network_masks import prunable
from golden.lab.prune.sensitivity import drop_rows, report
from golden.lab.train.checkpoint import save_dense

SMALL = NetworkConfig(depth=2, dim=16, heads=2, timesteps=2)


def test_drops_the_rows_that_are_worth_least():
    torch.manual_seed(0)
    model = Spikingformer(SMALL)
    layer = prunable(model)["blocks.0.mlp.mlp2"]
    layer.weight.data = torch.ones_like(layer.weight) * (1 + torch.arange(64.0))
    assert drop_rows(model, "blocks.0.mlp.mlp2", 4, 0.25) == 16 * 48
    assert (layer.weight[:, :48] == 0).all()
    assert (layer.weight[:, 48:] > 0).all()


def test_every_kind_is_measured(data, tmp_path, capsys):
    torch.manual_seed(0)
    model = Spikingformer(SMALL)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.bias.data.fill_(1.0)
    save_dense(tmp_path / "dense.safetensors", model, {})
    losses = report(tmp_path / "dense.safetensors", 4, 0.0, 16)
    kinds = {"", "1", "2", "3", "4", "q", "k", "v", "proj", "mlp1", "mlp2"}
    assert losses.keys() == kinds
    assert losses["4"] != losses[""]
    assert report(tmp_path / "dense.safetensors", 4, 1.0, 16).keys() == kinds
    same = report(tmp_path / "dense.safetensors", 4, 1.0, 16)
    assert len(set(same.values())) == 1
    assert capsys.readouterr().out.count("of all weights dropped") == 33
