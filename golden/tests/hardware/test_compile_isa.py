# SPDX-License-Identifier: Apache-2.0
"""Descriptors are packed and unpacked; test_interface.py holds them against the hardware."""

import numpy as np
import pytest

from golden.contract.errors import UserError
from golden.hardware import isa
from golden.hardware.compile import bits

pytestmark = pytest.mark.smoke


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
    data = bits.pack(values, width, "values", align)
    assert len(data) % 8 == 0
    out = bits.unpack(data, 5, 7, width, align)
    np.testing.assert_array_equal(bits.signed(out, width), values)


@pytest.mark.parametrize("width", [1, 8, 20, 32, 40])
def test_bits_that_a_field_does_not_have(width):
    """One more than with a sign or without is refused, as is a fraction; both ends are packed."""
    least, most = -(1 << width - 1), (1 << width) - 1
    data = bits.pack(np.array([[least, most]]), width, "values")
    ends = [[least % (1 << width), most]]
    np.testing.assert_array_equal(bits.unpack(data, 1, 2, width), ends)
    for value in (least - 1, most + 1, 1 << 62, 0.5):
        with pytest.raises(UserError, match=rf"^values\[0, 1\] is {value}, .* {least} to {most}$"):
            bits.pack(np.array([[0, value]]), width, "values")
