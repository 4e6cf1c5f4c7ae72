# SPDX-License-Identifier: Apache-2.0
"""Fashion-MNIST from IDX files (golden.lab.data.idx).

The files come from Debian's package `dataset-fashion-mnist`; the environment variable DATA_DIR
names another folder.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from golden.contract.errors import UserError
from golden.lab.data.facts import Facts, require_split
from golden.lab.data.idx import read_idx
from golden.lab.data.split import Split

DEFAULT_FOLDER = Path("/usr/share/datasets/fashion-mnist")
HEIGHT, WIDTH, CLASSES = 28, 28, 10
LABELS = (
    "T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot",
)  # fmt: skip
_STEMS = {"train": "train", "test": "t10k"}


FACTS = Facts(
    name="fashion_mnist",
    title="Fashion-MNIST",
    channels=1,
    height=HEIGHT,
    width=WIDTH,
    labels=LABELS,
    variable="DATA_DIR",
    default=DEFAULT_FOLDER,
    needs=tuple(
        (f"{stem}-{kind}-ubyte.gz", f"{stem}-{kind}-ubyte")
        for stem in _STEMS.values()
        for kind in ("images-idx3", "labels-idx1")
    ),
    fetch="run 'apt-get install dataset-fashion-mnist' or put its four files into {folder}",
)


def data_folder() -> Path:
    """The folder that holds the four files: DATA_DIR, else where Debian's package puts them."""
    return FACTS.folder


def load(split: str, folder: Path | None = None) -> Split:
    """Read the 'train' (60,000 images) or the 'test' split (10,000). Raises UserError with one
    sentence."""
    require_split(split)
    folder = folder or data_folder()
    images_path = _find(folder, f"{_STEMS[split]}-images-idx3-ubyte")
    labels_path = _find(folder, f"{_STEMS[split]}-labels-idx1-ubyte")
    images, labels = read_idx(images_path, rank=3), read_idx(labels_path, rank=1)
    if images.shape[1:] != (HEIGHT, WIDTH):
        raise UserError(
            f"{images_path} holds images of {images.shape[1]}x{images.shape[2]} pixels, "
            f"Fashion-MNIST has {HEIGHT}x{WIDTH}"
        )
    if len(images) != len(labels):
        raise UserError(
            f"{folder} is inconsistent: {len(images)} images but {len(labels)} labels in '{split}'"
        )
    if labels.size and labels.max() >= CLASSES:
        raise UserError(f"{labels_path} holds label {labels.max()}, the largest legal one is 9")
    return Split(images[:, None], labels.astype(np.int64))


def _find(folder: Path, stem: str) -> Path:
    for name in (f"{stem}.gz", stem):
        if (folder / name).is_file():
            return folder / name
    raise UserError(
        f"the data set file {folder / stem}.gz does not exist: run 'apt-get install "
        f"dataset-fashion-mnist' or point DATA_DIR at a folder that holds it"
    )
