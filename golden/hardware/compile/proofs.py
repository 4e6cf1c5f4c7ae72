# SPDX-License-Identifier: Apache-2.0
"""What has to hold for a compiled network to be exact on the hardware, checked on actual weights.

Every check refuses with the layer, the limit and the value. Bounds are reached by some input, not
estimates: positive and negative weights are summed separately, since any subset of rows may fire.
"""

import numpy as np

from golden.contract import ranges
from golden.contract.errors import UserError
from golden.hardware import isa
from golden.hardware.check import MAX_SHIFT
from golden.hardware.compile.lowering import Layer
from golden.hardware.configuration import MAX_COUNT, SUM_BITS, WEIGHT_WIDTH, Hardware


def prove(layers: list[Layer], hardware: Hardware, head_bias: np.ndarray | None = None) -> None:
    """Raise UserError for the first limit that ``layers`` (before tiling) do not keep.

    ``head_bias`` (classes,) goes with a head layer.
    """
    stream = 0  # (low, high) of the residual stream, (2, O)
    for layer in layers:
        patch(layer, hardware)
        if layer.mode == isa.MODE_KEY_VALUE:
            key_value(layer, hardware)
            continue
        low, high = accumulator(layer, hardware)
        if layer.averaged:
            averaged_logits(layer, stream, head_bias)
        elif layer.mode == isa.MODE_HEAD:
            logits(layer, low, high, head_bias)
        elif layer.mode == isa.MODE_RESIDUAL:
            shift(layer)
            added = np.stack([low, high]) << layer.shift
            limit = 1 << hardware.stream_width - 1
            check(layer, "largest shifted current", np.abs(added).max(), 2 * limit - 1,
                  "stream_width", hardware)  # fmt: skip
            stream = np.stack([np.minimum(low << layer.shift, 0), np.maximum(added[1], 0)]) + stream
            check(layer, "largest residual", np.abs(stream).max(), limit - 1, "stream_width",
                  hardware)  # fmt: skip
            words = -(-layer.source.tokens // hardware.groups) * layer.words * layer.source.steps
            check(layer, "residual words per bank", words, hardware.stream_depth, "stream_depth",
                  hardware)  # fmt: skip


def check(layer: Layer, what: str, value, limit: int, field: str, hardware: Hardware) -> None:
    """Refuse a ``value`` above ``limit``, which comes from the hardware's ``field``."""
    if value > limit:
        raise UserError(
            f"{layer.name}: {what} is {int(value)}, the limit with {field}="
            f"{getattr(hardware, field)} is {limit}; use hardware with a larger {field} or a "
            "smaller network"
        )


def shift(layer: Layer) -> None:
    """The group shifts a current by at most seven bits."""
    if layer.shift > MAX_SHIFT:
        raise UserError(
            f"{layer.name}: shift is {layer.shift}, the largest is {MAX_SHIFT}; use fewer fraction "
            "bits in the residual stream"
        )


def patch(layer: Layer, hardware: Hardware) -> None:
    """The lines of one unit of work fit one half of the patch buffer."""
    if layer.mode == isa.MODE_KEY_VALUE:
        lines = layer.source.tokens
    else:
        lines = layer.taps * layer.source.lines(hardware)
    check(layer, "lines of one patch", lines, hardware.patch_lines, "patch_lines", hardware)


def accumulator(layer: Layer, hardware: Hardware) -> tuple[np.ndarray, np.ndarray]:
    """(low, high) of the current X of every output column."""
    limit = (1 << hardware.acc_width - 2) - 1
    if layer.weight is None:  # counts of at most N, for every active query
        high = np.full(layer.bias.shape, min(layer.source.tokens, MAX_COUNT) * layer.head_dim)
        low = np.zeros_like(high)
    else:
        weight = layer.weight
        if np.abs(weight + 0.5).max() > 1 << WEIGHT_WIDTH - 1:
            raise UserError(
                f"{layer.name}: weight {np.abs(weight).max()} does not fit int{WEIGHT_WIDTH}"
            )
        if layer.planes:  # bit b of a value counts 2**b
            weight = weight << layer.planes.bit[:, None]
        low, high = np.minimum(weight, 0).sum((0, 1)), np.maximum(weight, 0).sum((0, 1))
        if layer.merge:  # all steps go into one accumulation
            low, high = low * layer.source.steps, high * layer.source.steps
    check(layer, "largest sum of weights", max(high.max(), -low.min()), limit, "acc_width",
          hardware)  # fmt: skip
    low, high = low + layer.bias, high + layer.bias
    check(layer, "largest current", max(high.max(), -low.min()), limit, "acc_width", hardware)
    check(layer, "largest bias", np.abs(layer.bias).max(), 2 * limit + 1, "acc_width", hardware)
    return low, high


def key_value(layer: Layer, hardware: Hardware) -> None:
    """One block of counts fits the accumulators; a count, of at most N, does so in any width."""
    check(layer, "accumulators per lane", layer.words, hardware.acc_depth, "acc_depth", hardware)


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


def logits(layer: Layer, low, high, bias: np.ndarray) -> None:
    """The logits are 32 bits."""
    tokens = layer.source.tokens
    low, high = low[: len(bias)] * tokens + bias, high[: len(bias)] * tokens + bias
    logit(max(high.max(), -low.min()))


def averaged_logits(layer: Layer, stream: np.ndarray, bias: np.ndarray) -> None:
    """The sums of a stream within ``stream`` (2, O) are 32 bits, and so are the logits."""
    sums = stream * layer.averaged.tokens * layer.averaged.steps
    largest = np.abs(sums).max()
    if largest >= 1 << SUM_BITS - 1:
        raise UserError(
            f"head: largest sum of the residual is {largest}, the limit is "
            f"{(1 << SUM_BITS - 1) - 1}; use fewer timesteps or tokens"
        )
    weight = layer.weight[0, : sums.shape[1], : len(bias)].T
    logit(ranges.logits(weight, bias, *(sums >> SUM_BITS - layer.source.steps)))


def logit(largest: int) -> None:
    """The logits are 32 bits."""
    if largest >= 1 << 31:
        raise UserError(f"head: largest logit is {largest}, the limit is {(1 << 31) - 1}")
