# SPDX-License-Identifier: Apache-2.0
"""Bit-planes: how the values of a multi-bit input become spikes.

A spike of hardware channel c adds the row of input channel ``channel[c]``, shifted by ``bit[c]``.
"""

from dataclasses import dataclass

import numpy as np

from golden.contract.model import frames
from golden.contract.network import NetworkConfig


@dataclass(frozen=True)
class Planes:
    """``channel`` and ``bit`` int64 (C,) of the hardware channels; ``pixels`` that are side by side
    have their channels one behind the other: golden.hardware.compile.pairs."""

    channel: np.ndarray
    bit: np.ndarray
    pixels: int = 1

    @classmethod
    def of(cls, config: NetworkConfig) -> "Planes":
        """Those of the input of a network: the bits of a channel lie side by side, lowest first;
        behind them the one bit of a normalised network's constant."""
        bits = config.input_bits
        place = np.arange(config.in_channels * bits)
        channel, bit = place // bits, place % bits
        if config.constant_bit is not None:
            channel = np.append(channel, config.in_channels)
            bit = np.append(bit, config.constant_bit)
        return cls(channel, bit)

    def __len__(self) -> int:
        """Hardware channels."""
        return len(self.channel)

    @property
    def channels(self) -> int:
        """Input channels of a pixel."""
        return len(np.unique(self.channel)) // self.pixels

    def shared(self, banks: int) -> np.ndarray:
        """bool (C,): a channel before this one has its row in the same bank, of every tap."""
        keys = np.stack([self.channel, np.arange(len(self)) % banks])
        first = np.unique(keys, axis=1, return_index=True)[1]
        return ~np.isin(np.arange(len(self)), first)

    def spikes(self, config: NetworkConfig, images: np.ndarray) -> np.ndarray:
        """uint8 (B, T, N, C) of images (B, C, H, W) or frames (B, T, C, H, W), N pixels or pairs of
        them; see :func:`golden.contract.model.frames`."""
        seen = frames(config, images)
        seen = seen.reshape(*seen.shape[:2], -1, self.pixels * seen.shape[-1])
        return seen[..., self.channel] >> self.bit.astype(np.uint8) & 1
