# SPDX-License-Identifier: Apache-2.0
"""Layers on their own: recorded input spikes with random weights (numpy only)."""
