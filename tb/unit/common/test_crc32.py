# SPDX-License-Identifier: Apache-2.0
"""psf_crc32: equal to zlib.crc32."""

import pytest

from tb.run import runner


@pytest.mark.parametrize("width", [64, 32])
def test_crc32(width: int) -> None:
    runner.run("psf_crc32", "tb.unit.common.crc32_tests", {"DataWidth": width})


def test_short_words_are_refused() -> None:
    with pytest.raises(runner.BuildFailed, match="DataWidth must be at least 32"):
        runner.run("psf_crc32", "tb.unit.common.crc32_tests", {"DataWidth": 16})
