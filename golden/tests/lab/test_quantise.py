# SPDX-License-Identifier: Apache-2.0
"""The folded training network and the exported integers are one function, within the ranges."""

import numpy as np
import pytest
import torch
from torch import nn

from golden.contract.errors import UserError
from golden.contract.model import forward
from golden.contract.network import NetworkConfig as IntegerConfig
from golden.contract.network import QuantNetwork
from golden.contract.random_network import random_network
from golden.contract.sparsity import weight_sparsity
from golden.lab.networks.backbones.head import Head
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.layers import LinearBN
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.prune.network_masks import PruneConfig, set_masks, sparsity
from golden.lab.quantise.convert import calibrate, convert
from golden.lab.quantise.export import bounds, check_ranges, export, layers
from golden.lab.quantise.fold import QuantHead, ResidualFolded
from golden.lab.train.source import network_input

pytestmark = pytest.mark.smoke


def converted(config, seed, frac_bits=6):
    """(model, images): pruned and folded after a calibration that makes its neurons fire."""
    torch.manual_seed(seed)
    model = Spikingformer(config)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.uniform_(module.weight, -1.5, 1.5)  # a negative gain must fold, too
            nn.init.uniform_(module.bias, 0.5, 1.5)
    set_masks(model, PruneConfig(lanes=8), searching=False)
    shape = (24, *config.input_shape)
    images = torch.randint(config.input_max + 1, shape, dtype=torch.uint8)
    calibrate(model, images)
    return convert(model, frac_bits).eval(), images


@pytest.mark.parametrize(
    "config",
    [
        NetworkConfig(depth=1, dim=32, heads=2, height=12, width=12),
        NetworkConfig(
            depth=2, dim=16, heads=2, timesteps=3, in_channels=3, height=9, width=10, classes=4,
            mlp_ratio=2,
        ),
        NetworkConfig(depth=1, dim=32, heads=2, height=12, width=12, head="avgpool_fc"),
        NetworkConfig(
            depth=1, dim=32, heads=2, in_channels=3, height=10, width=12, encoder="learned",
            encoder_channels=5, head="fc_avgpool",
        ),
        NetworkConfig(
            depth=1, dim=16, heads=2, height=9, width=11, encoder="learned", encoder_charge=0.7,
            encoder_channels=3,
        ),
        NetworkConfig(
            depth=1, dim=32, heads=2, in_channels=3, height=9, width=12, mean=(0.2, 0.5, 0.6),
            std=(0.2, 0.3, 0.25),
        ),
        NetworkConfig(
            depth=1, dim=32, heads=2, in_channels=2, height=10, width=12, mean=(0.1, 0.2),
            std=(0.5, 0.6), encoder="learned", encoder_channels=5,
        ),
        NetworkConfig(  # events
            depth=1, dim=16, heads=2, timesteps=3, in_channels=2, height=9, width=10,
            input_timesteps=3, input_bits=1,
        ),
        NetworkConfig(  # their counts
            depth=1, dim=16, heads=2, in_channels=2, height=10, width=9, head="avgpool_fc",
            input_timesteps=4, input_bits=3,
        ),
    ],
)  # fmt: skip
@torch.no_grad()
def test_training_network_equals_integers(config, tmp_path):
    model, images = converted(config, seed=3)
    network = export(model, 6, {"seed": 3})
    network.save(tmp_path / "network.safetensors")
    trace = forward(QuantNetwork.load(tmp_path / "network.safetensors"), images.numpy())
    assert all(trace.spike[name].any() for name in trace.spike)
    _, scale = model.head.integers()
    scale = scale * model.head.unit
    logits = model(network_input(model, images)).double() / scale * model.head.positions
    assert np.abs(logits.numpy() - trace.logits).max() < 0.5
    assert weight_sparsity(network) >= sparsity_of(model)


def sparsity_of(model):
    """Share of masked weights of the layers that count."""
    masks = [m.mask for n, m in model.named_modules() if hasattr(m, "mask") and "stages.0" not in n]
    return sum(int((m == 0).sum()) for m in masks) / sum(m.numel() for m in masks)


def test_gradients_reach_everything():
    model, images = converted(NetworkConfig(depth=1, dim=16, heads=2, height=8, width=8), seed=1)
    model.train()
    model(images.float() / 255).square().sum().backward()
    missing = [name for name, p in model.named_parameters() if p.grad is None]
    assert not missing
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


def test_calibration_is_the_plain_average():
    torch.manual_seed(0)
    model = Spikingformer(NetworkConfig(depth=0, dim=16, heads=2, height=8, width=8))
    images = torch.randint(256, (64, 1, 8, 8), dtype=torch.uint8)
    calibrate(model, images, batch_size=64)
    first = model.tokenizer.stages[0]
    currents = nn.functional.conv2d(images.float() / 255, first.weight, padding=1)
    torch.testing.assert_close(first.norm.running_mean, currents.mean((0, 2, 3)))
    assert first.norm.momentum == 0.1


