# SPDX-License-Identifier: Apache-2.0
"""isa.py says what rtl/psf_pkg.sv says."""

import re

import numpy as np
import pytest

from golden.contract import paths
from golden.hardware import isa
from golden.hardware.compile import bits

SOURCE = (paths.ROOT / "rtl" / "psf_pkg.sv").read_text()


def test_constants():
    found = re.findall(r"localparam logic \[\d+:0\] (\w+) = \d+'([hd])(\w+);", SOURCE)
    constants = {name: int(value, 16 if base == "h" else 10) for name, base, value in found}
    mirrored = [n for n in constants if n.startswith(("OP_", "TARGET_", "MODE_", "ERROR_"))]
    assert len(mirrored) == 14 + 14
    for name in mirrored:
        assert getattr(isa, name) == constants[name], name


def sv_fields(function: str) -> dict[str, tuple[int, int, int]]:
    body = re.search(rf"function automatic \w+ {function}\(.*?endfunction", SOURCE, re.S).group()
    fields = {}
    for name, word, high, low in re.findall(
        r"l\.(\w+) = (?:w(\d+))(?:\[(\d+)(?::(\d+))?\])?;", body
    ):
        high = int(high or 31)
        low = int(low) if low else (high if f"l.{name} = w{word}[" in body else 0)
        fields[name] = (int(word), low, high - low + 1)
    return fields


@pytest.mark.parametrize(
    "function, mirror", [("to_load", isa.LOAD_FIELDS), ("to_layer", isa.LAYER_FIELDS)]
)
def test_bit_positions(function, mirror):
    assert sv_fields(function) == mirror
    struct = re.search(
        r"typedef struct packed \{([^}]*)\} " + function.removeprefix("to_") + "_t;", SOURCE
    ).group(1)
    names = re.findall(r"logic\s+(?:\[\d+:0\])?\s*(\w+);", struct)
    assert set(names) == set(mirror)


@pytest.mark.parametrize("op", list(isa.FIELDS))
def test_encode_decode(op):
    rng = np.random.default_rng(op)
    for _ in range(20):
        values = {f: int(rng.integers(1 << n)) for f, (_, _, n) in isa.FIELDS[op].items()}
        assert isa.decode(isa.encode(op, "x", **values)) == (op, values)


def test_fields_do_not_overlap():
    for fields in isa.FIELDS.values():
        taken = {(0, b) for b in range(8)}
        for word, low, width in fields.values():
            mine = {(word, low + b) for b in range(width)}
            assert not mine & taken
            taken |= mine


@pytest.mark.parametrize("width, align", [(12, 64), (20, 64), (32, 32), (1, 1), (40, 64)])
def test_bits_round_trip(width, align):
    rng = np.random.default_rng(width)
    values = rng.integers(-(1 << width - 1), 1 << width - 1, (5, 7))
    data = bits.pack(values, width, align)
    assert len(data) % 8 == 0
    out = bits.unpack(data, 5, 7, width, align)
    np.testing.assert_array_equal(bits.signed(out, width), values)
