# SPDX-License-Identifier: Apache-2.0
"""Energy by hand: prices, components of a run, synaptic operations, peers."""

from math import sqrt

import numpy as np
import pytest

from golden.contract.energy import synaptic
from golden.contract.energy.technology import NM28, NM45, energy_factor
from golden.contract.errors import UserError
from golden.contract.model import forward
from golden.contract.network import NetworkConfig
from golden.contract.random_network import random_images, random_network
from golden.hardware.configuration import Hardware
from golden.hardware.energy import accelerator, peer_power

KIB = 8192  # bits


def test_additions():
    """The published 8 and 32 bits, and 20 bits in the middle of them."""
    assert [NM45.add(bits) for bits in (8, 20, 32)] == pytest.approx([0.03, 0.065, 0.1])
    assert NM28.add(32) == pytest.approx(0.1 * NM28.scale)


@pytest.mark.parametrize(
    "capacity, pj",
    [(8, 10), (32, 20), (1024, 100), (2, 5), (0.5, 2.5), (16, 10 * sqrt(2)),
     (sqrt(32 * 1024), 10 * sqrt(20))],
)  # fmt: skip
def test_sram(capacity, pj):
    """Capacities in KiB; 64 bits are the published width, 96 cost half as much again."""
    assert NM45.sram(capacity * KIB, 64) == pytest.approx(pj)
    assert NM45.sram(capacity * KIB, 96) == pytest.approx(1.5 * pj)
    assert NM28.sram(capacity * KIB, 64) == pytest.approx(pj * NM28.scale)


def test_scaling():
    """0.4571 for 32 nm at 0.9 V is the authors' own example (corrigendum of the paper)."""
    assert energy_factor(32) == pytest.approx(0.4571, abs=5e-5)
    assert energy_factor(45) == pytest.approx(0.69885)
    assert energy_factor(20) == pytest.approx(0.20079)
    middle = sqrt(32 * 20)  # geometric mean of the nodes: of the factors
    assert energy_factor(middle) == pytest.approx(sqrt(0.457137 * 0.20079))
    assert energy_factor(20) < energy_factor(28) < energy_factor(32)
    assert NM28.scale == pytest.approx(0.518, abs=5e-4)
    with pytest.raises(ValueError, match="outside 20 to 45"):
        energy_factor(16)


def test_dram():
    assert NM45.dram(64) == pytest.approx(1300)  # not scaled
    assert NM28.dram(1000) == pytest.approx(12450)


HARDWARE = Hardware.named("2x8")  # all its memories are below 32 KiB: the square-root branch


def price(words, bits, width=None):
    return 10 * sqrt(words * bits / (8 * KIB)) * (width or bits) / 64


# A lane: 20 bits, beside an accumulator its parity, beside a membrane that and whether it fired.
ACC, MEMBRANE, WEIGHT = price(128, 21), price(32, 8 * 22), price(2048, 8 * 13 + 1)
ROW = price(2048, 11 + 13 + 1)
LINE, WORD, PATCH = price(2048, 72), price(2048, 72, 9), price(128, 72)
STREAM, PARAM, LOGIT = price(1024, 129), price(256, 321), price(64, 33)
ADD = 0.065
# event: {component: pJ of one event}; 8 lanes
EVENTS = {
    "adds": {"adds": ADD},
    "acc_reads": {"accumulators": 8 * ACC},
    "acc_writes": {"accumulators": 8 * ACC},
    "neuron_steps": {"neurons": 8 * 3 * ADD},
    "membrane_reads": {"membranes": MEMBRANE},
    "membrane_writes": {"membranes": MEMBRANE},
    "stream_reads": {"residual": STREAM},
    "stream_writes": {"residual": STREAM, "neurons": 8 * ADD},
    "logit_adds": {"neurons": 8 * 0.1, "accumulators": 8 * 2 * LOGIT},
    "weight_reads": {"weights": WEIGHT},
    "weight_writes": {"weights": WEIGHT},
    "row_reads": {"row table": ROW},
    "spike_reads": {"spikes": LINE},
    "spike_words": {"spikes": WORD},
    "patch_reads": {"spikes": PATCH},
    "patch_writes": {"spikes": PATCH},
    "param_reads": {"parameters": PARAM},
    "load_weights": {"loads": WEIGHT},
    "load_rows": {"loads": ROW},
    "load_params": {"loads": PARAM},
    "load_spikes": {"loads": WORD},
    "load_logits": {"loads": LOGIT},
    "read_bytes": {"DRAM": 162.5},
    "write_bytes": {"DRAM": 162.5},
    "row_adds": {}, "cycles": {}, "drained": {},
}  # fmt: skip


@pytest.mark.parametrize("event", EVENTS)
def test_one_event(event):
    got = accelerator.components({event: 3}, HARDWARE, NM45)
    assert tuple(got) == accelerator.COMPONENTS
    want = {name: 3 * EVENTS[event].get(name, 0) for name in got}
    assert got == pytest.approx(want)


def test_every_priced_event_is_tested():
    assert {name for name, price in EVENTS.items() if price} == set(accelerator.PRICED)


