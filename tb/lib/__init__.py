# SPDX-License-Identifier: Apache-2.0
"""Shared drivers, packers and scoreboards of the benches."""
