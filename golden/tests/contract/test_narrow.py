# SPDX-License-Identifier: Apache-2.0
"""Nothing changes on its way into a narrower type, whatever it is."""

import numpy as np
import pytest

from golden.contract.errors import UserError
from golden.contract.narrow import narrow


@pytest.mark.parametrize("value", [1, True, 2.0, np.int64(-128), np.uint8(127), np.float32(3)])
@pytest.mark.parametrize("kind", [None, object])
def test_what_fits_is_kept(value, kind):
    got = narrow(np.array([0, value], kind), np.int8, "x")
    assert got.dtype == np.int8 and got[1] == value


@pytest.mark.parametrize(
    "value",
    [128, -129, 1 << 40, 1 << 70, 0.5, float("nan"), float("inf"), None, "x", b"1", 1j, 1 + 0j],
)
@pytest.mark.parametrize("kind", [None, object])
@pytest.mark.filterwarnings("error")
def test_what_does_not_is_a_sentence(value, kind):
    for values in (np.array([value], kind), [0, value], value):
        with pytest.raises(UserError, match=r"x.* it must be a whole number from -128 to 127"):
            narrow(values, np.int8, "x")
