# SPDX-License-Identifier: Apache-2.0
"""The spiking networks in PyTorch: neurons, encoders, backbones."""
