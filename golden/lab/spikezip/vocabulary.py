# SPDX-License-Identifier: Apache-2.0
"""Words and their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import torch

PAD, START, UNKNOWN = range(3)
SPECIAL = ("<pad>", "<s>", "<unk>")


class Vocabulary:
    """words: by their number, behind those of SPECIAL."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._numbers = {word: len(SPECIAL) + i for i, word in enumerate(self.words)}

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]], most: int, least_often: int) -> Vocabulary:
        """At most so many words of `sentences`, the most frequent ones, each there at least so
        often; of equally frequent ones the first of the alphabet."""
        counts = Counter(word for words in sentences for word in words)
        known = [word for word, count in counts.items() if count >= least_often]
        return cls(sorted(known, key=lambda word: (-counts[word], word))[:most])

    def __len__(self) -> int:
        return len(SPECIAL) + len(self.words)

    def encode(self, sentences: Sequence[Sequence[str]], length: int) -> torch.Tensor:
        """Token numbers int64 (n, length): START, the words, PAD; longer sentences are cut."""
        tokens = torch.full((len(sentences), length), PAD)
        for row, words in zip(tokens, sentences, strict=True):
            numbers = [self._numbers.get(word, UNKNOWN) for word in words[: length - 1]]
            row[: len(numbers) + 1] = torch.tensor([START, *numbers])
        return tokens

    def to_bytes(self) -> bytes:
        """One word a line, UTF-8."""
        return "\n".join(self.words).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Vocabulary:
        """What `to_bytes` made."""
        return cls(content.decode().split("\n") if content else ())
