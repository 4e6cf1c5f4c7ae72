# SPDX-License-Identifier: Apache-2.0
"""From a frozen quantised transformer to the spiking network (SpikeZIP-TF, arXiv 2406.03470).

spikingjelly's SpikeZIPTFQANNRecipe replaces, by module name,
  Quantiser -> STBIFNode: q += x/s from q = 1/2; +1 if q >= 1 and acc < pos_max, -1 if q < 0 and
    acc > neg_min; q -= spike, acc += spike; output spike * s;
  Linear, Conv2d -> the same product on the spikes, the bias in `level` equal parts over the first
    `level` steps (in the ViT's attention all of it in the first);
  Attention -> SpikeZIPViTSelfAttention: S1(t) x2(t) + x1(t) S2(t) - x1(t) x2(t), the S running sums
    that include t, for (q / sqrt(d)) k^T and for its softmax times v; SpikeZIPRobertaSelfAttention
    is the same with a mask on the scores.
Softmax and LayerNorm become golden.lab.spikezip.functions.SpikeFunction. The image, the embeddings
of words, class token and positions, and the mask arrive at t = 0; after it the input is 0.

Why the sums are exact, not close: every number is an integer times a power of two. Pixels are
multiples of 2^-8, weights are integers times a power of two, steps are powers of two, biases and
embeddings are multiples of 2^-16, f(X) is rounded to 2^-16, and `level` and sqrt(d) are powers of
two. exact_bits bounds what the sums need; float64 holds 53 bits, so none of them rounds, in any
order. When the spikes stop, q = 1/2 + X/s - acc for the whole input X of a neuron, with 0 <= q < 1
or acc at the bound beyond which it may not go: acc = clamp(floor(X/s + 1/2)), the quantiser.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import torch
from spikingjelly.activation_based.ann2snn.converter import ModuleConverter
from spikingjelly.activation_based.ann2snn.recipes import SpikeZIPTFQANNRecipe
from spikingjelly.activation_based.ann2snn.recipes.spikezip_qann import (
    SpikeZIPLayerNorm,
    SpikeZIPSoftmax,
)
from spikingjelly.activation_based.base import MemoryModule
from torch import nn

from golden.contract.errors import UserError
from golden.lab.spikezip.functions import FixedSoftmax, SpikeFunction
from golden.lab.spikezip.layers import QuantConv2d, QuantLinear
from golden.lab.spikezip.quantised_transformer import QuantTransformer
from golden.lab.spikezip.quantiser import GRID_BITS, weight_step

FLOAT64_BITS = 53
_NEURON_OF = {
    "quan_q": "q_if", "quan_k": "k_if", "quan_v": "v_if", "quan_proj": "proj_if",
    "query_quan": "query_if", "key_quan": "key_if", "value_quan": "value_if",
    "attn_quan": "attn_if", "after_attn_quan": "after_attn_if",
}  # fmt: skip


class FixedPointRecipe(SpikeZIPTFQANNRecipe):
    """SpikeZIPTFQANNRecipe with Spike-Softmax and Spike-LayerNorm in fixed point."""

    def convert_module(self, converter: ModuleConverter, ann: nn.Module) -> nn.Module:
        """A new network; `ann` is left alone."""
        snn = super().convert_module(converter, ann)
        for name, module in list(snn.named_modules()):
            if isinstance(module, SpikeZIPLayerNorm):
                snn.set_submodule(name, SpikeFunction(copy.deepcopy(ann.get_submodule(name))))
            elif isinstance(module, SpikeZIPSoftmax):
                snn.set_submodule(name, SpikeFunction(FixedSoftmax()))
        return snn


def convert(model: QuantTransformer) -> nn.Module:
    """The spiking network of a frozen model; UserError if its sums could need over 53 bits, or a
    mask could be too small."""
    bits = exact_bits(model)
    if bits > FLOAT64_BITS:
        raise UserError(
            f"the sums of this network need {bits} bits, float64 holds {FLOAT64_BITS}: its step "
            f"sizes lie too far apart, train with fewer levels or weight_bits"
        )
    recipe = FixedPointRecipe(time_steps=4 * model.config.level, model_family=model.family)
    return ModuleConverter(recipe).convert(model)


def neuron_name(quantiser: str) -> str:
    """The name of the ST-BIF+ neuron that a quantiser becomes."""
    head, _, last = quantiser.rpartition(".")
    return f"{head}.{_NEURON_OF[last]}" if last in _NEURON_OF else quantiser


def reset(snn: nn.Module) -> None:
    """Back to t = 0, no memory of earlier samples."""
    for module in snn.modules():
        if isinstance(module, MemoryModule):
            module.reset()
    if hasattr(snn, "reset"):  # of the family vit
        snn.reset()


@torch.no_grad()
def present(snn: nn.Module, samples: torch.Tensor) -> Iterator[torch.Tensor]:
    """logits(t), float64 (B, classes), for t = 0, 1, ... without end; the network's answer after t
    steps is their sum. samples: of golden.lab.spikezip.quantised_transformer."""
    reset(snn)
    for given in snn.shown(samples):
        yield snn(given)


def exact_bits(model: QuantTransformer) -> int:
    """Bits that hold every sum of the spiking network: log2 of (a bound on every partial sum / the
    grid on which all of them lie), sign included. Coarse: it pairs the worst of all layers."""
    config = model.config
    products = [m for m in model.modules() if isinstance(m, QuantLinear | QuantConv2d)]
    steps = [float(quantiser.s) for quantiser in model.quantisers()]
    fine_weight = min(weight_step(product.weight, product.bits) for product in products)
    scale = (config.dim // config.heads) ** -0.5
    grid = min(
        fine_weight * min(*steps, model.input_step), scale * min(steps) ** 2,
        2.0**-GRID_BITS / config.level,
    )  # fmt: skip
    peak = max(1.0, config.level * max(steps))
    rows = max(float(p.weight.flatten(1).abs().sum(1).max() + p.bias.abs().max()) for p in products)
    embedding = sum(float(part.abs().max()) for part in model.embeddings())
    norms = [m for m in model.modules() if isinstance(m, nn.LayerNorm)]
    norm = max(float(m.weight.abs().max()) * config.dim**0.5 + float(m.bias.abs().max())
               for m in norms)  # fmt: skip
    largest = max(
        peak * (rows + 1), 3 * max(config.tokens, config.dim) * peak**2 + model.largest_mask(),
        embedding + (2 * config.depth + 1) * peak, norm + 1,
    )  # fmt: skip
    # three more bits: the sign, the difference of two such sums, the levels that a neuron takes off
    return math.ceil(math.log2((largest + max(steps)) / min(grid, min(steps) / 2))) + 3
