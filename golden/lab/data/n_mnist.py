# SPDX-License-Identifier: Apache-2.0
"""N-MNIST (Orchard et al., Frontiers in Neuroscience 9:437, 2015): recordings of MNIST digits on a
screen by an event camera of 34x34 pixels that moves in three saccades; 60,000 to train and 10,000
to test, one .bin file each in the folders Train/<digit> and Test/<digit>.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from golden.contract.errors import UserError
from golden.lab.data.facts import Facts, require_split
from golden.lab.data.neuromorphic import check_frames
from golden.lab.data.split import Split
from golden.lab.data.torchvision_part import spikingjelly_datasets

FACTS = Facts(
    name="n_mnist",
    title="N-MNIST",
    channels=2,
    height=34,
    width=34,
    labels=tuple("0123456789"),
    timesteps=4,
    variable="N_MNIST_DIR",
    needs=(("Train",), ("Test",)),
    fetch="fetch Train.zip and Test.zip from https://www.garrickorchard.com/datasets/n-mnist and "
    "unpack them in {folder}",
)
_EVENT_BYTES = 5


def load(
    split: str,
    folder: Path | None = None,
    timesteps: int = FACTS.timesteps,
    binary: bool = False,
    split_by: str = "number",
) -> Split:
    """Event frames uint8 (n, T, 2, 34, 34): counts, or with `binary` whether there was an event;
    samples by digit and name.

    split_by: frames of equally many events ('number') or of equally long times ('time').
    """
    require_split(split)
    check_frames(timesteps, split_by)
    folder = folder or FACTS.folder
    FACTS.require(folder)
    images, labels = [], []
    read = spikingjelly_datasets("utils").load_ATIS_bin
    for label, digit in enumerate(FACTS.labels):
        for path in sorted((folder / split.title() / digit).glob("*.bin")):
            images.append(_frames(path, read, timesteps, split_by))
            labels.append(label)
    if not images:
        raise UserError(
            f"{folder / split.title()} holds no recording <digit>/<number>.bin of N-MNIST: "
            + FACTS.fetch.format(folder=folder)
        )
    counts = np.stack(images)
    return Split(np.minimum(counts, 1) if binary else counts, np.array(labels, np.int64))


def _frames(path: Path, read, timesteps: int, split_by: str) -> np.ndarray:
    """uint8 (T, 2, 34, 34) of one recording."""
    size = path.stat().st_size
    events = read(path) if size and size % _EVENT_BYTES == 0 else None
    if events is None or events["x"].max() >= FACTS.width or events["y"].max() >= FACTS.height:
        raise UserError(
            f"{path} is damaged ({size} bytes; events of {_EVENT_BYTES} bytes within "
            f"{FACTS.width} x {FACTS.height} pixels are expected): "
            + FACTS.fetch.format(folder=path.parents[2])
        )
    count = len(events["t"])
    if split_by == "number":  # the last frame has the rest, as in spikingjelly
        step = np.arange(count) // max(count // timesteps, 1)
    else:
        time = events["t"].astype(np.int64) - int(events["t"][0])
        step = time * timesteps // (int(time.max()) + 1)
    step = np.clip(step, 0, timesteps - 1)
    place = ((step * 2 + events["p"]) * FACTS.height + events["y"]) * FACTS.width + events["x"]
    shape = (timesteps, 2, FACTS.height, FACTS.width)
    counts = np.bincount(place, minlength=int(np.prod(shape)))
    return np.minimum(counts, 255).astype(np.uint8).reshape(shape)
