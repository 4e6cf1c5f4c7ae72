# SPDX-License-Identifier: Apache-2.0
"""Random small networks on the whole accelerator: every spike, value, counter, logit and label."""

from dataclasses import replace

import pytest

from golden.contract.errors import UserError
from golden.contract.network import NetworkConfig
from golden.contract.random_network import random_images
from golden.hardware import isa
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.hardware.isa import DESCRIPTOR_BYTES
from tb.lib.networks import seeing_network
from tb.run.runner import SimulationFailed
from tb.system.run import SMALL, run_system


def config(**changes) -> NetworkConfig:
    return replace(SMALL, **changes)


# hardware, network, sparsity, images, stall percentage of the memory, its latency
CASES = {
    "2x8-odd-rgb": (
        "2x8", config(heads=4, height=7, width=9, in_channels=3, timesteps=3),
        "unstructured", 2, 0, 1),
    "2x8-wide-heads": ("2x8", config(dim=32, timesteps=3), "dense", 1, 50, 20),
    "4x16-balanced": ("4x16", config(dim=64, heads=4, depth=2, mlp_ratio=4), "balanced", 2, 0, 20),
    "4x16-ragged": ("4x16", config(dim=24, heads=3, timesteps=5), "dense", 2, 90, 40),
    "4x16-pools": (
        "4x16", config(height=11, width=6, pooled_stages=(1, 4), classes=100),
        "unstructured", 2, 0, 0),
    "4x16-one-step": ("4x16", config(heads=1, timesteps=1, height=6, width=5, pooled_stages=(2,)),
                      "balanced", 2, 20, 5),
    "2x8-no-parity": (
        "2x8,parity=0,bus_bytes=32", config(heads=4, depth=2, timesteps=3), "rows", 2, 20, 20),
    "4x16-empty-rows": (
        "4x16", config(dim=64, heads=4, mlp_ratio=4, timesteps=3), "rows", 2, 0, 20),
    "2x8-encoder": (
        "2x8", config(in_channels=3, encoder_channels=6, timesteps=3, height=9, width=7),
        "balanced", 2, 20, 20),
    "4x16-encoder": (
        "4x16", config(dim=32, heads=4, encoder_channels=20, depth=2), "unstructured", 2, 0, 20),
    "2x8-average": (
        "2x8", config(dim=24, heads=3, height=9, width=7, classes=17, head="fc_avgpool",
                      encoder_channels=4), "rows", 2, 20, 20),
    "4x16-average": (
        "4x16", config(dim=32, heads=4, depth=2, head="avgpool_fc", timesteps=3), "balanced", 2, 0,
        20),
    "4x16-events": (
        "4x16", config(dim=32, heads=4, in_channels=2, timesteps=4, input_timesteps=4,
                       input_bits=1), "balanced", 2, 0, 20),
    "2x8-counts": (  # a pixel takes two lines
        "2x8", config(in_channels=2, height=7, width=9, timesteps=6, input_timesteps=6,
                      input_bits=3), "unstructured", 2, 30, 20),
    "4x32-empty-rows": (
        "4x32,bus_bytes=16", config(dim=64, heads=2, in_channels=3, mlp_ratio=4), "rows", 1, 30,
        20),
    "4x32-normalised": (
        "4x32", config(in_channels=3, constant_bit=6, timesteps=4), "balanced", 2, 0, 20),
    "4x32-full": ("4x32", config(dim=64, heads=2, mlp_ratio=4), "unstructured", 1, 20, 20),
}  # fmt: skip


def test_corrupted_program():
    """A broken descriptor ends in an interrupt and one sentence, not in a hang."""
    hardware, network_config = Hardware.named("2x8"), config(dim=32, timesteps=3)
    network = seeing_network(network_config, 1, "balanced", lanes=hardware.lanes)
    program = bytearray(compile_network(network, hardware).program)
    program[7 * DESCRIPTOR_BYTES] = 0x77
    with pytest.raises(SimulationFailed, match=r"program crc\) at descriptor 7"):
        run_system(network, hardware, random_images(network_config, 1, 1), program=bytes(program))
    with pytest.raises(UserError, match="64 bytes"):
        run_system(network, hardware, random_images(network_config, 1, 1), program=bytes(64))


# One small network on the whole accelerator is in the quick subset.
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(x, marks=(pytest.mark.smoke, pytest.mark.long)) if x == "2x8-odd-rgb" else x
        for x in CASES
    ],
)
def test_random_network(case, seed):
    name, network_config, sparsity, count, stalls, latency = CASES[case]
    hardware = Hardware.named(name)
    network = seeing_network(network_config, seed, sparsity, lanes=hardware.lanes)
    images = random_images(network_config, count, seed)
    results = run_system(
        network, hardware, images, seed=seed, stalls=stalls, latency=latency, waves=False
    )
    assert results["mismatches"] == 0, f"SEED={seed}: " + "; ".join(results["messages"])
    assert [r["rtl"] for r in results["images"]] == [r["golden"] for r in results["images"]]


# hardware, network: every one has coded loads of both kinds of index, and raw ones
CODED = {
    "2x8": ("2x8", config(dim=64, heads=8, mlp_ratio=4), "block", 15, 50, 20),
    "4x16": ("4x16", config(dim=64, heads=4, mlp_ratio=4, in_channels=3), "block", 16, 0, 20),
    "4x32": ("4x32", config(dim=128, heads=4, mlp_ratio=2), "balanced", 15, 20, 5),
}  # fmt: skip


@pytest.mark.parametrize("case", CODED)
def test_coded_and_raw_loads(case, seed):
    """A network whose weights fit codebooks: right, and the same, coded and raw."""
    name, network_config, sparsity, codebook, stalls, latency = CODED[case]
    hardware = Hardware.named(name)
    network = seeing_network(
        network_config, seed, sparsity, lanes=hardware.lanes, codebook=codebook
    )
    loads = [f for op, f in map(isa.decode, isa.cut(compile_network(network, hardware).program))
             if op == isa.OP_LOAD]  # fmt: skip
    weights = [f for f in loads if f["target"] == isa.TARGET_WEIGHT]
    rows = {f["coded"] for f in loads if f["target"] == isa.TARGET_ROW}
    assert sum(f["coded"] for f in weights) >= 5 and rows == {0, 1}
    assert any(f["block"] for f in weights if f["coded"]) == (sparsity == "block")
    assert not all(f["block"] for f in weights if f["coded"])
    images = random_images(network_config, 1, seed)
    runs = []
    for coded in (True, False):
        results = run_system(
            network, hardware, images, seed=seed, stalls=stalls, latency=latency, waves=False,
            coded=coded,
        )  # fmt: skip
        assert results["mismatches"] == 0, f"SEED={seed}: " + "; ".join(results["messages"])
        runs.append([(r["rtl"], r["golden"], r["useful"]) for r in results["images"]])
    assert runs[0] == runs[1] and all(r[0] == r[1] for r in runs[0])
