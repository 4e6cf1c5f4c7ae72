# SPDX-License-Identifier: Apache-2.0
"""CIFAR-10 (Krizhevsky, 2009): 50,000 + 10,000 colour images of 32x32 pixels."""

from __future__ import annotations

from pathlib import Path

from golden.lab.data import cifar
from golden.lab.data.facts import require_split
from golden.lab.data.split import Split

ARCHIVE, UNPACKED = "cifar-10-python.tar.gz", "cifar-10-batches-py"
LABELS = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
FACTS = cifar.facts("cifar10", "CIFAR-10", LABELS, ARCHIVE, UNPACKED)
_BATCHES = {"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)}


def load(split: str, folder: Path | None = None) -> Split:
    """Images uint8 (n, 3, 32, 32). Raises UserError with one sentence."""
    require_split(split)
    return cifar.read(FACTS, folder or FACTS.folder, ARCHIVE, UNPACKED, _BATCHES[split], b"labels")
