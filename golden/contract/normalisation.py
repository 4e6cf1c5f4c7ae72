# SPDX-License-Identifier: Apache-2.0
"""Normalised images: (p / 255 - mean) / std per channel, and 0 around them.

The first convolution of such a network pads with 0 *after* the normalisation, which on the grid of
the pixels is no integer. But it is linear: w . (p / 255 - m) / s = w / (255 s) . p - w m / s, and
the last term only counts where the tap lies inside the image. So the integer network sees the
pixels themselves, padded with 0, and one more channel: 2^constant_bit inside the image, 0 around
it, whose weights carry that term. 2^b is one spike per pixel, on one bit-plane.
"""

from collections.abc import Sequence

from golden.contract.errors import UserError

CONSTANT_BITS = range(8)  # a lane shifts a weight by at most 7 bits


def check_pair(mean: Sequence[float], std: Sequence[float], channels: int) -> None:
    """UserError unless both are empty or have one value per channel."""
    for name, values in (("mean", mean), ("std", std)):
        if len(values) not in (0, channels) or len(values) != len(mean):
            raise UserError(
                f"network.{name} has {len(values)} values for images of {channels} channels; give "
                "mean and std one number per channel, or neither"
            )
