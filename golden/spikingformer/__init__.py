# SPDX-License-Identifier: Apache-2.0
"""Spikingformer in PyTorch."""

from golden.spikingformer.config import NetworkConfig
from golden.spikingformer.model import Spikingformer

__all__ = ["NetworkConfig", "Spikingformer"]
