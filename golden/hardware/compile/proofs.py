# SPDX-License-Identifier: Apache-2.0
"""What has to hold for a compiled network to be exact on the hardware, checked on actual weights.

Every check refuses with the layer, the limit and the value. Bounds are reached by some input, not
estimates: positive and negative weights are summed separately, since any subset of rows may fire.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from golden.contract import ranges
from golden.contract.limits import Excess, deep, largest_residual, refuse, wide
from golden.hardware import isa
from golden.hardware.check import MAX_SHIFT
from golden.hardware.compile.lowering import Layer
from golden.hardware.configuration import MAX_COUNT, SUM_BITS, WEIGHT_WIDTH, Hardware
from golden.hardware.interface import table


def prove(layers: list[Layer], hardware: Hardware, head_bias: np.ndarray | None = None) -> None:
    """Raise UserError for the limits that ``layers`` (before tiling) do not keep.

    ``head_bias`` (classes,) goes with a head layer.
    """
    refuse([possible(excess) for excess in excesses(layers, hardware, head_bias)])


def possible(excess: Excess) -> Excess:
    """``excess``, without a parameter of the hardware if none is large enough."""
    high = next((p.high for p in table.PARAMETERS if p.name == excess.field), excess.least)
    if excess.least <= high:
        return excess
    advice = f"{excess.field} is at most {high}, so use a smaller network"
    return replace(excess, field="", advice=advice)


def excesses(
    layers: list[Layer], hardware: Hardware, head_bias: np.ndarray | None = None
) -> Iterator[Excess]:
    """The limits that ``layers`` (before tiling) do not keep, in order."""
    stream = np.zeros((2, 1), np.int64)  # (low, high) of the residual stream, (2, O)
    shares: dict[str, int] = {}  # the largest value that each layer adds to it
    for layer in layers:
        yield from patch(layer, hardware)
        if layer.mode == isa.MODE_KEY_VALUE:  # a count, of at most N, fits any width
            yield from deep(layer.name, "accumulators per lane", layer.words, "acc_depth",
                            hardware.acc_depth)  # fmt: skip
            continue
        low, high = currents(layer)
        yield from accumulator(layer, low, high, hardware)
        bias = layer.bias << layer.shift
        low, high = low + bias, high + bias
        if layer.mode == isa.MODE_HEAD:
            yield from deep(layer.name, "number of logits, of whole words",
                            layer.words * hardware.lanes, "classes", hardware.classes)  # fmt: skip
        if layer.averaged:
            yield from averaged_logits(layer, stream, head_bias)
        elif layer.mode == isa.MODE_HEAD:
            yield from logits(layer, low, high, head_bias)
        elif layer.mode == isa.MODE_RESIDUAL:
            added = np.stack([low, high])
            stream = stream + added
            shares[layer.name] = int(np.abs(added).max())
            what = largest_residual(layer.name, shares)
            yield from residual(layer, added, stream, what, hardware)


def patch(layer: Layer, hardware: Hardware) -> Iterator[Excess]:
    """The lines of one unit of work fit one half of the patch buffer."""
    if layer.mode == isa.MODE_KEY_VALUE:
        lines = layer.source.tokens
    else:
        lines = layer.taps * layer.source.lines(hardware)
    yield from deep(layer.name, "lines of one patch", lines, "patch_lines", hardware.patch_lines,
                    power_of_two=True)  # fmt: skip


def currents(layer: Layer) -> tuple[np.ndarray, np.ndarray]:
    """(low, high) of the current of every output column, shifted as the lanes do, before the
    bias."""
    if layer.weight is None:  # counts of at most N, for every active query
        high = np.full(layer.bias.shape, min(layer.source.tokens, MAX_COUNT) * layer.head_dim)
        return np.zeros_like(high), high
    weight = layer.weight << layer.shift
    if layer.planes:  # bit b of a value counts 2**b
        weight = weight << layer.planes.bit[:, None]
    steps = layer.source.steps if layer.merge else 1  # all go into one accumulation
    return np.minimum(weight, 0).sum((0, 1)) * steps, np.maximum(weight, 0).sum((0, 1)) * steps


def accumulator(
    layer: Layer, low: np.ndarray, high: np.ndarray, hardware: Hardware
) -> Iterator[Excess]:
    """Weights are int8; sums ``low`` to ``high`` of them fit, before and with the bias."""
    if layer.weight is not None and np.abs(layer.weight + 0.5).max() > 1 << WEIGHT_WIDTH - 1:
        yield Excess(layer.name, "largest weight", int(np.abs(layer.weight).max()),
                     (1 << WEIGHT_WIDTH - 1) - 1, advice="quantise it to int8")  # fmt: skip
    field, now, bias = "acc_width", hardware.acc_width, layer.bias << layer.shift
    reach = max(high.max(), -low.min())
    yield from wide(layer.name, "largest sum of weights", reach, field, now, 2)
    reach = max((high + bias).max(), -(low + bias).min())
    yield from wide(layer.name, "largest current", reach, field, now, 2)
    yield from wide(layer.name, "largest bias", np.abs(bias).max(), field, now)


def residual(
    layer: Layer, added: np.ndarray, stream: np.ndarray, what: str, hardware: Hardware
) -> Iterator[Excess]:
    """A current ``added`` (2, O), whose weights are shifted by at most seven bits, and the
    ``stream`` with it fit; ``what``: the words for the largest value of the stream."""
    planes = layer.planes
    what_shifts = "shift" if planes is None else "shift, with that of the image's highest bit,"
    shift = layer.shift + (0 if planes is None else int(planes.bit.max()))
    if shift > MAX_SHIFT:
        yield Excess(layer.name, what_shifts, shift, MAX_SHIFT,
                     advice="use fewer fraction bits in the residual stream")  # fmt: skip
    field, now = "stream_width", hardware.stream_width
    yield from wide(layer.name, "largest shifted current", np.abs(added).max(), field, now, 0)
    yield from wide(layer.name, what, np.abs(stream).max(), field, now)
    yield from residual_depth(layer, hardware)


def residual_depth(layer: Layer, hardware: Hardware) -> Iterator[Excess]:
    """The residual stream behind a layer has room."""
    words = -(-layer.source.tokens // hardware.groups) * layer.words * layer.source.steps
    yield from deep(layer.name, "residual words per bank", words, "stream_depth",
                    hardware.stream_depth)  # fmt: skip


def saturated(counts: np.ndarray) -> np.ndarray:
    """``counts`` of K^T V as the int8 weights that the hardware keeps of them.

    No spike changes, whatever the number of tokens. The attention's current is the sum of the
    counts c_k >= 0 of those k whose query fires, and its neuron fires at theta2 = 8 on their grid:

    * if all these c_k <= MAX_COUNT, the sum is the same;
    * else one of them is at least MAX_COUNT >= 8 in both sums, and so are the sums. The membrane
      potential is never negative, so the neuron fires with either sum, and is at rest afterwards.

    So spikes and membrane potentials are equal after every timestep.
    """
    return np.minimum(counts, MAX_COUNT)


def logits(layer: Layer, low, high, bias: np.ndarray) -> Iterator[Excess]:
    """The logits are 32 bits."""
    tokens = layer.source.tokens
    low, high = low[: len(bias)] * tokens + bias, high[: len(bias)] * tokens + bias
    yield from within_32_bits("largest logit", max(high.max(), -low.min()))


def averaged_logits(layer: Layer, stream: np.ndarray, bias: np.ndarray) -> Iterator[Excess]:
    """The sums of a stream within ``stream`` (2, O) are 32 bits, and so are the logits."""
    sums = stream * layer.averaged.tokens * layer.averaged.steps
    yield from within_32_bits("largest sum of the residual", np.abs(sums).max())
    weight = layer.weight[0, : sums.shape[1], : len(bias)].T
    largest = ranges.logits(weight, bias, *(sums >> SUM_BITS - layer.source.steps))
    yield from within_32_bits("largest logit", largest)


def within_32_bits(what: str, largest: int) -> Iterator[Excess]:
    """Of the head."""
    limit = (1 << SUM_BITS - 1) - 1
    if largest > limit:
        yield Excess("head", what, int(largest), limit, advice="use fewer timesteps or tokens")
