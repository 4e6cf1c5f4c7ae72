# SPDX-License-Identifier: Apache-2.0
"""Independent layers on the whole accelerator: every spike, current and counter."""

import os
import secrets

import numpy as np
import pytest

from golden.hardware.configuration import Hardware
from golden.hardware.workload.random_layer import random_layer
from golden.hardware.workload.recording import Recording
from tb.lib.work import LayerListWork
from tb.system.run import run_work

# (T, C, H, W), outputs, kernel
SHAPES = [
    ((4, 16, 6, 5), 32, 3),
    ((3, 21, 4, 7), 19, 3),  # nothing is a multiple of the lanes
    ((4, 40, 3, 3), 8, 3),  # a token needs several lines
    ((2, 70, 1, 9), 40, 1),
    ((1, 1, 1, 1), 1, 3),
]
# hardware, density, stall percentage of the memory, its latency
CASES = {
    "2x8": ("2x8", 0.25, 0, 20),
    # Inputs take turns in the spike memory, layers come in tiles.
    "2x8-tight": ("2x8,spike_lines=190,bank_depth=128,row_depth=128,acc_depth=2", 0.5, 50, 40),
    "4x16": ("4x16", 0.5, 20, 0),
}


def layers(hardware: Hardware, density: float, seed: int):
    rng = np.random.default_rng(seed)
    for i, (shape, outputs, kernel) in enumerate(SHAPES):
        spikes = (rng.random(shape) < rng.uniform(0.05, 0.3)).astype(np.uint8)
        yield random_layer(
            Recording(f"layer{i}", spikes, outputs, kernel), density, hardware.lanes, seed + i
        )


@pytest.mark.parametrize("case", CASES)
def test_random_layers(case):
    name, density, stalls, latency = CASES[case]
    seed = int(os.environ.get("SEED") or secrets.randbelow(1 << 30) + 1)
    print(f"SEED={seed}")
    hardware = Hardware.named(name)
    work = LayerListWork(list(layers(hardware, density, seed)), runs=2)
    results = run_work(work, hardware, seed=seed, stalls=stalls, latency=latency, waves=False)
    assert results["mismatches"] == 0, f"SEED={seed}: " + "; ".join(results["messages"])
    assert len(results["images"]) == 2
    assert {x["name"].split("[")[0] for x in results["layers"]} == {x.name for x in work.layers}
