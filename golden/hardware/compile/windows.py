# SPDX-License-Identifier: Apache-2.0
"""Temporal patterns: how many timesteps a layer accumulates at once, and where spikes lie for it.

In a window of w timesteps a row is read and added once, into the accumulators of its pattern (which
of the w it fires in), and the drain sums up the patterns of every timestep. A tensor has the
timesteps of a window side by side (docs/reference/formats.md).

A longer window has fewer additions and more patterns to drain. Its cycles are, for every token and
window, those of the rows or of the drain, whichever are more: they overlap. As there are two
buffers, filled and drained by turns, they are at least half of both with what lies between.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from math import comb

import numpy as np

from golden.contract.model import patches
from golden.hardware import isa
from golden.hardware.compile import counters
from golden.hardware.compile.lowering import Layer
from golden.hardware.compile.rows import mask_lines, row_lengths
from golden.hardware.compile.tensor import Tensor
from golden.hardware.compile.tiles import (
    Plan,
    bank_words,
    divisible,
    portions,
    repeated,
    tiles,
)
from golden.hardware.configuration import (
    MASK_LINES,
    MAX_LAYERS,
    MAX_WINDOW,
    Hardware,
    clog2,
)

OFF = 1  # every timestep on its own
BY_COST = None  # the windows of the least cost
DEFAULT: int | None = BY_COST
# What is assumed where no spikes are known: a share of the inputs fires, each at a rate of its own,
# and all rates are as likely.
AWAKE = 0.25
LATENCY = 12  # cycles from the last row of an accumulation until its drain
START = 100  # cycles about which a layer takes besides
CODED_BITS = 6  # of a weight in a load: a code, and an index within a block of four
Activity = Mapping[str, np.ndarray]  # spikes (T, N, C) by the name of their tensor


def with_windows(
    layers: Sequence[Layer],
    inputs: Sequence[Tensor],
    hardware: Hardware,
    window: int | None,
    activity: Activity,
) -> tuple[list[Layer], list[Tensor]]:
    """``layers`` and ``inputs`` with windows of up to ``window`` timesteps, as many as possible,
    or with those of the least :func:`cost` (BY_COST)."""
    most = MAX_WINDOW if window is BY_COST else window
    windows: list[int] = []
    for layer in layers:
        if layer.repeat:
            windows.append(windows[-1])
            continue
        found = candidates(layer, hardware, most)
        spikes = activity.get(layer.source.map)
        if window is BY_COST and len(found) > 1:
            found.sort(key=lambda w: (-cost(layer, w, hardware, spikes), w))
        windows.append(found[-1])
    written = {x.target.map: w for x, w in zip(layers, windows, strict=True) if x.target}
    blocks: dict[str, int] = {}
    for name in {layer.source.map for layer in layers}:
        readers = [(x, w) for x, w in zip(layers, windows, strict=True) if x.source.map == name]
        block = max(w for _, w in readers)
        if block == 1:  # nobody cares: as it is drained
            block = written.get(name, 1)
        while not all(readable(layer, block, hardware) for layer, _ in readers):
            block //= 2
        blocks[name] = block

    def laid(tensor: Tensor) -> Tensor:
        return replace(tensor, block=blocks.get(tensor.map, 1))

    placed = [
        replace(
            x,
            source=laid(x.source),
            target=x.target and laid(x.target),
            window=min(w, blocks[x.source.map]),
        )
        for x, w in zip(layers, windows, strict=True)
    ]
    return placed, [laid(tensor) for tensor in inputs]


def planned(
    layers: Sequence[Layer], hardware: Hardware, window: int | None, activity: Activity
) -> list[Plan]:
    """``layers`` as tiles: as few as possible, or with windows chosen BY_COST as many as pay,
    since tiles with fewer words have room for the patterns of longer windows.
    """
    few = [Plan(same, tiles(same[0], hardware)) for same in repeated(layers)]
    if window is not BY_COST:
        return few
    more: list[Plan] = []
    for plan in few:
        before, layer = more[-1].parts[-1] if more else None, plan.same[0]
        spikes = activity.get(layer.source.map)
        parts = _worth(plan.parts, layer, hardware, spikes, before, len(plan.same))
        more.append(Plan(plan.same, parts))
    tiled = counters.joined([layer for plan in more for layer in plan.layers(hardware)])
    return more if counters.sets(tiled) <= MAX_LAYERS else few


def _worth(
    few: Sequence[Layer],
    layer: Layer,
    hardware: Hardware,
    spikes: np.ndarray | None,
    before: Layer | None,
    times: int,
) -> Sequence[Layer]:
    """The tiles of the least cost: ``few``, those with room for longer windows, or those of which
    each can be loaded beside the weights of the one in front of it, the first beside those of
    ``before``. The layer runs ``times``.
    """
    if not divisible(layer) or _apart(layer):
        return few
    room = [hardware.entries // ((1 << window) - 1) for window in (2, 4)]
    most = {1 << r.bit_length() - 1 for r in room if r}
    if any(_exposed(new, old, hardware) for old, new in pairwise([before, *few])):
        most |= {-(-layer.words // parts) for parts in (2, 3, 4)}
    tried = [few, *(tiles(layer, hardware, m) for m in sorted(most, reverse=True))]
    turns = -(-layer.units // hardware.groups)

    def cycles(parts: Sequence[Layer]) -> float:
        each = [
            START
            + turns * min(cost(x, w, hardware, spikes) for w in candidates(x, hardware, MAX_WINDOW))
            for x in parts
        ]
        loads = len(portions([layer] * times, parts, hardware))
        waits = loads * sum(
            max(_exposed(new, old, hardware), _load(new, hardware) - cycles * times / loads)
            for (old, new), cycles in zip(pairwise(parts), each, strict=False)
        )
        waits += _exposed(parts[0], before, hardware)
        waits += (loads - 1) * _exposed(parts[0], parts[-1], hardware)
        return waits + times * sum(each)

    return min(tried, key=cycles)


def _load(layer: Layer, hardware: Hardware) -> int:
    """Cycles in which the weights of a layer are loaded, coded ones."""
    words = bank_words(layer, hardware) * hardware.banks
    return words * hardware.lanes * CODED_BITS // (8 * hardware.bus_bytes)


def _exposed(layer: Layer, before: Layer | None, hardware: Hardware) -> int:
    """Cycles that a layer waits for its weights, coded ones: those of them that have no room beside
    the weights of the layer ``before`` it; all of them if pieces would not fit into the banks, as
    each may leave the end of a run empty."""
    if before is None or before.weight is None:
        return 0
    words = bank_words(layer, hardware)
    late = min(words, max(0, bank_words(before, hardware) + words - hardware.bank_depth))
    if late and words + int(row_lengths(layer.weight, hardware.lanes).max()) > hardware.bank_depth:
        late = words
    return _load(layer, hardware) * late // words if words else 0


def _apart(layer: Layer) -> bool:
    """Attention has other rows in every timestep, bit-planes and the head have one accumulation."""
    return layer.weight is None or layer.planes is not None or layer.mode == isa.MODE_HEAD


def candidates(layer: Layer, hardware: Hardware, most: int) -> list[int]:
    """The windows of up to ``most`` timesteps that the layer could have, 1 among them."""
    found = [1]
    if _apart(layer):
        return found
    window = 2
    while window <= min(most, MAX_WINDOW) and window < 2 * layer.source.steps:
        sets = (1 << window) - 1
        if sets << clog2(layer.words) <= hardware.entries and readable(layer, window, hardware):
            found.append(window)
        window *= 2
    return found


def readable(layer: Layer, block: int, hardware: Hardware) -> bool:
    """Whether the layer can read ``block`` timesteps side by side: lines, patch and mask do."""
    if block == 1:
        return True
    if block > hardware.line_words:
        return False
    if layer.mode == isa.MODE_KEY_VALUE:  # the words of a head lie in one line
        return hardware.line_words % (2 * layer.head_words * block) == 0
    source = replace(layer.source, block=block)
    if layer.taps * source.lines(hardware) > hardware.patch_lines:
        return False
    if layer.weight is None or row_lengths(layer.weight, hardware.lanes).all():
        return True
    apart = layer.taps * mask_lines(replace(source, block=1), hardware)
    return layer.taps * mask_lines(source, hardware) <= MASK_LINES or apart > MASK_LINES


def cost(layer: Layer, window: int, hardware: Hardware, spikes: np.ndarray | None) -> float:
    """Cycles that a group takes for the average token of a dense layer with this window."""
    length = row_lengths(layer.weight, hardware.lanes)
    total, steps = 0.0, layer.source.steps
    if spikes is not None:
        if layer.taps == 9:
            spikes = patches(spikes[None], layer.map_height, layer.source.width)[0]
        spikes = spikes ^ layer.inverted
        spikes = np.where(length.ravel() > 0, spikes, 0)
    for first in range(0, steps, window):
        count = min(window, steps - first)
        if spikes is None:
            rows, touched = _assumed(length, count)
        else:
            rows, touched = _counted(length, spikes[first : first + count])
        drain = layer.words * np.maximum(touched, count)
        both = (rows + drain + LATENCY) / 2
        total += np.maximum(np.maximum(rows, drain), both).mean()
    return total


def _assumed(length: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """(words of the rows, patterns) that a token is expected to have in a window."""
    inputs, words, touched = np.count_nonzero(length), 0.0, 0.0
    for fires in range(1, steps + 1):  # in so many of the timesteps: comb(steps, fires) patterns
        patterns = comb(steps, fires)
        each = AWAKE / (patterns * (steps + 1))
        words += length.sum() * each * patterns
        touched += patterns * (1 - (1 - each) ** inputs)
    return np.float64(words), np.float64(touched)


def _counted(length: np.ndarray, spikes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same of every token of ``spikes`` (w, N, taps * C), each (N,)."""
    pattern = np.tensordot(1 << np.arange(len(spikes)), spikes, 1)
    touched = [(pattern == p).any(-1) for p in range(1, 1 << len(spikes))]
    return (pattern > 0) @ length.ravel(), np.sum(touched, axis=0)
