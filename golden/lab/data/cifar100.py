# SPDX-License-Identifier: Apache-2.0
"""CIFAR-100 (Krizhevsky, 2009): 50,000 + 10,000 colour images of 32x32 pixels, the fine labels."""

from __future__ import annotations

from pathlib import Path

from golden.lab.data import cifar
from golden.lab.data.facts import require_split
from golden.lab.data.split import Split

ARCHIVE, UNPACKED = "cifar-100-python.tar.gz", "cifar-100-python"
_NAMES = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
    butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab
    crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard
    lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom
    oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
    possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake
    spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
    train trout tulip turtle wardrobe whale willow_tree wolf woman worm"""
LABELS = tuple(_NAMES.split())
FACTS = cifar.facts("cifar100", "CIFAR-100", LABELS, ARCHIVE, UNPACKED)


def load(split: str, folder: Path | None = None) -> Split:
    """Images uint8 (n, 3, 32, 32), labels 0..99. Raises UserError with one sentence."""
    require_split(split)
    return cifar.read(FACTS, folder or FACTS.folder, ARCHIVE, UNPACKED, (split,), b"fine_labels")
