# SPDX-License-Identifier: Apache-2.0
"""Networks on normalised images: the padding is 0 after the normalisation, also in integers."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from golden.contract.errors import UserError
from golden.contract.model import forward
from golden.contract.network import NetworkConfig as IntegerConfig
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.networks.normalise import Normalise
from golden.lab.quantise.convert import calibrate, convert
from golden.lab.quantise.export import export

pytestmark = pytest.mark.smoke

IMAGENET = dict(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
HALF = dict(mean=(128 / 255, 0.0, 128 / 255), std=(0.2, 0.3, 0.25))  # pixels, multiples of K
SIZES = dict(depth=0, dim=32, heads=2, in_channels=3, height=6, width=9)


def quantised(seed: int = 0, **changes):
    """(float model before conversion, converted model, integers, images uint8)."""
    torch.manual_seed(seed)
    config = NetworkConfig(**SIZES | changes)
    models = Spikingformer(config), Spikingformer(config)
    models[1].load_state_dict(models[0].state_dict())
    images = torch.randint(256, (16, 3, 6, 9), dtype=torch.uint8)
    for model in models:
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d):
                nn.init.constant_(module.bias, 0.7)
        calibrate(model, images)
    convert(models[1], 6).eval()
    return *models, export(models[1], 6, {}), images


def first_current(model, images) -> np.ndarray:
    """(B, N, O): of the first convolution of a float model, in thresholds."""
    pixels = model.normalise(images.double() / 255)[None]
    current = model.double().tokenizer.stages[0](pixels[0].permute(0, 2, 3, 1))
    return current.flatten(1, 2).detach().numpy()


def test_the_network_sees_normalised_pixels_padded_with_zero():
    """By hand: normalise, then a convolution that pads."""
    model, _, _, images = quantised(**IMAGENET)
    images = images / 255
    plain = Spikingformer(NetworkConfig(**SIZES)).eval()
    plain.load_state_dict(model.state_dict())
    mean, std = (torch.tensor(IMAGENET[name])[:, None, None] for name in ("mean", "std"))
    assert torch.equal(model(images), plain((images - mean) / std))
    assert not torch.equal(model(images), plain(images))


@torch.no_grad()
@pytest.mark.parametrize("seed", range(3))
def test_means_of_whole_pixels_are_exact_everywhere(seed):
    """The current equals the convolution of p - 255 m padded with 0, borders included."""
    _, _, network, images = quantised(seed, **HALF)
    layer, config = network.tokenizer[0], network.config
    weight = torch.from_numpy(layer.weight).double()
    centred = images.double() - 255 * torch.tensor(HALF["mean"])[:, None, None].double()
    want = functional.conv2d(centred.round(), weight[:, :3], padding=1).flatten(2).transpose(1, 2)
    got = forward(network, images.numpy()).current["tokenizer.0"][:, 0] - layer.bias
    assert config.mean == HALF["mean"] and config.constant_bit is not None
    assert np.array_equal(got, want.numpy().astype(np.int64))


@torch.no_grad()
@pytest.mark.parametrize("seed", range(3))
def test_any_mean_is_right_up_to_the_rounding_of_the_constants(seed):
    """Inside the image the constants' rounding is in the bias; at the border K / 2 per tap."""
    _, _, network, images = quantised(seed, **IMAGENET)
    layer = network.tokenizer[0]
    constant = 1 << network.config.constant_bit
    weight = torch.from_numpy(layer.weight).double()
    centred = images.double() - 255 * torch.tensor(IMAGENET["mean"])[:, None, None].double()
    want = functional.conv2d(centred, weight[:, :3], padding=1).flatten(2).transpose(1, 2).numpy()
    got = forward(network, images.numpy()).current["tokenizer.0"][:, 0] - layer.bias
    error = (got - want).reshape(len(images), 6, 9, -1)
    inside = error[:, 1:-1, 1:-1]
    assert np.ptp(inside, axis=(0, 1, 2)).max() < 1e-6  # the same everywhere: in the bias
    error = error - inside[:, :1, :1]
    assert 0 < np.abs(error).max() <= 5 * constant / 2  # a corner lacks five taps


@torch.no_grad()
@pytest.mark.parametrize("statistics", [IMAGENET, HALF])
def test_currents_are_those_of_the_float_network(statistics):
    """In thresholds, everywhere, within what int8 weights allow; without constants it is wrong."""
    model, _, network, images = quantised(5, **statistics)
    layer = network.tokenizer[0]
    got = forward(network, images.numpy()).current["tokenizer.0"][:, 0] * (2 / layer.theta2)
    want = first_current(model, images)
    assert np.abs(got - want).max() < 0.05
    layer.weight[:, 3] = 0
    blind = forward(network, images.numpy()).current["tokenizer.0"][:, 0] * (2 / layer.theta2)
    assert np.abs(blind - want).max() > 0.5


def test_gradients_pass_the_constants():
    _, converted, _, images = quantised(1, **IMAGENET)
    converted.train()(images.float() / 255).square().sum().backward()
    gradient = converted.tokenizer.stages[0].source.weight.grad
    assert gradient is not None and gradient.abs().max() > 0


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(mean=(0.5,), std=(0.2,)), "mean has 1 values for images of 3 channels"),
        (dict(mean=(0.5, 0.5, 0.5)), "std has 0 values"),
        (dict(mean=(0.5, 0.5, 0.5), std=(0.2, 0.0, 0.2)), "std is 0.0, it must be"),
        (dict(mean=(0.5, 0.5, float("nan")), std=(1, 1, 1)), "mean is nan, it must be"),
        (dict(mean=("a", "b", "c"), std=(1, 1, 1)), "mean is 'a', it must be a number"),
        (dict(mean=0.5, std=0.5), "mean is 0.5, it must be a list"),
    ],
)
@pytest.mark.parametrize("kind", [NetworkConfig, IntegerConfig])
def test_wrong_statistics_are_refused(kind, change, message):
    with pytest.raises(UserError, match=message):
        kind(in_channels=3, **change)


def test_encoders_of_spikes_refuse_normalised_pixels():
    with pytest.raises(UserError, match="'rate' makes spikes of pixels in"):
        NetworkConfig(encoder="rate", mean=(0.5,), std=(0.5,))
    with pytest.raises(UserError, match="constant_bit is 8"):
        IntegerConfig(constant_bit=8)


def test_normalise_is_per_channel():
    seen = Normalise((0.25, 0.5), (0.5, 0.25))(torch.ones(3, 2, 4, 5))
    assert (seen[:, 0] == 1.5).all() and (seen[:, 1] == 2.0).all()
