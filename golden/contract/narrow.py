# SPDX-License-Identifier: Apache-2.0
"""Integers on their way into a narrower type, without a value that changes on it."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from golden.contract.errors import UserError


def narrow(
    values: Any, kind: Any, name: str, least: int | None = None, most: int | None = None
) -> np.ndarray:
    """``values`` (any shape, integers or whole floats) as an array of the integer type ``kind``.

    ``least``, ``most``: a range within that of the type, by default all of it. UserError with
    ``name``, the first value out of the range or not whole, its index, and the range, or the
    type of a value that is no real number.
    """
    values, limits = np.asarray(values), np.iinfo(kind)
    least = limits.min if least is None else least
    most = limits.max if most is None else most
    kinds = {type(x) for x in values.ravel()} if values.dtype.kind == "O" else {values.dtype.type}
    for found in kinds:
        if not issubclass(found, (numbers.Real, np.bool_)):
            raise UserError(
                f"{name} holds a value of type {found.__name__}, it must be a whole number from "
                f"{least} to {most}"
            )
    # Below most + 1, which a float has exactly where it does not have most = 2^63 - 1.
    with np.errstate(invalid="ignore"):  # NaN among objects
        good = (values >= least) & (values < most + 1)
        if values.dtype.kind == "f":
            good &= values == np.floor(values)
        elif values.dtype.kind == "O":
            good &= values == values // 1
    if not good.all():
        index = np.unravel_index(np.argmin(good), good.shape)
        place = f"[{', '.join(map(str, index))}]" if index else ""
        raise UserError(
            f"{name}{place} is {values[index]}, it must be a whole number from {least} to {most}"
        )
    return values.astype(kind)
