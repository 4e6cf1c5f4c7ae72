# SPDX-License-Identifier: Apache-2.0
"""psf_result_writer: label, cycles and logits in memory."""

from tb.run import runner


def test_result_writer() -> None:
    runner.run("psf_result_writer", "tb.unit.host.result_writer_tests")