def test_parts_are_independent():
    events = {"layer": {"adds": 10}, "loads": {"read_bytes": 8}}
    got = accelerator.run_energy(events, HARDWARE, NM45)
    assert got["layer"]["adds"] == pytest.approx(0.65) and got["layer"]["DRAM"] == 0
    assert got["loads"]["DRAM"] == pytest.approx(1300) and got["loads"]["adds"] == 0


def test_synaptic_prices():
    first = synaptic.SynapticLayer("a", 1000, None, 1000.0, 1000)
    other = synaptic.SynapticLayer("b", 1000, 0.25, 0.25 * 4 * 1000, 4000)
    assert first.energy == pytest.approx(4600) and other.energy == pytest.approx(900)


def test_synaptic_layers():
    """SOP is input spikes times fan-out; sizes by hand for 8x8 pixels, two pools, dim 16."""
    config = NetworkConfig(depth=1, dim=16, heads=2, timesteps=3, height=8, width=8, mlp_ratio=2)
    network = random_network(config, 5)
    images = random_images(config, 2, 5)
    trace = forward(network, images)
    layers = {x.name: x for x in synaptic.synaptic_layers(network, images, trace, 1)}
    flops = {
        "tokenizer.0": 64 * 9 * 1 * 2, "tokenizer.1": 64 * 9 * 2 * 4, "tokenizer.2": 64 * 9 * 4 * 8,
        "tokenizer.3": 16 * 9 * 8 * 16, "tokenizer.4": 4 * 9 * 16 * 16,
        "blocks.0.q": 4 * 256, "blocks.0.k": 4 * 256, "blocks.0.v": 4 * 256,
        "blocks.0.attention.key_value": 4 * 16 * 8, "blocks.0.attention": 4 * 16 * 8,
        "blocks.0.proj": 4 * 256, "blocks.0.mlp1": 4 * 512, "blocks.0.mlp2": 4 * 512,
        "head": 4 * 160,
    }  # fmt: skip
    assert {name: x.flops for name, x in layers.items()} == flops
    assert layers["tokenizer.0"].operations == flops["tokenizer.0"]
    fan_out = {  # layer: (its input, products per input spike)
        "tokenizer.1": (trace.spike["tokenizer.0"], 9 * 4),
        "tokenizer.3": (trace.pooled["tokenizer.2"], 9 * 16),
        "blocks.0.k": (trace.spike["tokenizer.4"], 16),
        "blocks.0.attention.key_value": (trace.spike["blocks.0.k"], 8),
        "blocks.0.attention": (trace.spike["blocks.0.q"], 8),
        "blocks.0.proj": (trace.spike["blocks.0.attention"], 16),
        "blocks.0.mlp1": (trace.spike["blocks.0.proj"], 32),
        "blocks.0.mlp2": (trace.spike["blocks.0.mlp1"], 16),
        "head": (trace.spike["blocks.0.mlp2"], 10),
    }
    for name, (spikes, fan) in fan_out.items():
        count = int(np.count_nonzero(spikes[1]))
        assert layers[name].operations == pytest.approx(count * fan), name
        assert layers[name].rate == pytest.approx(count / spikes[1].size), name


@pytest.mark.parametrize("bits", [1, 3])
def test_synaptic_first_layer_of_event_frames(bits):
    """Equation 20 on T = 3 frames of 8x8 pixels and two polarities: 9 * 2 additions for every event
    in frames of one bit, as many products for every pixel of frames that hold counts."""
    config = NetworkConfig(
        depth=1, dim=16, heads=2, timesteps=3, in_channels=2, height=8, width=8,
        input_timesteps=3, input_bits=bits,
    )  # fmt: skip
    network = random_network(config, 5)
    events = np.zeros((2, *config.input_shape), np.uint8)
    events[1, 0, 0, 2, 3] = events[1, 2, 1, 7, 7] = events[1, 2, 0, 2, 3] = config.input_max
    trace = forward(network, events)
    first = synaptic.synaptic_layers(network, events, trace, 1)[0]
    assert (first.flops, first.products) == (64 * 9 * 2 * 2, 3 * 64 * 9 * 2 * 2)
    if bits == 1:
        assert first.rate == pytest.approx(3 / (3 * 2 * 64))
        assert first.operations == pytest.approx(3 * 9 * 2)
        assert first.energy == pytest.approx(0.9 * 3 * 9 * 2)
        assert synaptic.synaptic_layers(network, events, trace, 0)[0].operations == 0
    else:
        assert first.rate is None and first.energy == pytest.approx(4.6 * 3 * 64 * 9 * 2 * 2)


def test_peers():
    """Prosperity's 0.374 ms for Spikformer-4-384 at 446.5 mW are 167 uJ."""
    got = peer_power.peer_energy("Prosperity", 187_000, adds=1e6, dram_bits=1000)
    assert got.seconds == pytest.approx(0.374e-3)
    assert got.on_chip == pytest.approx(166.991e6)
    assert got.dram == pytest.approx(12450)
    assert got.total == pytest.approx(166.991e6 + 12450)
    assert got.per_add == pytest.approx(167.00345)
    assert peer_power.peer_energy("PTB", 500).on_chip == pytest.approx(0.982e6)
    assert peer_power.peer_energy("SATO", 500).per_add is None
    with pytest.raises(UserError, match="no published power of 'TPU'; there is one of Eyeriss"):
        peer_power.peer_energy("TPU", 1)
