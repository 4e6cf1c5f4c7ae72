# SPDX-License-Identifier: Apache-2.0
"""The laboratory above the waist: networks, data, training, pruning, studies (PyTorch)."""
