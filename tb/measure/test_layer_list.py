# SPDX-License-Identifier: Apache-2.0
"""Independent layers on the whole accelerator: every spike, current and counter."""

import os
import re
import secrets

import numpy as np
import pytest

from golden.hardware.configuration import Hardware
from golden.hardware.workload.layer import BareLayer
from golden.hardware.workload.random_layer import random_layer
from golden.hardware.workload.recording import Recording, images_of
from tb.lib.work import LayerListWork
from tb.system.run import run_work

# (T, C, H, W), outputs, kernel, least and largest share of ones
SHAPES = [
    ((4, 16, 6, 5), 32, 3, 0.05, 0.3),
    ((3, 21, 4, 7), 19, 3, 0.05, 0.3),  # nothing is a multiple of the lanes
    ((4, 40, 3, 3), 8, 3, 0.05, 0.3),  # a token needs several lines
    ((4, 32, 5, 6), 24, 3, 0.85, 0.95),  # silent inputs are added, although the border is silent
    ((2, 70, 1, 9), 40, 1, 0.05, 0.3),
    ((3, 64, 1, 9), 16, 1, 0.7, 0.95),
    ((1, 1, 1, 1), 1, 3, 0.05, 0.3),
]
# hardware, density, stall percentage of the memory, its latency, images in a batch
CASES = {
    "2x8": ("2x8", 0.25, 0, 20, 3),
    # Inputs take turns in the spike memory, layers come in tiles.
    "2x8-tight": ("2x8,spike_lines=250,bank_depth=128,row_depth=128,acc_depth=2", 0.5, 50, 40, 2),
    "4x16": ("4x16", 0.5, 20, 0, 1),
}


def layers(hardware: Hardware, density: float, batch: int, seed: int):
    rng = np.random.default_rng(seed)
    for i, ((steps, inputs, height, width), outputs, kernel, *rates) in enumerate(SHAPES):
        shape = steps, inputs, height, width * batch
        spikes = (rng.random(shape) < rng.uniform(*rates)).astype(np.uint8)
        first, *others = images_of(Recording(f"layer{i}", spikes, outputs, kernel), batch)
        yield (x := random_layer(first, density, hardware.lanes, seed + i))
        yield from (BareLayer(other, x.layer) for other in others)


@pytest.mark.parametrize("case", CASES)
def test_random_layers(case):
    name, density, stalls, latency, batch = CASES[case]
    seed = int(os.environ.get("SEED") or secrets.randbelow(1 << 30) + 1)
    print(f"SEED={seed}")
    hardware = Hardware.named(name)
    work = LayerListWork(list(layers(hardware, density, batch, seed)), runs=2)
    inverted = {c.layer.parts[0].split("#")[0] for c in work.program(hardware).layers
                if c.layer.inverted}  # fmt: skip
    assert inverted == {"layer3", "layer5"}
    results = run_work(work, hardware, seed=seed, stalls=stalls, latency=latency, waves=False)
    assert results["mismatches"] == 0, f"SEED={seed}: " + "; ".join(results["messages"])
    assert len(results["images"]) == 2
    counted = {re.split(r"[\[#@]", x["name"])[0] for x in results["layers"]}
    assert counted == {x.name.split("#")[0] for x in work.layers}
    assert len(work.layers) == batch * len(SHAPES)
