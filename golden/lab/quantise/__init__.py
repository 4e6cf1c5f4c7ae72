# SPDX-License-Identifier: Apache-2.0
"""Quantisation-aware training to the integer contract, export, and the torch twin."""
