# SPDX-License-Identifier: Apache-2.0
"""Networks as large as the hardware takes: tokens, classes, timesteps; on the emulator."""

from dataclasses import replace

import numpy as np
import pytest

from golden.contract.model import ATTENTION_THETA2
from golden.contract.network import NetworkConfig
from golden.contract.neuron import lif
from golden.contract.random_network import random_images, random_network, with_full_counts
from golden.hardware import isa
from golden.hardware.compile.program import compile_network
from golden.hardware.compile.proofs import saturated
from golden.hardware.configuration import MAX_COUNT, Hardware
from golden.hardware.execute.expected import expectations
from golden.tests.hardware.test_compile import compare, config

# hardware, network
CASES = {
    "196 tokens": (
        "4x16,patch_lines=256", config(height=14, width=14, pooled_stages=(), timesteps=1)),
    "256 tokens": ("2x8,patch_lines=256", config(height=16, width=16, pooled_stages=())),
    "256 tokens of 64 x 64": (
        "4x16,patch_lines=256,spike_lines=8192",
        config(height=64, width=64, in_channels=3, pooled_stages=(1, 2))),
    "1,024 tokens": (
        "2x8,patch_lines=1024,spike_lines=8192,stream_depth=4096",
        config(height=32, width=32, pooled_stages=(), timesteps=1)),
    "1,000 classes": ("4x16,classes=1024", config(classes=1000)),
    "1,024 classes, average": (
        "2x8,classes=1024", config(dim=24, heads=3, classes=1024, head="avgpool_fc")),
    "257 classes, 16 accumulators": (
        "2x8,classes=512,acc_depth=16", config(classes=257, timesteps=3, dim=8, heads=1)),
    "129 classes": ("4x32,classes=256,acc_depth=40", config(classes=129)),
    "T = 1": ("2x8", config(timesteps=1, head="avgpool_fc")),
    "T = 5": ("4x16", config(timesteps=5, dim=32)),
    "T = 7": ("4x32", config(timesteps=7, dim=24, heads=3, head="avgpool_fc")),
    "T = 16": ("2x8", config(timesteps=16, encoder_channels=3, in_channels=3)),
    "T = 16, average": (
        "4x16,patch_lines=128", config(timesteps=16, dim=64, heads=4, head="avgpool_fc")),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_images_give_the_golden_trace(case):
    name, network_config = CASES[case]
    hardware, seed = Hardware.named(name), len(case)
    network = with_full_counts(random_network(network_config, seed, lanes=hardware.lanes))
    program = compile_network(network, hardware)
    images = random_images(network_config, 1, seed)
    compare(program, network, images, seed=seed)
    (expected,) = expectations(program, network, images)
    counts = [e.value for e, c in zip(expected.layers, program.layers, strict=True)
              if c.name.endswith("key_value")]  # fmt: skip
    assert counts[0].max() == network_config.tokens


def test_tiles_of_a_head():
    """1,000 classes on 16 lanes are 63 words, 16 of them at a time; one load of all biases."""
    hardware = Hardware.named("4x16,classes=1024")
    for head in ("sn_fc_avgpool", "avgpool_fc"):
        network = random_network(config(classes=1000, head=head), 3)
        program = compile_network(network, hardware)
        tiles = [c.fields for c in program.layers if c.name.startswith("head")]
        assert [f["out_first"] for f in tiles] == [0, 16, 32, 48]
        assert sum(f["out_words"] for f in tiles) == 63
        ops = [isa.decode(d) for d in isa.cut(program.program)]
        loads = [f for op, f in ops if op == isa.OP_LOAD and f["target"] == isa.TARGET_LOGIT]
        assert [f["records"] for f in loads] == [1000]


@pytest.mark.parametrize("policy", ["ring", "eager", "lazy"])
def test_jobs_with_tiles_of_a_head(policy):
    """The biases of the next image wait until the result is stored; a label is not the last one."""
    network_config = config(classes=300, head="avgpool_fc", depth=0)
    network = random_network(network_config, 8)
    program = compile_network(network, Hardware.named("4x16,classes=512,acc_depth=4"))
    assert sum(c.name.startswith("head") for c in program.layers) == 5
    compare(program, network, random_images(network_config, 3, 8), policy)


def test_patches_of_many_steps():
    """T = 16 with 256 channels: lines of nine pixels, which a larger patch buffer holds."""
    network_config = NetworkConfig(depth=0, dim=256, heads=16, timesteps=16, height=4, width=4)
    network = random_network(network_config, 1, "balanced", density=0.05)
    hardware = Hardware.named("4x16,patch_lines=512,stream_depth=1024")
    compare(compile_network(network, hardware), network, random_images(network_config, 1, 1))


@pytest.mark.parametrize("theta2", [ATTENTION_THETA2])
def test_saturated_counts_change_no_spike(theta2):
    """What proofs.saturated says, on counts around every power of two, and where it ends."""
    assert theta2 <= MAX_COUNT
    rng = np.random.default_rng(5)
    top = 1 << rng.integers(0, 11, (400, 1, 1, 8))
    counts = rng.integers(0, top + 1, (400, 6, 16, 8))  # (trials, T, k, channels)
    query = rng.random((400, 6, 16, 1)) < rng.random((400, 1, 1, 1)) * 0.3
    assert (counts > MAX_COUNT).any() and (counts[query[..., 0]] > MAX_COUNT).any()

    def spikes(weights):
        return lif((query * weights).sum(2).swapaxes(0, 1), np.int64(theta2))

    want = spikes(counts)
    assert 0.1 < want.mean() < 0.9
    np.testing.assert_array_equal(spikes(saturated(counts)), want)
    np.testing.assert_array_equal(spikes(np.minimum(counts, theta2)), want)
    assert (spikes(np.minimum(counts, theta2 - 1)) != want).any()


def test_saturation_keeps_what_is_a_weight():
    counts = np.array([0, 1, MAX_COUNT - 1, MAX_COUNT, MAX_COUNT + 1, 256, 1024])
    assert saturated(counts).tolist() == [0, 1, 126, 127, 127, 127, 127]
    assert replace(Hardware.named("2x8"), patch_lines=1024).patch_lines == 1024
