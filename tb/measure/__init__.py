# SPDX-License-Identifier: Apache-2.0
"""Measurements on the RTL: whole networks, cycles, energy, timelines."""
