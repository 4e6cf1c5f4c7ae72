# SPDX-License-Identifier: Apache-2.0
"""Independent layers as one program: each reads spikes from memory and leaves spikes on the chip.

The image region holds the input spikes of all layers; the loads of a layer run while the layers
before it compute, as far as the memories have room.
"""

from collections.abc import Sequence

from golden.hardware.compile import input_bytes, windows
from golden.hardware.compile.compiled import Program
from golden.hardware.compile.lowering import Layer, dense
from golden.hardware.compile.program import assemble
from golden.hardware.compile.proofs import prove
from golden.hardware.compile.tensor import Tensor
from golden.hardware.configuration import Hardware
from golden.hardware.workload.layer import BareLayer


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
    activity = {s.name: x.recording.tokens for s, x in zip(sources, layers, strict=True)}
    return assemble(lowered, hardware, sources, coded=coded, window=window, activity=activity)


def _lower(x: BareLayer, hardware: Hardware) -> Layer:
    steps, channels, height, width = x.recording.spikes.shape
    source = Tensor(f"{x.name}.input", height, width, hardware.words(channels), steps)
    target = Tensor(x.name, height, width, hardware.words(len(x.layer.weight)), steps)
    return dense(x.layer, x.layer.theta2, source, target, hardware)


def pack(program: Program, layers: Sequence[BareLayer]) -> bytes:
    """The image region: the input spikes of all layers."""
    by_name = {f"{x.name}.input": x.recording.tokens.swapaxes(0, 1) for x in layers}
    return b"".join(input_bytes.pack(by_name[t.name], t, program.hardware) for t in program.inputs)
