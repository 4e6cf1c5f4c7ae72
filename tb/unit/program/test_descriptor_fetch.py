# SPDX-License-Identifier: Apache-2.0
"""psf_descriptor_fetch: the program, once per job, checked."""

from tb.run import runner


def test_descriptor_fetch() -> None:
    runner.run("psf_descriptor_fetch", "tb.unit.program.descriptor_fetch_tests")
