# SPDX-License-Identifier: Apache-2.0
"""SpikeZIP-TF (arXiv 2406.03470): a quantised ViT, trained, and the spiking network that equals it.

config: sizes and schedule.  quantiser, functions, vit: the quantised ANN.  convert: the spiking
network.  equivalence: one against the other, module by module.  train, curve: the commands.
"""
