# SPDX-License-Identifier: Apache-2.0
"""Every input encoder against its definition, written out pixel by pixel."""

import os
from dataclasses import replace

import pytest
import torch
from spikingjelly.activation_based import encoding

from golden.contract import paths
from golden.contract.settings import load
from golden.lab.networks import encoders
from golden.lab.networks.network_config import ENCODERS, NetworkConfig
from golden.lab.train.training_config import RunConfig

CONFIGS = paths.GOLDEN / "configs" / "zoo"
SPIKING = [name for name in ENCODERS if name != "direct"]
LEVELS = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)


def make(name, **sizes):
    return encoders.build(NetworkConfig(encoder=name, **sizes)).eval()


def images(shape=(3, 2, 9, 7)):
    """uint8 / 255 with many zeros, as clothes have."""
    seed = int(os.environ.get("SEED", "5"))
    print(f"SEED={seed}")
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(256, shape, generator=generator)
    return pixels * (torch.rand(shape, generator=generator) < 0.6) / 255


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("timesteps", [1, 3, 4, 8, 11])
def test_shape_and_binary_values(name, timesteps):
    encoder = make(name, in_channels=2, encoder_channels=3)
    x = images()
    out = encoder(x, timesteps)
    assert out.shape == (timesteps, 3, encoder.channels, 9, 7)
    assert encoder.channels == (3 if name == "learned" else 2)
    assert out.dtype == x.dtype
    assert ((out == 0) | (out == 1)).all() == (name != "direct")


@pytest.mark.parametrize("name", ENCODERS)
def test_frames_pass_unchanged(name):
    frames = torch.randint(256, (6, 2, 2, 5, 5)) / 255
    assert torch.equal(encoders.encode(make(name), frames, 4), frames[:4])


@pytest.mark.parametrize("name", SPIKING)
def test_an_image_is_encoded_alone_and_again(name):
    """In evaluation: the same in every batch, in every call, and for every seed of the process."""
    encoder = make(name, in_channels=2)
    x = images()
    torch.manual_seed(1)
    first = encoder(x, 4)
    torch.manual_seed(2)
    assert torch.equal(first, encoder(x, 4))
    assert torch.equal(first, torch.cat([encoder(one, 4) for one in x.split(1)], 1))
    assert first.any()
    assert not torch.equal(first[:, 0], first[:, 1])


@pytest.mark.parametrize("name", ["poisson", "rate", "phase", "learned"])
def test_fewer_timesteps_are_the_first_ones(name):
    encoder = make(name, in_channels=2)
    x = images()
    assert torch.equal(encoder(x, 3), encoder(x, 9)[:3])


@pytest.mark.parametrize("name", ["poisson", "rate", "ttfs", "rank", "phase"])
def test_zero_is_silent(name):
    x = images()
    spikes = make(name, in_channels=2)(x, 4)
    assert not spikes[:, x == 0].any()
    assert not make(name)(torch.zeros(2, 1, 4, 4), 4).any()


def test_direct_is_the_image():
    x = images()
    assert torch.equal(make("direct", in_channels=2)(x, 4), torch.stack([x] * 4))


def test_poisson_fires_as_often_as_the_pixel_says():
    levels = (LEVELS / 255).repeat(60, 1, 1, 1)
    encoder = make("poisson").train()
    torch.manual_seed(3)
    fresh = encoder(levels, 10)
    assert not torch.equal(fresh, encoder(levels, 10))
    torch.manual_seed(3)
    assert torch.equal(fresh, encoder(levels, 10))
    assert (fresh.mean((0, 1)) - levels[0]).abs().max() < 5 * (0.25 / 600) ** 0.5
    encoder.eval()
    generator = torch.Generator().manual_seed(4)
    bright = (torch.randint(256, (200, 1, 16, 16), generator=generator)) / 255
    spikes = encoder(bright, 8)
    assert abs(float(spikes.mean() - bright.mean())) < 5 * (0.25 / spikes.numel()) ** 0.5
    low = float(spikes[:, (bright > 0.2) & (bright < 0.3)].mean())
    assert abs(low - 0.25) < 0.01
    for other in range(1, 8):  # timesteps and images draw independently: half times half
        grey = encoder(torch.full((1, 1, 128, 128), 128 / 255), 8)
        assert abs(float((grey[0] * grey[other]).mean()) - 0.252) < 0.02


