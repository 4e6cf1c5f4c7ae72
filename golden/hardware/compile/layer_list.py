# SPDX-License-Identifier: Apache-2.0
"""Independent layers as one program: each reads spikes from memory and leaves spikes on the chip.

The image region holds the input spikes of all layers; the loads of a layer run while the layers
before it compute, as far as the memories have room.
"""

from collections.abc import Sequence
from itertools import permutations
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
) -> Program:
    """A program of ``layers``; raises UserError that names the layer and the limit it exceeds.
    ``coded`` and ``window`` as in :func:`golden.hardware.compile.program.compile_network`."""
    lowered = [_lower(x, hardware) for x in layers]
    prove(lowered, hardware)
    sources = [x.source for x in lowered]
    return assemble(
        lowered, hardware, sources, coded=coded, window=window, activity=_activity(layers)
    )


def in_order(layers: Sequence[BareLayer], hardware: Hardware) -> list[BareLayer]:
    """``layers``, which are free to run in any order, in one that leaves little time to wait.

    Nothing hides the loads of the first layer: the one with the fewest comes first. The others come
    in the order of the least idle time if they are few, else as they are.
    """
    first, *others = sorted(layers, key=lambda x: x.load_bits)
    if len(others) > ORDERED:
        return [first, *(x for x in layers if x is not first)]
    activity, best, least = _activity(layers), None, inf
    for order in permutations(x for x in layers if x is not first):
        program = compile_layers([first, *order], hardware)
        found = idle(program, activity)
        if found < least:
            best, least = [first, *order], found
        if found <= loading(program):  # nothing is left but the start
            break
    return best or list(layers)


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
