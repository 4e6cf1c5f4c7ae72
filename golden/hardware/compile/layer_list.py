# SPDX-License-Identifier: Apache-2.0
"""Independent layers as one program: each reads spikes from memory and leaves spikes on the chip.
Neighbours of the same weights, those of a batch of images, load them once.

The image region holds the input spikes of all layers; the loads of a layer run while the layers
before it compute, as far as the memories have room.
"""

from collections.abc import Sequence
from itertools import pairwise, permutations
from math import inf

from golden.hardware.compile import input_bytes, windows
from golden.hardware.compile.compiled import Program
from golden.hardware.compile.lowering import Layer, dense
from golden.hardware.compile.program import assemble
from golden.hardware.compile.proofs import prove
from golden.hardware.compile.schedule import idle, loading
from golden.hardware.compile.tensor import Tensor
from golden.hardware.configuration import Hardware
from golden.hardware.workload.layer import BareLayer

ORDERED = 4  # layers behind the first, of which all orders are tried


def compile_layers(
    layers: Sequence[BareLayer],
    hardware: Hardware,
    *,
    coded: bool = True,
    window: int | None = windows.DEFAULT,
    effort: float = 0,
) -> Program:
    """A program of ``layers``; raises UserError that names the layer and the limit it exceeds.
    ``coded``, ``window`` and ``effort`` as in
    :func:`golden.hardware.compile.program.compile_network`; with an effort, layers may run in any
    order."""
    lowered = [_lower(x, hardware) for x in layers]
    for i, (one, other) in enumerate(pairwise(layers)):
        if other.repeats(one):
            lowered[i + 1].repeat = lowered[i].repeat + 1
    prove(lowered, hardware)
    sources = [x.source for x in lowered]
    return assemble(
        lowered,
        hardware,
        sources,
        coded=coded,
        window=window,
        activity=_activity(layers),
        effort=effort,
        free=True,
    )


def in_order(layers: Sequence[BareLayer], hardware: Hardware) -> list[BareLayer]:
    """``layers``, which are free to run in any order, in one that leaves little time to wait.

    Nothing hides the loads of the first layer: the one with the fewest comes first. The others come
    in the order of the least idle time if they are few, else as they are.
    """
    groups: list[list[BareLayer]] = []
    for x in layers:
        if groups and x.repeats(groups[-1][-1]):
            groups[-1].append(x)
        else:
            groups.append([x])
    first, *others = sorted(groups, key=lambda same: same[0].load_bits)
    if len(others) > ORDERED:
        found = [first, *(same for same in groups if same is not first)]
        return [x for same in found for x in same]
    activity, best, least = _activity(layers), list(layers), inf
    for order in permutations(same for same in groups if same is not first):
        tried = [x for same in (first, *order) for x in same]
        program = compile_layers(tried, hardware)
        cycles = idle(program, activity)
        if cycles < least:
            best, least = tried, cycles
        if cycles <= loading(program):  # nothing is left but the start
            break
    return best


def _activity(layers: Sequence[BareLayer]) -> windows.Activity:
    return {f"{x.name}.input": x.recording.tokens for x in layers}


def _lower(x: BareLayer, hardware: Hardware) -> Layer:
    steps, channels, height, width = x.recording.spikes.shape
    source = Tensor(f"{x.name}.input", height, width, hardware.words(channels), steps)
    target = Tensor(x.name, height, width, hardware.words(len(x.layer.weight)), steps)
    return dense(x.layer, x.layer.theta2, source, target, hardware)


def pack(program: Program, layers: Sequence[BareLayer]) -> bytes:
    """The image region: the input spikes of all layers."""
    by_name = {f"{x.name}.input": x.recording.tokens.swapaxes(0, 1) for x in layers}
    return b"".join(input_bytes.pack(by_name[t.name], t, program.hardware) for t in program.inputs)