@pytest.mark.parametrize("timesteps", [1, 2, 4, 5, 8, 16])
def test_rate_counts_and_spaces(timesteps):
    spikes = make("rate")(LEVELS / 255, timesteps).flatten(1)
    for level in range(256):
        train = spikes[:, level].tolist()
        count = sum(train)
        assert count == (2 * level * timesteps + 255) // 510  # round(level / 255 * T)
        for t in range(timesteps + 1):  # never more than half a spike from the ideal line
            assert abs(sum(train[:t]) - level / 255 * t) <= 0.5
    assert (spikes.sum(0).diff() >= 0).all()


@pytest.mark.parametrize("timesteps", [2, 4, 7])
def test_ttfs_is_one_spike_the_brighter_the_earlier(timesteps):
    spikes = make("ttfs")(LEVELS / 255, timesteps).flatten(1)
    assert (spikes.sum(0) == (torch.arange(256) > 0)).all()
    when = spikes.argmax(0)[1:]
    assert (when.diff() <= 0).all()
    assert when[-1] == 0
    assert when[0] == timesteps - 1
    for level in range(1, 256):
        late = (timesteps - 1) * (255 - level)
        assert when[level - 1] == (2 * late + 255) // 510
    reference = encoding.LatencyEncoder(timesteps).single_step_encode(LEVELS / 255).flatten(1)
    assert torch.equal(spikes[:, 1:], reference[:, 1:])


@pytest.mark.parametrize("timesteps", [1, 3, 4, 8])
def test_rank_divides_the_order(timesteps):
    x = images()
    spikes = make("rank", in_channels=2)(x, timesteps)
    assert torch.equal(spikes.sum(0), (x > 0).float())
    for one, train in zip(x, spikes.unbind(1), strict=True):
        pixels = one.flatten().tolist()
        order = sorted((i for i, v in enumerate(pixels) if v > 0), key=lambda i: -pixels[i])
        for rank, place in enumerate(order):
            t = rank * timesteps // len(order)
            assert train.flatten(1)[t, place] == 1
        counts = train.flatten(1).sum(1)
        assert counts.max() - counts.min() <= 1


def test_rank_sees_order_only():
    x = images()
    darker = (x * 255 / 2).ceil() / 512  # not exactly proportional; merges pairs of levels
    strictly = x**2 / 3
    encoder = make("rank", in_channels=2)
    assert torch.equal(encoder(x, 4), encoder(strictly, 4))
    assert not torch.equal(encoder(x, 4), encoder(1 - x, 4))
    assert torch.equal(encoder(darker, 4).sum(0), encoder(x, 4).sum(0))


@pytest.mark.parametrize("timesteps", [1, 4, 8, 11])
def test_phase_sends_the_bits(timesteps):
    spikes = make("phase")(LEVELS / 255, timesteps).flatten(1)
    for level in range(256):
        bits = f"{level:08b}" * 2
        assert spikes[:, level].tolist() == [int(bit) for bit in bits[:timesteps]]


def test_phase_equals_spikingjelly_and_gives_the_pixel_back():
    spikes = make("phase")(LEVELS / 255, 8)
    assert torch.equal(spikes, encoding.WeightedPhaseEncoder(8).single_step_encode(LEVELS / 256))
    weights = 2.0 ** -torch.arange(1, 9).view(-1, 1, 1, 1, 1)
    assert torch.equal((spikes * weights).sum(0) * 256, LEVELS.float())


def test_the_trainings_compared_differ_in_the_encoder_only():
    configs = {}
    for name in ENCODERS:
        run = load(CONFIGS / f"encoder_{name}.toml", RunConfig)
        assert run.network.encoder == name
        network = replace(run.network, encoder="direct", encoder_channels=1, encoder_charge=0.0)
        configs[name] = network, replace(run.train, encoder_penalty=0.0, encoder_rate=0.0)
    assert all(config == configs["direct"] for config in configs.values())
