# SPDX-License-Identifier: Apache-2.0
"""The definition: a quantised Spikingformer executed on integers, every layer kept.

Arrays are (B, T, N, C): image, timestep, token in raster order, channel. Every product has a spike
or a pixel bit pattern on one side, so the hardware does the same with additions only.
"""

from dataclasses import dataclass, field

import numpy as np

from golden.contract.errors import UserError
from golden.contract.network import NetworkConfig, QuantNetwork, ResidualLayer, SpikeLayer
from golden.contract.neuron import lif, start

ATTENTION_THETA2 = 8  # scale 1/8, threshold 0.5: twice 0.5 on the grid of the counts


@dataclass
class Trace:
    """Everything an inference produces.

    ``current[name]`` int64 and ``spike[name]`` uint8 are (B, T, N, C); residual layers have the
    stream after their addition in ``current`` and the LIF on it in ``spike``. ``pooled`` holds the
    spikes after an OR-pool. ``logits`` is (B, classes), ``label`` (B,) the lowest arg max.
    """

    current: dict[str, np.ndarray] = field(default_factory=dict)
    spike: dict[str, np.ndarray] = field(default_factory=dict)
    pooled: dict[str, np.ndarray] = field(default_factory=dict)
    key_value: dict[str, np.ndarray] = field(default_factory=dict)  # (B, T, heads, d, d) counts
    logits: np.ndarray | None = None
    label: np.ndarray | None = None


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Exact integer product. Uses float64 BLAS: sums of |w| <= 128 times |x| <= 255 over fewer
    than 2**37 terms stay below 2**53, where float64 adds integers without rounding, as do those
    times |x| < 2**32 (a stream summed up) over fewer than 2**14."""
    return (a.astype(np.float64) @ b.astype(np.float64)).astype(np.int64)


def patches(x: np.ndarray, height: int, width: int) -> np.ndarray:
    """(B, T, H*W, C) -> (B, T, H*W, 9*C), the zero-padded 3x3 neighbourhood, tap-major."""
    b, t, _, c = x.shape
    padded = np.pad(x.reshape(b, t, height, width, c), ((0, 0), (0, 0), (1, 1), (1, 1), (0, 0)))
    taps = [padded[:, :, y : y + height, x0 : x0 + width] for y in range(3) for x0 in range(3)]
    return np.concatenate(taps, -1).reshape(b, t, height * width, 9 * c)


def or_pool(spikes: np.ndarray, height: int, width: int) -> np.ndarray:
    """MaxPool k3 s2 p1 on spikes (B, T, H*W, C): the OR of the neighbourhood of even pixels."""
    b, t, _, c = spikes.shape
    windows = patches(spikes, height, width).reshape(b, t, height, width, 9, c)
    pooled = windows[:, :, ::2, ::2].max(axis=4)
    return pooled.reshape(b, t, -1, c)


def rows_of(weight: np.ndarray) -> np.ndarray:
    """Weight (O, I) or (O, I, 3, 3) as rows (K, O), K = tap-major, input channel inner."""
    if weight.ndim == 2:
        return weight.T
    return weight.transpose(2, 3, 1, 0).reshape(-1, weight.shape[0])


def apply(layer: SpikeLayer | ResidualLayer, x: np.ndarray, size=None) -> np.ndarray:
    """Current of ``layer`` for input ``x`` (B, T, N, I); ``size`` is (H, W) for a convolution."""
    if layer.weight.ndim == 4:
        x = patches(x, *size)
    return matmul(x, rows_of(layer.weight)) + layer.bias


def fire(current: np.ndarray, theta2) -> np.ndarray:
    """LIF along axis 1 (time) of (B, T, N, C)."""
    return lif(current.swapaxes(0, 1), theta2).swapaxes(0, 1)


def attention(q, k, v, heads: int):
    """(Q (K^T V), K^T V) as integer counts for spikes (B, T, N, D)."""
    b, t, n, dim = q.shape

    def split(x):
        return x.reshape(b, t, n, heads, dim // heads).transpose(0, 1, 3, 2, 4).astype(np.int64)

    q, k, v = split(q), split(k), split(v)
    key_value = matmul(k.swapaxes(-1, -2), v)
    return matmul(q, key_value).transpose(0, 1, 3, 2, 4).reshape(b, t, n, dim), key_value


def frames(config: NetworkConfig, images: np.ndarray) -> np.ndarray:
    """The input uint8 (B, T, N, C) of ``images`` (B, C, H, W) or (B, T, C, H, W); T is 1 for what
    all timesteps see. The constant of a normalised network is one more channel, the last. Raises
    UserError for another shape and for values out of range.
    """
    expected = config.input_shape
    if images.dtype != np.uint8 or images.ndim < 4 or images.shape[1:] != expected:
        raise UserError(
            f"images are {images.dtype} {images.shape}, the network takes uint8 (B, "
            + ", ".join(map(str, expected))
            + ")"
        )
    if images.size and images.max() > config.input_max:
        raise UserError(
            f"images reach {images.max()}, the network takes {config.input_bits} bits: clip them "
            f"to {config.input_max}"
        )
    x = images.reshape(len(images), config.input_timesteps, config.in_channels, -1)
    x = x.swapaxes(2, 3)
    if config.constant_bit is None:
        return x
    return np.concatenate([x, np.full_like(x[..., :1], 1 << config.constant_bit)], axis=-1)


def forward(network: QuantNetwork, images: np.ndarray) -> Trace:
    """Run ``images`` uint8 (B, C, H, W), or frames (B, T, C, H, W), through ``network`` and keep
    every intermediate."""
    config = network.config
    trace, steps = Trace(), config.timesteps
    x = frames(config, images)
    if network.encoder:
        first = start(config.height, config.width, network.encoder_charge)
        x = _spike(trace, "encoder", network.encoder, x, None, steps, first)
    for i, layer in enumerate([*network.tokenizer, network.patch]):
        name = f"tokenizer.{i}"
        if i in config.pooled_stages:
            x = trace.pooled[f"tokenizer.{i - 1}"] = or_pool(x, *config.size_into(i - 1))
        if isinstance(layer, SpikeLayer):
            x = _spike(trace, name, layer, x, config.size_into(i), steps)
        else:
            residual = apply(layer, x, config.size_into(i)) << layer.shift
            x = _stream(trace, name, residual, config)

    for i, block in enumerate(network.blocks):
        spikes = {}
        for part in "qkv":
            name, layer = f"blocks.{i}.{part}", getattr(block, part)
            trace.current[name] = apply(layer, x)
            spikes[part] = trace.spike[name] = fire(trace.current[name], layer.theta2)
        name = f"blocks.{i}.attention"
        trace.current[name], trace.key_value[name] = attention(**spikes, heads=config.heads)
        x = trace.spike[name] = fire(trace.current[name], ATTENTION_THETA2)
        residual = residual + (apply(block.proj, x) << block.proj.shift)
        x = _stream(trace, f"blocks.{i}.proj", residual, config)

        name = f"blocks.{i}.mlp1"
        trace.current[name] = apply(block.mlp1, x)
        x = trace.spike[name] = fire(trace.current[name], block.mlp1.theta2)
        residual = residual + (apply(block.mlp2, x) << block.mlp2.shift)
        x = _stream(trace, f"blocks.{i}.mlp2", residual, config)

    x = x if config.head_fires else residual
    summed = x.sum((1, 2), dtype=np.int64) >> network.head_shift
    trace.logits = matmul(summed, network.head_weight.T) + network.head_bias
    trace.label = trace.logits.argmax(1)
    return trace


def _spike(
    trace: Trace, name: str, layer: SpikeLayer, x, size, steps: int, first: np.ndarray | int = 0
) -> np.ndarray:
    """Spikes of a layer in front of the stream. An image is the same at every timestep: the current
    is computed once. first: (N,), what the first timestep has in addition."""
    current = apply(layer, x, size)
    trace.current[name] = np.repeat(current, steps // current.shape[1], axis=1)
    trace.current[name][:, 0] += np.reshape(first, (-1, 1))
    trace.spike[name] = fire(trace.current[name], layer.theta2)
    return trace.spike[name]


def _stream(trace: Trace, name: str, residual: np.ndarray, config) -> np.ndarray:
    trace.current[name] = residual
    trace.spike[name] = fire(residual, config.residual_theta2)
    return trace.spike[name]
