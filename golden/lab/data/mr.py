# SPDX-License-Identifier: Apache-2.0
"""MR (Pang and Lee, ACL 2005): 5,331 positive and 5,331 negative sentences of film reviews.

Two text files in Latin-1, one sentence a line, words and punctuation apart and in small letters.
The set has no split of its own: the field takes ten folds. Here each class is shuffled with
SPLIT_SEED and dealt to FOLDS folds in turn. Fold k is the test split, the one after it the
validation split, the other eight are the training split.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from golden.contract.errors import UserError
from golden.lab.data.facts import Source

FACTS = Source(
    name="mr",
    title="MR",
    labels=("negative", "positive"),
    variable="MR_DIR",
    needs=(("rt-polarity.neg",), ("rt-polarity.pos",)),
    fetch="fetch https://www.cs.cornell.edu/people/pabo/movie-review-data/rt-polaritydata.tar.gz "
    "and put its rt-polarity.neg and rt-polarity.pos into {folder}",
)
FOLDS, SPLIT_SEED = 10, 2005
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Sentences:
    """words: of every sentence; labels: int64 (n,), 0 negative, 1 positive."""

    words: list[list[str]]
    labels: np.ndarray

    def first(self, count: int) -> Sentences:
        """The first so many, 0 for all."""
        stop = count or len(self.words)
        return Sentences(self.words[:stop], self.labels[:stop])


def load(split: str, fold: int = 0, folder: Path | None = None) -> Sentences:
    """One split, its classes mixed. Raises UserError with one sentence."""
    if split not in SPLITS:
        raise UserError(f"there is no split '{split}' of MR: choose {', '.join(SPLITS)}")
    if not 0 <= fold < FOLDS:
        raise UserError(f"there is no fold {fold} of MR: choose 0 to {FOLDS - 1}")
    folder = folder or FACTS.folder
    FACTS.require(folder)
    # RandomState, because numpy promises that its numbers stay the same in all versions
    generator, words, labels, folds = np.random.RandomState(SPLIT_SEED), [], [], []
    for label, (name,) in enumerate(FACTS.needs):
        found = _sentences(folder / name)
        words += found
        labels += [label] * len(found)
        folds.append(generator.permutation(len(found)) % FOLDS)
    away = (np.concatenate(folds) - fold) % FOLDS  # 0 test, 1 validation, others training
    wanted = {"test": away == 0, "validation": away == 1, "train": away > 1}[split]
    order = generator.permutation(len(words))
    chosen = order[wanted[order]]
    if not len(chosen):
        raise UserError(f"{folder} has too few sentences for {FOLDS} folds of MR: fetch it again")
    return Sentences([words[i] for i in chosen], np.array(labels, np.int64)[chosen])


def _sentences(path: Path) -> list[list[str]]:
    """The words of every line; a byte of Windows' own beyond Latin-1 (0x85 and the like) is no end
    of a line."""
    try:
        text = path.read_bytes().decode("latin-1")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    hint = FACTS.fetch.format(folder=path.parent)
    if any(character < " " and character not in "\t\r\n" for character in text):
        raise UserError(f"{path} is no text, as the sentences of MR are: {hint}")
    found = [line.split() for line in text.split("\n")]
    found = [words for words in found if words]
    if not found:
        raise UserError(f"{path} holds no sentence: {hint}")
    return found
