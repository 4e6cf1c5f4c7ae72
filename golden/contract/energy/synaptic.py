# SPDX-License-Identifier: Apache-2.0
"""The theoretical energy of spiking networks, as the Spikingformer paper computes it.

  E = 4.6 pJ * FLOPs of the first convolution + 0.9 pJ * sum of SOP over all other layers
  SOP = firing rate of the input * T * FLOPs

This is equation 19, of images, which the first convolution sees once, and equation 20, of event
frames, as the authors correct it in the README of their repository; there the first convolution
sees T different frames, so it has T * FLOPs products. Frames of one bit are spikes: their first
convolution has SOP, which is equation 20 as printed.

FLOPs are the products of one timestep of the dense layer (padding included), a MAC is a 32-bit
float product and addition in 45 nm, an AC the addition (Horowitz, ISSCC 2014). The memory is not
part of it. Source: Zhou et al., "Spikingformer", arXiv 2304.11954, section on energy. The attention
is Q (K^T V): K drives N D d products a timestep, Q as many.
"""

from dataclasses import dataclass

import numpy as np

from golden.contract.energy.technology import FLOAT_ADD, FLOAT_MULT
from golden.contract.model import Trace, frames
from golden.contract.network import QuantNetwork

MAC, AC = FLOAT_MULT + FLOAT_ADD, FLOAT_ADD  # pJ


@dataclass(frozen=True)
class SynapticLayer:
    """One layer; ``rate`` is None where the input is no spikes: pixels, or the stream's mean."""

    name: str
    flops: int  # of one timestep
    rate: float | None
    operations: float  # SOP, or MAC where there is no rate
    products: int  # FLOPs of all timesteps that are computed: T * FLOPs, or FLOPs

    @property
    def energy(self) -> float:
        """In pJ."""
        return self.operations * (MAC if self.rate is None else AC)


def synaptic_layers(
    network: QuantNetwork, images: np.ndarray, trace: Trace, image: int
) -> list[SynapticLayer]:
    """Every layer of ``network`` for number ``image`` of ``images``, whose trace of
    ``golden.contract.forward`` is ``trace``."""
    config, out = network.config, []

    def layer(name: str, flops: int, spikes: np.ndarray) -> None:
        rate, products = float(spikes[image].mean()), len(spikes[image]) * flops
        out.append(SynapticLayer(name, flops, rate, rate * products, products))

    def real(name: str, flops: int, times: int = 1) -> None:
        out.append(SynapticLayer(name, flops, None, float(times * flops), times * flops))

    if network.encoder:
        real("encoder", config.height * config.width * network.encoder.weight.size)
    for i, stage in enumerate([*network.tokenizer, network.patch]):
        height, width = config.size_into(i)
        flops, name = height * width * stage.weight.size, f"tokenizer.{i}"
        if i == 0 and network.encoder:
            layer(name, flops, trace.spike["encoder"])
        elif i == 0 and config.input_bits == 1 and not config.constant_bit:
            layer(name, flops, frames(config, images))
        elif i == 0:  # an image is convolved once, for all timesteps
            real(name, flops, config.input_timesteps)
        else:
            before = trace.pooled if i in config.pooled_stages else trace.spike
            layer(name, flops, before[f"tokenizer.{i - 1}"])

    tokens, stream = config.tokens, f"tokenizer.{len(network.tokenizer)}"
    for i, block in enumerate(network.blocks):
        name = f"blocks.{i}"
        for part in "qkv":
            layer(f"{name}.{part}", tokens * getattr(block, part).weight.size, trace.spike[stream])
        pairs = tokens * config.dim * config.head_dim
        layer(f"{name}.attention.key_value", pairs, trace.spike[f"{name}.k"])
        layer(f"{name}.attention", pairs, trace.spike[f"{name}.q"])
        for part, source in (("proj", "attention"), ("mlp1", "proj"), ("mlp2", "mlp1")):
            weight = getattr(block, part).weight
            layer(f"{name}.{part}", tokens * weight.size, trace.spike[f"{name}.{source}"])
        stream = f"{name}.mlp2"
    if config.head_fires:
        layer("head", tokens * network.head_weight.size, trace.spike[stream])
    else:  # once per image, on the mean of the stream
        real("head", network.head_weight.size)
    return out
