# SPDX-License-Identifier: Apache-2.0
"""psf_read_dma: several clients over one AXI read port, windows, faults, stop."""

import pytest

from tb.run import runner


@pytest.mark.parametrize(("max_burst", "clients"), [(64, 3), (5, 2)])
def test_read_dma(max_burst: int, clients: int) -> None:
    runner.run(
        "psf_read_dma",
        "tb.unit.load.read_dma_tests",
        {"MaxBurst": max_burst, "Clients": clients},
        env={"MAX_BURST": str(max_burst), "CLIENTS": str(clients)},
    )


def test_a_single_client_is_refused() -> None:
    with pytest.raises(runner.BuildFailed, match="Clients must be at least 2"):
        runner.run("psf_read_dma", "tb.unit.load.read_dma_tests", {"Clients": 1})
