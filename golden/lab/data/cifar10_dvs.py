# SPDX-License-Identifier: Apache-2.0
"""CIFAR10-DVS (Li et al., 2017): 10,000 recordings of moving CIFAR-10 images, 128x128 pixels.

It has no split of its own. Spikformer and Spikingformer train on the first 90 % of every class
in the order of the file names and test on the others (spikingjelly's split_to_train_test_set).
"""

from __future__ import annotations

import math
from itertools import groupby
from pathlib import Path

import numpy as np

from golden.contract.errors import UserError
from golden.lab.data import cifar10, neuromorphic
from golden.lab.data.facts import Facts, require_split
from golden.lab.data.split import Split

FACTS = Facts(
    name="cifar10_dvs",
    title="CIFAR10-DVS",
    channels=2,
    height=128,
    width=128,
    labels=cifar10.LABELS,
    timesteps=16,
    variable="CIFAR10_DVS_DIR",
    needs=neuromorphic.NEEDS,
    fetch="fetch the ten zip files of https://doi.org/10.6084/m9.figshare.4724671 and put them "
    "into {folder}/download",
)
TRAIN_SHARE = 0.9


def load(
    split: str,
    folder: Path | None = None,
    timesteps: int = FACTS.timesteps,
    binary: bool = False,
    split_by: str = "number",
) -> Split:
    """Event frames uint8 (n, T, 2, 128, 128): counts, or with `binary` whether there was an event;
    of equally many events, or with `split_by` 'time' of equally long times."""
    require_split(split)
    folder = folder or FACTS.folder
    found = neuromorphic.samples(FACTS, folder, "cifar10_dvs", "CIFAR10DVS", timesteps, split_by)
    chosen = []
    for name, group in groupby(found, key=lambda sample: sample[1]):
        if name not in FACTS.labels:
            raise UserError(f"{folder} has a class '{name}', which CIFAR10-DVS has not")
        members = list(group)
        border = math.ceil(TRAIN_SHARE * len(members))
        chosen += members[:border] if split == "train" else members[border:]
    images = neuromorphic.frames(FACTS, [path for path, _ in chosen], timesteps, binary)
    return Split(images, np.array([FACTS.labels.index(name) for _, name in chosen], np.int64))
