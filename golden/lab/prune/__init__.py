# SPDX-License-Identifier: Apache-2.0
"""Pruning: PE-balanced, and unstructured for the comparison."""
