# SPDX-License-Identifier: Apache-2.0
"""psf_sequencer: order, waits, overlap and errors of random programs."""

from tb import runner


def test_sequencer() -> None:
    runner.run("psf_sequencer", "tb.sequencer_tests")
