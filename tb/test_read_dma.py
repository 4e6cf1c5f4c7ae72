# SPDX-License-Identifier: Apache-2.0
"""psf_read_dma: two clients over one AXI read port."""

import pytest

from tb import runner


@pytest.mark.parametrize("max_burst", [64, 5])
def test_read_dma(max_burst: int) -> None:
    runner.run(
        "psf_read_dma",
        "tb.read_dma_tests",
        {"MaxBurst": max_burst},
        env={"MAX_BURST": str(max_burst)},
    )
