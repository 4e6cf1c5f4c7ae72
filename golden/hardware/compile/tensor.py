# SPDX-License-Identifier: Apache-2.0
"""Spikes in the spike memory: how many, and where they lie (docs/reference/formats.md)."""

from dataclasses import dataclass

import numpy as np

from golden.hardware.configuration import Hardware


@dataclass(frozen=True)
class Tensor:
    """Spikes in the spike memory; ``step`` words per timestep, ``block`` timesteps side by side.

    ``part_of``: the name of a larger map, of which these are the rows from row ``first`` on.
    """

    name: str
    height: int
    width: int
    step: int
    steps: int
    pooled: bool = False
    block: int = 1
    part_of: str = ""
    first: int = 0

    @property
    def map(self) -> str:
        """The name of the map that it is, or is part of."""
        return self.part_of or self.name

    @property
    def tokens(self) -> int:
        return self.height * self.width

    @property
    def words(self) -> int:
        """Words of one token; those of timesteps behind the last one mean nothing."""
        return self.step * -(-self.steps // self.block) * self.block

    def lines(self, hardware: Hardware) -> int:
        """Lines of one token."""
        return hardware.lines(self.words)

    def place(self, step: np.ndarray, word: np.ndarray) -> np.ndarray:
        """Where word ``word`` of timestep ``step`` lies among the words of a token."""
        return (step // self.block * self.step + word) * self.block + step % self.block
