# SPDX-License-Identifier: Apache-2.0
"""``psf_pkg::layer_t`` as the simulator sees it: one flat vector, first field in the high bits."""

import random
from collections.abc import Mapping

from golden.hardware.interface import packing
from golden.hardware.isa import MODE_HEAD, MODE_KEY_VALUE, MODE_RESIDUAL, MODE_SPIKE

__all__ = ["MODE_HEAD", "MODE_KEY_VALUE", "MODE_RESIDUAL", "MODE_SPIKE", "garbage",
           "layer_fields", "pack_layer", "random_fields"]  # fmt: skip


def layer_fields() -> list[tuple[str, int]]:
    """(field, width), the most significant one first."""
    return list(packing.widths("layer_t").items())


def pack_layer(values: Mapping[str, int]) -> int:
    """The vector with these values, 0 elsewhere."""
    return packing.pack("layer_t", values)


def random_fields(**values: int) -> dict[str, int]:
    """These values, all other fields random: a module must not look at what does not concern it."""
    return {name: random.getrandbits(width) for name, width in layer_fields()} | values


def garbage() -> int:
    """The vector for the time when no layer runs."""
    return pack_layer(random_fields())
