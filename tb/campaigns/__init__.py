# SPDX-License-Identifier: Apache-2.0
"""Fuzzing, bit flips, RTL mutants, coverage."""
