# SPDX-License-Identifier: Apache-2.0
"""Cycles of an inference without RTL: a model of groups, banks and drains on real spikes.

Modelled: the loads in front of the first layer, then per layer, cycle by cycle, what
golden.hardware.groups plays on the words that the scanners find: tokens handed to free groups,
rows once per window of timesteps, row lengths as packed, drains by the patterns that occur, patch
fetches. Not modelled: loads that later layers wait for, groups that meet in a bank of the spike
memory, the residual stream or the line writer, the sums of a head on the stream. How far it is from
the RTL: docs/reference/pipeline.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from golden.contract.model import Trace, forward, patches
from golden.contract.network import QuantNetwork
from golden.contract.progress import over
from golden.hardware import isa
from golden.hardware.compile.compiled import CompiledLayer, Program
from golden.hardware.compile.lowering import Layer
from golden.hardware.compile.schedule import loading
from golden.hardware.configuration import Hardware
from golden.hardware.execute.expected import averaged, expectations
from golden.hardware.groups import Accumulation, Token, Word, play


@dataclass
class Cycles:
    """One job. ``useful`` adds are (active input bit, non-zero weight) pairs, ``pattern_adds``
    what is left of them if a bit counts once per window of timesteps."""

    layers: dict[str, int]
    start: int
    useful: int
    pattern_adds: int
    pes: int

    @property
    def total(self) -> int:
        return self.start + sum(self.layers.values())

    @property
    def limit_ratio(self) -> float:
        """Cycles over useful adds per PE."""
        return self.total / (self.useful / self.pes)

    @property
    def pattern_ratio(self) -> float:
        """Cycles over pattern adds per PE."""
        return self.total / (self.pattern_adds / self.pes)


def cycles(program: Program, network: QuantNetwork, images: np.ndarray) -> list[Cycles]:
    """What every job, of one of ``images`` uint8 (B, C, H, W) or as many as ``program`` takes at a
    time, takes on ``program.hardware``."""
    out = []
    start, each = loading(program), program.images
    jobs = [images[i : i + each] for i in range(0, len(images), each)]
    for job in over(jobs, "counting cycles", "jobs", len(jobs)):
        job = np.pad(job, [(0, each - len(job))] + [(0, 0)] * (job.ndim - 1))
        trace = forward(network, job)
        (expected,) = expectations(program, network, job)
        layers = {
            compiled.name: layer_cycles(compiled, trace, network, job, program.hardware)
            for compiled in program.layers
        }
        adds = expected.useful, expected.pattern_adds
        out.append(Cycles(layers, start, *adds, program.hardware.pes))
    return out


def layer_cycles(
    compiled: CompiledLayer, trace: Trace, network: QuantNetwork, images: np.ndarray, h: Hardware
) -> int:
    """Cycles of one layer for the job of ``images``, whose trace this is."""
    layer, one = compiled.layer, compiled.single
    own = range(layer.image, layer.image + layer.images)
    if layer.mode == isa.MODE_KEY_VALUE:
        return _key_value(layer, trace, h)
    found = (_found(one, trace, network, images, b) for b in own)
    tokens = chain.from_iterable(_tokens(one.layer, x, rows, h) for x, rows in found)
    return play(tokens, h, *(compiled.fields.get(f, 0) for f in ("row_cost", "rows_ahead")))


def _found(
    compiled: CompiledLayer, trace: Trace, network: QuantNetwork, images: np.ndarray, b: int
) -> tuple[np.ndarray, np.ndarray]:
    """What the scanners see of image ``b``, (T, N, taps * C), and the lengths of the rows."""
    layer = compiled.layer
    length = compiled.packed.length if layer.weight is not None else None
    if length is None:  # Q on the counts: every row m words
        x = trace.spike[layer.origin.removesuffix("attention") + "q"][b]
        length = np.full((1, x.shape[2]), layer.head_words)
    elif layer.planes:
        x = layer.planes.spikes(network.config, images[b : b + 1])[0]
    elif layer.averaged:
        x = averaged(compiled, trace, network, b)
    else:
        source = trace.pooled if layer.source.pooled else trace.spike
        x = source[layer.source.map][b]
    if layer.taps == 9:
        x = patches(x[None], layer.map_height, layer.source.width)[0]
    return x[:, layer.pixels] ^ layer.inverted, length


def _tokens(layer: Layer, x: np.ndarray, length: np.ndarray, h: Hardware) -> Iterator[Token]:
    """What the scanners find in x (T, N, taps * C); words without a row are left out. In a token
    every timestep lies where the layout has it, and a head with ``merge`` has one accumulation.
    """
    taps, channels = length.shape
    source, w = layer.source, layer.window
    words = -(-channels // h.lanes)
    flat = np.arange(taps * channels)
    tap, channel = flat // channels, flat % channels
    bank = ((channel + tap) % h.banks).tolist()
    word = (tap * words + channel // h.lanes).tolist()
    cost = length.reshape(-1)
    lines = source.lines(h)
    inside = _inside(layer)
    for token in range(x.shape[1]):
        valid = [t for t in range(taps) if inside[token] >> t & 1]
        order = {t: i for i, t in enumerate(valid)}
        accumulations = []
        for first in range(0, len(x), w):
            window = x[first : first + w, token]
            pattern = (1 << np.arange(len(window))) @ np.where(cost > 0, window, 0)
            rows: dict[int, list[list[int]]] = {}
            for k in np.flatnonzero(pattern).tolist():
                found = rows.setdefault(word[k], [[] for _ in range(h.banks)])
                found[bank[k]].append(int(cost[k]))
            found, silent = [], 0
            for t in valid:
                line, empty = None, False
                for j in range(words):
                    at = (
                        order[t] * lines
                        + int(source.place(first, layer.in_first + j)) // h.line_words
                    )
                    if at != line:
                        silent += empty
                        line, empty = at, True
                    if t * words + j in rows:
                        found.append(Word(rows[t * words + j], silent, at))
                        silent, empty = 0, False
                silent += empty
            if not found:
                found.append(Word([[] for _ in range(h.banks)], silent, 0))
            accumulations.append(Accumulation(found, layer.words * _reads(pattern, len(window))))
        if layer.merge:
            merged = [word for a in accumulations for word in a.words]
            accumulations = [Accumulation(merged, layer.words)]
        elif layer.repeats:
            accumulations[0].reads = layer.words * layer.target.steps
        yield Token(accumulations, len(valid) * lines)


def _inside(layer: Layer) -> list[int]:
    """The taps inside the image, a bit each, of every token."""
    height, width = layer.map_height, layer.source.width
    if layer.taps == 1 or layer.inverted:
        return [(1 << layer.taps) - 1] * layer.units
    edge = np.pad(np.ones((height, width), np.int64), 1)
    bits = sum(edge[y : y + height, x : x + width] << 3 * y + x for y in range(3) for x in range(3))
    return bits.ravel()[layer.pixels].tolist()


def _reads(pattern: np.ndarray, steps: int) -> int:
    """Cycles of the drain per word: those of psf_drain. A timestep leaves a cycle after the other,
    and before the next word's first pattern with it is read."""
    touched = np.unique(pattern[pattern > 0])
    later = np.arange(len(touched), 0, -1)
    return int(max([steps, *(np.floor(np.log2(touched)).astype(int) + later)]))


def _key_value(layer, trace: Trace, h: Hardware) -> int:
    """Every K spike adds the m V words of its token; a unit is a (head block, timestep) pair."""
    k = trace.spike[layer.origin.removesuffix("attention.key_value") + "k"][layer.image]
    steps, tokens, dim = k.shape
    width = layer.head_words * h.lanes
    k = np.pad(k, ((0, 0), (0, 0), (0, layer.blocks * width - dim)))
    spikes = k.reshape(steps, tokens, layer.blocks, width).sum(-1, dtype=np.int64)
    work = np.maximum(spikes * layer.head_words, 1).sum(1).T.ravel() + layer.words
    free = [0] * h.groups
    for unit in work.tolist():  # the next one goes to the group that is free first
        free.sort()
        free[0] += unit
    return max(free)
