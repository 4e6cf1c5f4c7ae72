# SPDX-License-Identifier: Apache-2.0
"""Spikingformer in PyTorch."""

from golden.lab.networks.spikingformer.config import NetworkConfig
from golden.lab.networks.spikingformer.model import Spikingformer

__all__ = ["NetworkConfig", "Spikingformer"]
