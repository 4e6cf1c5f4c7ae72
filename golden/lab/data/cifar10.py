# SPDX-License-Identifier: Apache-2.0
"""CIFAR-10 (Krizhevsky, 2009): 50,000 + 10,000 colour images of 32x32 pixels."""

from __future__ import annotations

from pathlib import Path

from golden.lab.data import cifar
from golden.lab.data.facts import Facts, require_split
from golden.lab.data.split import Split

ARCHIVE, UNPACKED = "cifar-10-python.tar.gz", "cifar-10-batches-py"
LABELS = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
FACTS = Facts(
    name="cifar10",
    title="CIFAR-10",
    channels=cifar.CHANNELS,
    height=cifar.HEIGHT,
    width=cifar.WIDTH,
    labels=LABELS,
    variable="CIFAR10_DIR",
    needs=((ARCHIVE, UNPACKED),),
    fetch=f"fetch https://www.cs.toronto.edu/~kriz/{ARCHIVE} and put it into {{folder}}",
)
_BATCHES = {"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)}


def load(split: str, folder: Path | None = None) -> Split:
    """Images uint8 (n, 3, 32, 32). Raises UserError with one sentence."""
    require_split(split)
    return cifar.read(FACTS, folder or FACTS.folder, ARCHIVE, UNPACKED, _BATCHES[split], b"labels")
