# SPDX-License-Identifier: Apache-2.0
"""Cycles of an inference without RTL: a model of groups, banks and drains on real spikes.

Modelled: tokens handed to free groups, a window of two non-empty words per group, one row per bank
at a time (bank (channel + tap) mod B), row lengths as packed, double-buffered drains, patch fetch
behind the previous token, the load of image, first weights and program before the first layer.
Not modelled: pipeline latencies, loads that later layers wait for, stalls of the memory outside.
How far it is from the RTL: docs/log/scale.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from golden.contract.model import Trace, forward, patches
from golden.contract.network import QuantNetwork
from golden.contract.progress import over
from golden.hardware import isa
from golden.hardware.compile.compiled import CompiledLayer, Program
from golden.hardware.configuration import Hardware
from golden.hardware.execute.expected import averaged, expectations

WINDOW, BUFFERS, BEAT_BYTES = 2, 2, 8
Word = list[list[int]]  # words of the rows that wait, by bank


@dataclass
class Cycles:
    """One image. ``useful`` adds are (active input bit, non-zero weight) pairs."""

    layers: dict[str, int]
    start: int
    useful: int
    pes: int

    @property
    def total(self) -> int:
        return self.start + sum(self.layers.values())

    @property
    def limit_ratio(self) -> float:
        """Cycles over useful adds per PE."""
        return self.total / (self.useful / self.pes)


@dataclass
class _Group:
    steps: list[list[Word]] = field(default_factory=list)  # of the token, those to come
    queue: list[Word] = field(default_factory=list)  # words of the step
    window: list[Word] = field(default_factory=list)
    drains: list[int] = field(default_factory=lambda: [0] * BUFFERS)  # when they end
    open: bool = False  # a step has begun and is not yet handed to the drain
    busy: int = 0
    ready: int = 0  # when the patch of the next token is there
    done: bool = False


def cycles(program: Program, network: QuantNetwork, images: np.ndarray) -> list[Cycles]:
    """What every image of uint8 (B, C, H, W) takes on ``program.hardware``, one by one."""
    out = []
    first = sum(load.get("bytes", 0) for load in program.loads[:4])
    start = -(-(program.image_bytes + first) // BEAT_BYTES)
    for image in over(images, "counting cycles", "images", len(images)):
        image = image[None]
        trace = forward(network, image)
        (expected,) = expectations(program, network, image)
        layers = {
            compiled.name: layer_cycles(compiled, trace, network, image, program.hardware)
            for compiled in program.layers
        }
        out.append(Cycles(layers, start, expected.useful, program.hardware.pes))
    return out


def layer_cycles(
    compiled: CompiledLayer, trace: Trace, network: QuantNetwork, image: np.ndarray, h: Hardware
) -> int:
    """Cycles of one layer for the first image of a trace."""
    layer = compiled.layer
    if layer.mode == isa.MODE_KEY_VALUE:
        return _key_value(layer, trace, h)
    length = compiled.packed.length if layer.weight is not None else None
    if length is None:  # Q on the counts: every row m words
        x = trace.spike[layer.name.removesuffix("attention") + "q"][0]
        length = np.full((1, x.shape[2]), layer.head_words)
    elif layer.planes:
        x = layer.planes.spikes(network.config, image)[0]
    elif layer.averaged:
        x = averaged(compiled, trace, network)
    else:
        source = trace.pooled if layer.source.pooled else trace.spike
        x = source[layer.source.name][0]
    if layer.taps == 9:
        x = patches(x[None], layer.source.height, layer.source.width)[0]
    repeat = layer.repeats and layer.target.steps
    fetch = layer.taps * layer.source.lines(h)
    # A head drains all timesteps at once, but not the bit-planes of sums.
    merged = layer.mode == isa.MODE_HEAD and not layer.averaged
    return _issue(_tokens(x, length, h), h, layer.words * (repeat or 1), fetch, merged)


def _tokens(x: np.ndarray, length: np.ndarray, h: Hardware) -> Iterator[list[list[Word]]]:
    """Words of every token and step, of x (T, N, taps * C); words without a row are left out."""
    taps, channels = length.shape
    flat = np.arange(taps * channels)
    tap, channel = flat // channels, flat % channels
    bank = ((channel + tap) % h.banks).tolist()
    word = (tap * -(-channels // h.lanes) + channel // h.lanes).tolist()
    cost = length.reshape(-1)
    for token in range(x.shape[1]):
        steps = []
        for step in x[:, token].astype(bool):
            words: dict[int, Word] = {}
            for k in np.flatnonzero(step & (cost > 0)).tolist():
                found = words.setdefault(word[k], [[] for _ in range(h.banks)])
                found[bank[k]].append(int(cost[k]))
            steps.append(list(words.values()))
        yield steps


def _issue(
    tokens: Iterator[list[list[Word]]], h: Hardware, drain: int, fetch: int, merged: bool
) -> int:
    groups = [_Group(ready=fetch) for _ in range(h.groups)]
    banks, now = [0] * h.banks, 0

    def refill(g: _Group) -> bool:
        """Whether the window has a row to ask for."""
        while True:
            g.window = [word for word in g.window if any(word)]
            while len(g.window) < WINDOW and g.queue:
                g.window.append(g.queue.pop(0))
            if g.window:
                return True
            if g.open and (g.steps == [] or not merged):
                g.drains.append(max(now, g.drains[-1]) + drain)
                g.open = False
            if not g.steps:
                if g.ready > now:
                    return False
                token = next(tokens, None)
                if token is None:
                    g.done = True
                    return False
                g.steps, g.ready = token, now + fetch
            if g.drains[-BUFFERS] > now:
                return False
            g.queue, g.open = g.steps.pop(0), True

    while not all(g.done for g in groups):
        for i in range(h.groups):
            g = groups[(i + now) % h.groups]
            if g.done or g.busy > now or not refill(g):
                continue
            want = [
                (sum(len(word[b]) for word in g.window), b)
                for b in range(h.banks)
                if banks[b] <= now and any(word[b] for word in g.window)
            ]
            if not want:
                continue
            b = max(want)[1]
            cost = next(word for word in g.window if word[b])[b].pop()
            g.busy = banks[b] = now + cost
        now += 1
    return max(now, *(g.busy for g in groups), *(g.drains[-1] for g in groups))


def _key_value(layer, trace: Trace, h: Hardware) -> int:
    """Every K spike adds the m V words of its token; a unit is a (head block, timestep) pair."""
    k = trace.spike[layer.name.removesuffix("attention.key_value") + "k"][0]
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