def test_large_residual_weights_get_a_coarser_grid():
    layer = LinearBN(8, 8)
    layer.norm.running_var.fill_(1e-4)
    folded = ResidualFolded(layer, frac_bits=6)
    assert folded.shift > 0
    integers = folded.integers()
    assert 64 <= integers.weight.abs().max() <= 127
    error = (integers.weight * folded.step - folded.folded()[0]).abs().max()
    assert error <= folded.step / 2 + 1e-6


def test_ranges_are_refused_with_the_layer_and_the_value():
    config = IntegerConfig(depth=1, dim=16, heads=2, height=8, width=8)
    network = random_network(config)
    check_ranges(network)
    network.blocks[0].k.bias[3] = 1 << 18
    with pytest.raises(
        UserError,
        match=r"blocks\.0\.k: largest current is 26\d+, .* acc_width=21",
    ):
        check_ranges(network)
    network = random_network(config)
    network.blocks[0].q.theta2[0] = 1 << 19
    with pytest.raises(
        UserError,
        match=r"blocks\.0\.q: largest parameter is 524288, .* acc_width=21",
    ):
        check_ranges(network)
    network = random_network(config)
    network.head_shift = 8
    with pytest.raises(
        UserError,
        match=r"head: bits that the sum loses.* is 8, the limit is 7; use",
    ):
        check_ranges(network)
    network = random_network(config)
    network.blocks[0].mlp2.shift = 8
    with pytest.raises(UserError, match=r"mlp2: shift is 8, .*mlp2: largest residual is"):
        check_ranges(network)

    # The layer that fills the stream is named where a later one makes it overflow.
    network = random_network(config)
    network.patch.weight = np.clip(network.patch.weight.astype(int) * 40, -127, 127).astype(np.int8)
    network.patch.shift = 3
    room = (1 << 15) - 1 - int(max(np.abs(bounds(network.patch, 1)).max() << 3, 0))
    network.blocks[0].proj.bias += room + 8000
    with pytest.raises(
        UserError, match=r"proj: largest residual, up to \d+ of it from tokenizer\.4, is \d+, the"
    ):
        check_ranges(network)


def test_bounds_hold_and_are_reached():
    network = random_network(IntegerConfig(depth=1, dim=16, heads=2, height=8, width=8))
    layer = dict(layers(network))["blocks.0.mlp1"]
    least, most = bounds(layer, 1)
    weight = layer.weight.astype(np.int64)
    assert (((weight > 0) * weight).sum(1) + layer.bias == most).all()
    assert (((weight < 0) * weight).sum(1) + layer.bias == least).all()


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(head="avgpool_sn_fc"), "has head sn_fc_avgpool or .*, not avgpool_sn_fc"),
        (dict(tau=4.0), "has tau 2.0, not 4.0"),
        (dict(encoder="rate"), "has encoder direct or learned, not rate"),
    ],
)
def test_what_the_contract_does_not_have_is_refused(change, message):
    model = Spikingformer(NetworkConfig(depth=0, dim=16, heads=2, **change))
    with pytest.raises(UserError, match=message):
        convert(model, 6)


@torch.no_grad()
@pytest.mark.parametrize("shift", [0, 3])
def test_head_on_a_stream_drops_the_low_bits_of_its_sum(shift):
    torch.manual_seed(shift)
    steps, tokens, dim, frac_bits = 3, 5, 16, 6
    head = QuantHead(Head(dim, 4, "avgpool_fc"), steps * tokens, 2.0**-frac_bits)
    head.shift = shift
    stream = torch.randint(-30000, 30000, (steps, 7, tokens, dim))
    used, scale = head.integers()
    sums = stream.sum((0, 2)).numpy() >> shift
    want = sums @ used.weight.numpy().T.astype(np.int64) + used.bias.numpy().astype(np.int64)
    logits = head(stream.float() * 2.0**-frac_bits) / (scale * head.unit) * head.positions
    assert np.abs(logits.numpy() - want).max() < 1e-3
    real = stream.double().mean((0, 2)) * 2.0**-frac_bits @ head.source.weight.double().T
    assert (head(stream.float() * 2.0**-frac_bits) - real - head.source.bias).abs().max() < 2.0


@torch.no_grad()
def test_orders_of_a_head_are_the_same_integers():
    """The mean commutes with the linear layer."""
    orders = ("sn_fc_avgpool", "sn_avgpool_fc"), ("avgpool_fc", "fc_avgpool")
    logits = {}
    for head in sum(orders, ()):
        config = NetworkConfig(depth=0, dim=16, heads=2, height=8, width=8, head=head)
        model, images = converted(config, seed=4)
        logits[head] = forward(export(model, 6, {}), images.numpy()).logits
    for first, second in orders:
        assert np.array_equal(logits[first], logits[second])
    assert not np.array_equal(logits["sn_fc_avgpool"], logits["avgpool_fc"])


def test_sparsity_counts_masked_weights():
    model = Spikingformer(NetworkConfig(depth=1, dim=32, heads=2, height=8, width=8))
    assert sparsity(model) == 0.0
