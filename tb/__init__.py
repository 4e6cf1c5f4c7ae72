# SPDX-License-Identifier: Apache-2.0
"""Benches. ``test_<module>.py`` holds both parts: pytest builds, cocotb tests in the simulator."""
