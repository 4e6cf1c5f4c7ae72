# SPDX-License-Identifier: Apache-2.0
"""psf_descriptor_fetch: the program, once per job, checked."""

from tb import runner


def test_descriptor_fetch() -> None:
    runner.run("psf_descriptor_fetch", "tb.descriptor_fetch_tests")
