# SPDX-License-Identifier: Apache-2.0
"""DVS128 Gesture (Amir et al., CVPR 2017): 11 gestures of 29 people, 128x128 pixels; 1,176
recordings to train and 288 to test, as spikingjelly cuts them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from golden.contract.errors import UserError
from golden.lab.data import neuromorphic
from golden.lab.data.facts import Facts, require_split
from golden.lab.data.split import Split

FACTS = Facts(
    name="dvs128_gesture",
    title="DVS128 Gesture",
    channels=2,
    height=128,
    width=128,
    labels=(
        "hand clap", "right hand wave", "left hand wave", "right arm clockwise",
        "right arm counter-clockwise", "left arm clockwise", "left arm counter-clockwise",
        "arm roll", "air drums", "air guitar", "other gestures",
    ),
    timesteps=16,
    variable="DVS128_GESTURE_DIR",
    needs=neuromorphic.NEEDS,
    fetch="fetch DvsGesture.tar.gz and its three companions from "
    "https://ibm.ent.box.com/s/3hiq58ww1pbbjrinh367ykfdf60xsfm8/folder/50167556794 and put them "
    "into {folder}/download",
)  # fmt: skip


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
    found = neuromorphic.samples(
        FACTS,
        folder,
        "dvs128_gesture",
        "DVS128Gesture",
        timesteps,
        split_by,
        train=split == "train",
    )
    for _, name in found:  # folders '0' to '10', which sort as text
        if not name.isdecimal() or int(name) >= FACTS.classes:
            raise UserError(f"{folder} has a class '{name}', which DVS128 Gesture has not")
    images = neuromorphic.frames(FACTS, [path for path, _ in found], timesteps, binary)
    return Split(images, np.array([int(name) for _, name in found], np.int64))
