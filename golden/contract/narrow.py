# SPDX-License-Identifier: Apache-2.0
"""Integers on their way into a narrower type, without a value that changes on it."""

from __future__ import annotations

from typing import Any

import numpy as np

from golden.contract.errors import UserError


def narrow(
    values: Any, kind: Any, name: str, least: int | None = None, most: int | None = None
) -> np.ndarray:
    """``values`` (any shape, integers or whole floats) as an array of the integer type ``kind``.

    ``least``, ``most``: a range within that of the type, by default all of it. UserError with
    ``name``, the first value out of the range or not whole, its index, and the range.
    """
    values, limits = np.asarray(values), np.iinfo(kind)
    least = limits.min if least is None else least
    most = limits.max if most is None else most
    # Below most + 1, which a float has exactly where it does not have most = 2^63 - 1.
    good = (values >= least) & (values < most + 1)
    if values.dtype.kind == "f":
        good &= values == np.floor(values)
    if not good.all():
        index = np.unravel_index(np.argmin(good), good.shape)
        place = f"[{', '.join(map(str, index))}]" if index else ""
        raise UserError(
            f"{name}{place} is {values[index]}, it must be a whole number from {least} to {most}"
        )
    return values.astype(kind)
