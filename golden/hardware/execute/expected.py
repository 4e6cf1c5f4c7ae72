# SPDX-License-Identifier: Apache-2.0
"""What the hardware must do, layer by layer, derived from the integer model's trace.

Arrays are in hardware order, (units, steps, words, lanes) per image: the numbering of the trace
ports of ``psf_accel``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from golden.contract.model import Trace, forward, matmul, patches
from golden.contract.network import QuantNetwork
from golden.contract.neuron import start
from golden.hardware import isa
from golden.hardware.compile import average
from golden.hardware.compile.compiled import CompiledLayer, Program
from golden.hardware.compile.lowering import Layer
from golden.hardware.compile.proofs import saturated
from golden.hardware.workload.layer import BareLayer


@dataclass
class LayerExpectation:
    """One image through one layer.

    ``spikes`` uint8 (before a pool) is None where the hardware fires none; ``value`` int64 is the
    current X (attention: of saturated counts, golden.hardware.compile.proofs.saturated), the
    residual R, the counts (key-value) or the sums of one token (head). ``rows`` is
    the number of windows of timesteps and input bits that have a row and are active at least once
    (key-value: of V words that are asked for),
    ``row_adds`` the weight words they cost, ``useful`` the (active bit, non-zero weight) pairs and
    ``pattern_adds`` those that are left of them if a window counts as one bit; rows of an inverted
    layer are those of the inputs that do not fire. ``reads`` are those
    of a lane's accumulators by the drain: of every output word the patterns that occur in a window,
    at least one.
    """

    spikes: np.ndarray | None
    value: np.ndarray
    rows: int
    row_adds: int
    useful: int
    pattern_adds: int
    reads: int


@dataclass
class ImageExpectation:
    """A job, of one image or of those of a batch: a LayerExpectation per hardware layer, and label
    and logits by image; without a head there are none."""

    layers: list[LayerExpectation]
    stored: list[tuple[int, np.ndarray]]

    @property
    def label(self) -> int | None:
        """Of the first image."""
        return self.stored[0][0] if self.stored else None

    @property
    def logits(self) -> np.ndarray:
        """Of the first image."""
        return self.stored[0][1] if self.stored else np.zeros(0, np.int64)

    @property
    def useful(self) -> int:
        return sum(layer.useful for layer in self.layers)

    @property
    def pattern_adds(self) -> int:
        return sum(layer.pattern_adds for layer in self.layers)


def expectations(program: Program, network: QuantNetwork, images: np.ndarray):
    """An ImageExpectation per job for ``images`` uint8 (B, C, H, W) or frames (B, T, C, H, W):
    for every image, or for every ``program.images``, the last ones filled up with blank images.
    """
    missing = -len(images) % program.images
    images = np.pad(images, [(0, missing)] + [(0, 0)] * (images.ndim - 1))
    trace = forward(network, images)
    return [
        ImageExpectation(
            [_layer(c, trace, network, images, first) for c in program.layers],
            [(int(trace.label[b]), trace.logits[b]) for b in range(first, first + program.images)],
        )
        for first in range(0, len(images), program.images)
    ]


def layer_list_expectation(program: Program, layers: Sequence[BareLayer]) -> ImageExpectation:
    """What every hardware layer of a list must do; there are no logits."""
    known = {x.name: (x.recording.tokens, *x.run()) for x in layers}
    expected = [spiking(c, *known[c.layer.parts[0]]) for c in program.layers]
    return ImageExpectation(expected, [])


def _layer(compiled: CompiledLayer, trace: Trace, network, images, first) -> LayerExpectation:
    """What a layer does in the job whose images are those from ``first`` on."""
    layer, one = compiled.layer, compiled.single
    own = range(first + layer.image, first + layer.image + layer.images)
    parts = [_image(one, trace, network, images, b) for b in own]
    if len(parts) == 1:
        return parts[0]
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("spikes", "value")
    }
    counts = ("rows", "row_adds", "useful", "pattern_adds", "reads")
    return LayerExpectation(
        **joined, **{name: sum(getattr(part, name) for part in parts) for name in counts}
    )


def _image(compiled: CompiledLayer, trace: Trace, network, images, b) -> LayerExpectation:
    """Image ``b`` through a layer that works on one."""
    layer, shape = compiled.layer, compiled.shape
    lanes = layer.bias.size // layer.words if layer.bias is not None else 0
    if layer.mode == isa.MODE_KEY_VALUE:
        counts, useful, spikes = _key_value(layer, trace, b)
        row_adds = spikes * layer.head_words  # every V word is issued on its own
        return LayerExpectation(
            None, counts, row_adds, row_adds, useful, useful, counts.shape[0] * counts.shape[2]
        )
    if layer.averaged:
        x = averaged(compiled, trace, network, b)
        value = matmul(x, layer.weight[0]).transpose(1, 0, 2)
        return LayerExpectation(None, value.reshape(*shape, lanes), *_counts(compiled, x))
    counts = _activity(compiled, trace, network.config, images[b], b)
    if layer.mode == isa.MODE_HEAD:
        x = _source(layer, trace, b).sum(0)  # (N, D)
        value = matmul(x, layer.weight[0, : x.shape[1]])
        return LayerExpectation(None, value.reshape(*shape, lanes), *counts)
    if layer.weight is None:
        current = _attention(layer, trace, b)
    else:
        current = np.concatenate([trace.current[p][b] for p in layer.parts], axis=-1)  # (T, N, O)
    spike = np.concatenate([trace.spike[p][b] for p in layer.parts], axis=-1)
    value = _ordered(compiled, current)
    if layer.charge:  # of columns without a channel, too
        first = start(layer.map_height, layer.source.width, layer.charge)[layer.pixels]
        empty = np.where(layer.columns < 0, 1, 0).reshape(value.shape[2:])
        value[:, 0] += empty * first[:, None, None]
    return LayerExpectation(_ordered(compiled, spike), value, *counts)


def spiking(
    compiled: CompiledLayer, x: np.ndarray, current: np.ndarray, spikes: np.ndarray
) -> LayerExpectation:
    """A dense layer for input spikes ``x`` (T, N, C), with outputs (T, N, O)."""
    ordered = _ordered(compiled, spikes), _ordered(compiled, current)
    return LayerExpectation(*ordered, *_counts(compiled, x))


def _ordered(compiled: CompiledLayer, x: np.ndarray) -> np.ndarray:
    """Outputs (T, N, O) in hardware order."""
    columns, pixels = compiled.layer.columns, compiled.layer.pixels
    if compiled.layer.pair:  # the outputs of the right pixel behind those of the left one
        x = x.reshape(len(x), -1, 2, x.shape[-1])[:, pixels]
        left, right = np.split(columns, 2)
        x = np.concatenate([x[:, :, 0, left], x[:, :, 1, right]], axis=-1)
        x = np.where(columns >= 0, x, 0)
    else:
        x = np.where(columns >= 0, x[:, pixels, columns], 0)
    return x.transpose(1, 0, 2).reshape(*compiled.shape, -1)


def _attention(layer: Layer, trace: Trace, b: int) -> np.ndarray:
    """Current (T, N, D) of Q on the counts as the weight banks hold them."""
    q = trace.spike[layer.origin.removesuffix("attention") + "q"][b]
    weight = saturated(trace.key_value[layer.origin][b])  # (T, h, d, d)
    by_head = q.reshape(*q.shape[:2], layer.heads, -1).swapaxes(1, 2)
    return matmul(by_head, weight).swapaxes(1, 2).reshape(q.shape)


def _source(layer: Layer, trace: Trace, b: int) -> np.ndarray:
    """Input spikes (T, N, C) of a layer that reads one tensor of the trace."""
    name = layer.source.map
    return (trace.pooled if layer.source.pooled else trace.spike)[name][b]


def averaged(
    compiled: CompiledLayer, trace: Trace, network: QuantNetwork, b: int = 0
) -> np.ndarray:
    """Input spikes (planes, 1, C) of a head that sees the sums of the stream."""
    sums = trace.current[compiled.layer.averaged.name][b].sum((0, 1))
    lanes = compiled.layer.bias.size // compiled.layer.words
    return average.spikes(np.pad(sums, (0, -len(sums) % lanes)), network.head_shift, lanes)[:, None]


def _activity(
    compiled: CompiledLayer, trace: Trace, config, image, b
) -> tuple[int, int, int, int, int]:
    """(rows, row_adds, useful, pattern_adds, reads) of a layer that scans spikes."""
    layer = compiled.layer
    if layer.weight is None:  # Q on the counts: (T, N, D) x (T, h, d, d)
        q = trace.spike[layer.origin.removesuffix("attention") + "q"][b]
        fired = q.sum(1, dtype=np.int64)  # (T, D)
        pairs = np.count_nonzero(trace.key_value[layer.origin][b], axis=-1)  # (T, h, d)
        rows = int(fired.sum())
        useful = int((fired * pairs.reshape(fired.shape)).sum())
        reads = q.shape[0] * q.shape[1] * layer.words
        return rows, rows * layer.head_words, useful, useful, reads
    x = layer.planes.spikes(config, image[None])[0] if layer.planes else _source(layer, trace, b)
    return _counts(compiled, x)


def _counts(compiled: CompiledLayer, x: np.ndarray) -> tuple[int, int, int, int, int]:
    """(rows, row_adds, useful, pattern_adds, reads) for input spikes ``x`` (T, N, C)."""
    layer = compiled.layer
    if layer.taps == 9:
        x = patches(x[None], layer.map_height, layer.source.width)[0]
    x = x[:, layer.pixels]
    packed, steps = compiled.packed, np.arange(0, len(x), layer.window)

    def windows(x: np.ndarray) -> np.ndarray:
        """In which an input is active at least once, (taps, C)."""
        return np.maximum.reduceat(x, steps).sum((0, 1), dtype=np.int64).reshape(layer.taps, -1)

    fired = x.sum((0, 1), dtype=np.int64).reshape(layer.taps, -1)
    useful, pattern_adds = fired * packed.useful, windows(x) * packed.useful
    x = x ^ layer.inverted
    issued = windows(x) * (packed.length > 0)  # the others are masked
    sums = issued, issued * packed.length, useful, pattern_adds
    rows, row_adds, useful, pattern_adds = (int(x.sum()) for x in sums)
    drains = x.shape[1] if layer.merge else _patterns(x, packed.length.ravel() > 0, layer.window)
    return rows, row_adds, useful, pattern_adds, drains * layer.words


def _patterns(x: np.ndarray, known: np.ndarray, window: int) -> int:
    """Patterns of ``x`` (T, N, K) in all tokens and windows, at least one in each; ``known`` (K,):
    the inputs that have a row."""
    total = 0
    for first in range(0, len(x), window):
        inside = x[first : first + window] * known
        pattern = sum(spikes << bit for bit, spikes in enumerate(inside))
        found = sum((pattern == p).any(-1).astype(np.int64) for p in range(1, 1 << len(inside)))
        total += int(np.maximum(found, 1).sum())
    return total


def _key_value(layer: Layer, trace: Trace, b: int) -> tuple[np.ndarray, int, int]:
    """(counts (blocks*T, 1, entries, P), useful adds, K spikes): one unit per (block, step)."""
    name = layer.origin.removesuffix(".key_value")
    counts = trace.key_value[name][b]  # (T, h, d, d)
    steps, heads, d, _ = counts.shape
    m = layer.head_words
    lanes = layer.words // (m * m)
    size = layer.blocks * m * lanes
    full = np.zeros((steps, size, size), np.int64)  # zero between heads
    for h in range(heads):
        full[:, h * d : (h + 1) * d, h * d : (h + 1) * d] = counts[:, h]
    edges = range(0, size, m * lanes)
    value = np.stack([full[:, e : e + m * lanes, e : e + m * lanes] for e in edges])
    value = value.reshape(layer.blocks * steps, 1, layer.words, lanes)
    prefix = name.removesuffix("attention")
    k = trace.spike[prefix + "k"][b].reshape(steps, -1, heads, d).sum(-1, dtype=np.int64)
    v = trace.spike[prefix + "v"][b].reshape(steps, -1, heads, d).sum(-1, dtype=np.int64)
    return value, int((k * v).sum()), int(k.sum())
