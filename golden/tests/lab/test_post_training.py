# SPDX-License-Identifier: Apache-2.0
"""Quantisation without training: grids that fit, the layers that change, what does not fit."""

import numpy as np
import pytest
import torch
from torch import nn

from golden.contract.errors import UserError
from golden.contract.limits import Excess, Widths, deep, refuse, smallest, wide
from golden.contract.model import forward
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import CONFIGURATIONS, Hardware
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.layers import LinearBN
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.quantise.convert import calibrate
from golden.lab.quantise.export import excesses
from golden.lab.quantise.firing import compare
from golden.lab.quantise.fold import ResidualFolded
from golden.lab.quantise.post_training import quantise, tell

pytestmark = pytest.mark.smoke

SIZES = dict(depth=1, dim=32, heads=2, height=10, width=12)
LEARNED = dict(encoder="learned", encoder_channels=5, in_channels=3)
NORMALISED = dict(in_channels=3, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.2), head="avgpool_fc")


def trained(seed: int = 0, **changes) -> tuple[Spikingformer, torch.Tensor]:
    """(a float network that fires, images uint8)."""
    torch.manual_seed(seed)
    model = Spikingformer(NetworkConfig(**SIZES | changes))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.uniform_(module.bias, 0.3, 1.2)
    config = model.config
    images = torch.randint(256, (16, config.in_channels, 10, 12), dtype=torch.uint8)
    with torch.compiler.set_stance("force_eager"):
        calibrate(model, images)
    return model.eval(), images


@pytest.mark.parametrize("changes", [{}, LEARNED, NORMALISED])
def test_the_grid_is_the_finest_that_fits(changes):
    model, images = trained(1, **changes)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    widths = Widths(20, 13)
    network = quantise(model, images, widths)
    bits = network.config.residual_frac_bits
    assert 1 <= bits < 12 and not list(excesses(network, widths))
    with pytest.raises(UserError, match=r"stream_width=13 .*use hardware with stream_width=14"):
        quantise(model, images, widths, frac_bits=bits + 1)
    assert quantise(model, images, Widths(20, 14)).config.residual_frac_bits == bits + 1
    compile_network(network, Hardware.named("2x8,stream_width=13"))  # which proves it again
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())


@pytest.mark.parametrize("changes", [{}, LEARNED])
def test_compared_are_the_spikes_of_both(changes):
    model, images = trained(2, **changes)
    network = quantise(model, images)
    firing = compare(model, network, images, batch_size=5)
    trace = forward(network, images.numpy())
    assert set(firing) == set(trace.spike)
    for name, entry in firing.items():
        assert (entry.integer_spikes, entry.neurons) == (
            trace.spike[name].sum(), trace.spike[name].size
        )  # fmt: skip
    first = "encoder" if changes else "tokenizer.0"
    assert firing[first].float_spikes and firing[first].share < 0.02
    # Of independent spikes the share 2 (1 - rate) would differ; on noise an untrained network
    # comes near to that behind the tokenizer.
    apart = {name: e.share / 2 / (1 - e.rates[0]) for name, e in firing.items()}
    assert apart["tokenizer.1"] < 0.3
    assert all(share < 0.85 for name, share in apart.items() if "attention" not in name)


def test_what_no_grid_mends_names_the_hardware_that_would():
    model, images = trained(3)
    with torch.no_grad():  # a bias that no scale makes smaller: the weights are tiny
        model.blocks[0].mlp.mlp2.norm.bias.fill_(3e4)
    with pytest.raises(UserError, match=r"blocks\.0\.mlp2: largest residual") as error:
        quantise(model, images, Widths(24, 12))
    told = str(error.value)
    width = int(told.rpartition("stream_width=")[2].split()[0].rstrip(","))
    assert "\n" not in told and width > 12
    assert quantise(model, images, Widths(32, width)).config.residual_frac_bits >= 1
    with pytest.raises(UserError):
        quantise(model, images, Widths(32, width - 1))


def test_one_large_weight_is_clipped_where_that_is_better():
    torch.manual_seed(0)
    layer = LinearBN(64, 64)
    rates = torch.full((64,), 0.1)
    with torch.no_grad():
        layer.weight.uniform_(-0.1, 0.1)
        layer.weight[0, 0] = 0.27
        rates[0] = 1e-6
    whole, clipped = ResidualFolded(layer, 12), ResidualFolded(layer, 12, rates)
    assert int(clipped.shift) == int(whole.shift) - 2
    assert whole.error(int(whole.shift), rates) > clipped.error(int(clipped.shift), rates)
    rates[0] = 1.0
    assert int(ResidualFolded(layer, 12, rates).shift) == int(whole.shift)


def test_layers_that_are_stuck_are_named(capsys):
    model, images = trained(4)
    with torch.no_grad():
        model.blocks[0].attention.k.norm.bias.fill_(-50)
        model.blocks[0].mlp.mlp1.norm.bias.fill_(50)
    network = quantise(model, images, provenance={"calibration_images": len(images)})
    facts = dict(shifts={}, accuracy=1.0, accuracy_float=1.0, test_images=1)
    tell(network, facts, compare(model, network, images), "nothing")
    warned = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert any("blocks.0.k never fires" in line for line in warned)
    assert any("blocks.0.mlp1 always fires" in line for line in warned)
    assert not any("tokenizer.0" in line for line in warned)


@pytest.mark.parametrize("value", [1, 2, 127, 128, 129, 65535, 65536])
@pytest.mark.parametrize("spare", [0, 1, 2])
def test_the_smallest_width_is_the_smallest(value, spare):
    (excess,) = wide("x", "it", value, "acc_width", spare, spare)
    assert not list(wide("x", "it", value, "f", excess.least, spare))
    assert list(wide("x", "it", value, "f", excess.least - 1, spare))


def test_all_limits_are_told_with_what_mends_them():
    found = [
        *wide("a", "current", 1000, "acc_width", 8, 2),
        *wide("b", "current", 99, "acc_width", 8, 2),
        *deep("c", "lines", 33, "patch_lines", 32, power_of_two=True),
        Excess("d", "shift", 9, 7, advice="shift less"),
    ]  # fmt: skip
    assert smallest(found) == {"acc_width": 12, "patch_lines": 64}
    with pytest.raises(UserError) as error:
        refuse(found)
    assert str(error.value) == (
        "a: current is 1000, the limit with acc_width=8 is 63; b: current is 99, the limit with "
        "acc_width=8 is 63; c: lines is 33, the limit with patch_lines=32 is 32; d: shift is 9, "
        "the limit is 7; use hardware with acc_width=12,patch_lines=64 or a smaller network, and "
        "shift less"
    )
    with pytest.raises(UserError, match="and 3 more; use"):
        refuse(found * 2)


def test_default_widths_are_those_of_the_presets():
    for hardware in CONFIGURATIONS.values():
        assert (hardware.acc_width, hardware.stream_width) == (20, 16)
    assert Widths() == Widths(20, 16)
    assert np.log2(Widths().current + 1) == 18 and np.log2(Widths().parameter + 1) == 19
