# SPDX-License-Identifier: Apache-2.0
"""psf_window_check: bursts inside and outside a window."""

from tb.run import runner


def test_window_check() -> None:
    runner.run("psf_window_check", "tb.unit.load.window_check_tests")
