# SPDX-License-Identifier: Apache-2.0
"""SpikeZIP-TF (arXiv 2406.03470): a quantised transformer, trained, and the spiking network that
equals it.

spikezip_config, text_config: sizes and schedules.  quantiser, functions, layers,
quantised_transformer: what a ViT (vit) and a text encoder (text_encoder, vocabulary) share.
to_spiking: the spiking network.  equivalence: one against the other, module by module.  train,
train_text, check_checkpoint, curve: the commands.  samples: what they are tested on.
"""
