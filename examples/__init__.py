# SPDX-License-Identifier: Apache-2.0
"""Whole programs, run by the tests with little training: one's own data, pruning, peer model."""
