# SPDX-License-Identifier: Apache-2.0
"""The residual network without neurons: what it computes, that it learns, where it is refused."""

import dataclasses

import pytest
import torch
from torch.nn import functional

from golden.cli.main import main
from golden.contract.errors import UserError
from golden.lab.networks import backbones
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.train.checkpoint import load_dense, load_float, save_dense
from golden.tests.tiny_networks import awake, losses, pixels

SIZES = NetworkConfig(
    backbone="resnet", depth=14, dim=32, height=8, width=10, timesteps=1, head="avgpool_fc"
)


def convolved(values, layer):
    """Conv-BN of (B, C, H, W) with torch's own functions."""
    norm, kernel = layer.norm, layer.weight.shape[-1]
    out = functional.conv2d(values, layer.weight, None, layer.stride, kernel // 2)
    parts = norm.running_mean, norm.running_var, norm.weight, norm.bias
    return functional.batch_norm(out, *parts, False, 0.0, norm.eps)


@torch.no_grad()
@pytest.mark.parametrize("seed", range(3))
def test_it_computes_what_the_paper_says(seed):
    """Section 3.2: y = relu(F(x) + x), with a projection where the shape changes."""
    model = awake(SIZES, seed)
    values = convolved(pixels(SIZES, 3), model.stem).relu()
    sizes = []
    for block in model.blocks:
        change = convolved(convolved(values, block.conv1).relu(), block.conv2)
        straight = convolved(values, block.shortcut) if block.shortcut else values
        values = (change + straight).relu()
        sizes.append(tuple(values.shape[1:]))
    assert sizes == [(8, 8, 10)] * 2 + [(16, 4, 5)] * 2 + [(32, 2, 3)] * 2
    head = model.head
    expected = values.mean((2, 3)) @ head.weight.T + head.bias
    torch.testing.assert_close(model(pixels(SIZES, 3)), expected, rtol=1e-10, atol=1e-10)


def test_a_fresh_one_learns():
    torch.manual_seed(4)
    model = backbones.build(SIZES)
    found = losses(model)
    assert found[-1] < 0.5 * found[0], found
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_checkpoint_is_a_teacher_only(tmp_path, capsys):
    path = tmp_path / "teacher.safetensors"
    model = awake(SIZES).float()
    save_dense(path, model, {})
    images = pixels(SIZES, 2).float()
    assert torch.equal(load_float(path).eval()(images), model(images))
    with pytest.raises(UserError, match="no spiking network but a resnet"):
        load_dense(path)
    for line in (
        f"prune --dense {path} --run {tmp_path / 'run'} --out {tmp_path / 'out.safetensors'}",
        f"quantise {path} --out {tmp_path / 'out.safetensors'}",
        f"nir export {path} --out {tmp_path / 'out.nir'}",
    ):
        with pytest.raises(SystemExit) as ended:
            main(line.split())
        assert ended.value.code == 2
        assert "can only be the teacher of one" in capsys.readouterr().err, line


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"timesteps": 2}, "set network.timesteps = 1"),
        ({"encoder": "rate"}, "set network.timesteps = 1"),
        ({"head": "sn_fc_avgpool"}, "network.head = 'avgpool_fc'"),
        ({"depth": 19}, "choose 18, 34 or any 6 n"),
        ({"layout": "dvs"}, "cifar and imagenet"),
    ],
)
def test_impossible_ones(changes, sentence):
    with pytest.raises(UserError, match=sentence):
        backbones.build(dataclasses.replace(SIZES, **changes))
