# SPDX-License-Identifier: Apache-2.0
"""The largest networks, on the whole accelerator: tokens, classes and timesteps at their limits."""

from dataclasses import replace

import pytest

from golden.contract.random_network import random_images, random_network, with_full_counts
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import MAX_COUNT, Hardware
from golden.hardware.execute.expected import expectations
from golden.hardware.isa import MODE_RESIDUAL
from tb.system.run import SMALL, run_system

HARDWARE = Hardware.named("2x8,patch_lines=256,classes=1024")  # one build for all

# network, sparsity, images, stall percentage of the memory
CASES = {
    "196 tokens, 1,000 classes": (
        replace(SMALL, height=14, width=14, pooled_stages=(), classes=1000, timesteps=1),
        "balanced", 1, 0),
    "256 tokens, 1,024 classes, average": (
        replace(SMALL, height=16, width=16, pooled_stages=(), classes=1024, head="avgpool_fc"),
        "unstructured", 1, 0),
    "T = 16, encoder, 129 classes": (
        replace(SMALL, timesteps=16, encoder_channels=3, classes=129, heads=1), "rows", 2, 20),
    "T = 7, average, 500 classes": (
        replace(SMALL, timesteps=7, dim=24, heads=3, head="fc_avgpool", classes=500),
        "balanced", 2, 0),
    "T = 5": (replace(SMALL, timesteps=5, dim=32, mlp_ratio=4), "dense", 1, 50),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_large_network(case, seed):
    """Every spike, value, counter, logit and label; counts beyond what a weight holds."""
    config, sparsity, count, stalls = CASES[case]
    network = with_full_counts(random_network(config, seed, sparsity, lanes=HARDWARE.lanes))
    images = random_images(config, count, seed)
    program = compile_network(network, HARDWARE)
    expected = expectations(program, network, images[:1])[0].layers
    counts = next(e.value for e, c in zip(expected, program.layers, strict=True)
                  if c.name.endswith("key_value"))  # fmt: skip
    assert counts.max() == config.tokens and (config.tokens > MAX_COUNT or "T" in case)
    tiles = sum(c.name.startswith("head") for c in program.layers)
    assert tiles == -(-HARDWARE.words(config.classes) // HARDWARE.acc_depth)
    results = run_system(network, HARDWARE, images, seed=seed, stalls=stalls, waves=False)
    assert results["mismatches"] == 0, f"SEED={seed}: " + "; ".join(results["messages"])
    assert [r["rtl"] for r in results["images"]] == [r["golden"] for r in results["images"]]
    first, *others = (x["cycles"] for x in results["layers"] if x["name"].startswith("head"))
    if not config.head_fires and config.tokens > MAX_COUNT:  # the first tile alone sums them
        assert others and max(others) < first, (first, others)


# network, stall percentage of the memory, layers that come in stripes
STRIPES = {
    "colour, T = 2": (
        replace(SMALL, height=75, width=60, in_channels=3, timesteps=2, pooled_stages=(1, 2, 3, 4)),
        0, ("tokenizer.0",)),
    "events, T = 3": (
        replace(SMALL, height=96, width=49, in_channels=2, timesteps=3, input_timesteps=3,
                input_bits=1, pooled_stages=(2, 3, 4)), 30, ("tokenizer.0", "tokenizer.1")),
    "encoder, T = 1": (
        replace(SMALL, height=70, width=66, timesteps=1, encoder_channels=5,
                pooled_stages=(1, 2, 3, 4)), 10, ("encoder", "tokenizer.0")),
}  # fmt: skip


@pytest.mark.parametrize("case", STRIPES)
def test_map_beyond_the_spike_memory(case, seed):
    """The first layers of a large image, in stripes; two images, since a stripe is loaded again
    and again into places that the one before has left."""
    config, stalls, layers = STRIPES[case]
    network = random_network(config, seed, "balanced", lanes=HARDWARE.lanes)
    images = random_images(config, 2, seed)
    program = compile_network(network, HARDWARE)
    striped = {c.layer.parts[0] for c in program.layers if c.layer.stripe}
    assert striped == set(layers), (striped, program.memory_use)
    results = run_system(network, HARDWARE, images, seed=seed, stalls=stalls, waves=False)
    assert results["mismatches"] == 0, f"SEED={seed}: " + "; ".join(results["messages"])
    assert [r["rtl"] for r in results["images"]] == [r["golden"] for r in results["images"]]


def test_residual_layers_in_tiles(seed):
    """Rows of more words than the banks hold, in a convolution and in a linear layer."""
    config = replace(SMALL, dim=256, heads=32, height=4, width=4, timesteps=2, mlp_ratio=2)
    network = random_network(config, seed, "dense", lanes=HARDWARE.lanes)
    program = compile_network(network, HARDWARE)
    tiled = {c.name for c in program.layers if c.fields["mode"] == MODE_RESIDUAL and c.layer.tile}
    assert {name.partition("[")[0] for name in tiled} >= {"tokenizer.4", "blocks.0.mlp2"}
    results = run_system(network, HARDWARE, random_images(config, 2, seed), seed=seed, waves=False)
    assert results["mismatches"] == 0, f"SEED={seed}: " + "; ".join(results["messages"])
