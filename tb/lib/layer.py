# SPDX-License-Identifier: Apache-2.0
"""``psf_pkg::layer_t`` as the simulator sees it: one flat vector, first field in the high bits."""

import functools
import random
import re
from collections.abc import Mapping

from tb.run.sources import RTL

MODE_SPIKE, MODE_RESIDUAL, MODE_KEY_VALUE, MODE_HEAD = range(4)


@functools.cache
def layer_fields() -> list[tuple[str, int]]:
    """(field, width) in the order of rtl/psf_pkg.sv."""
    text = re.sub(r"//[^\n]*", "", (RTL / "psf_pkg.sv").read_text())
    body = re.search(r"typedef struct packed \{([^}]*)\}\s*layer_t\s*;", text)
    if body is None:
        raise ValueError("rtl/psf_pkg.sv has no packed struct layer_t")
    found = re.findall(r"logic\s*(?:\[(\d+):0\])?\s*(\w+)\s*;", body[1])
    if len(found) != body[1].count(";"):
        raise ValueError("rtl/psf_pkg.sv: layer_t has a field that is not `logic [n:0] name;`")
    return [(name, int(high or 0) + 1) for high, name in found]


def pack_layer(values: Mapping[str, int]) -> int:
    """The vector with these values, 0 elsewhere."""
    fields = layer_fields()
    if unknown := values.keys() - dict(fields).keys():
        raise ValueError(f"layer_t has no field {sorted(unknown)}")
    vector = 0
    for name, width in fields:
        value = int(values.get(name, 0))
        if not 0 <= value < 1 << width:
            raise ValueError(f"layer_t.{name} = {value} does not fit into {width} bits")
        vector = vector << width | value
    return vector


def random_fields(**values: int) -> dict[str, int]:
    """These values, all other fields random: a module must not look at what does not concern it."""
    return {name: random.getrandbits(width) for name, width in layer_fields()} | values


def garbage() -> int:
    """The vector for the time when no layer runs."""
    return pack_layer(random_fields())
