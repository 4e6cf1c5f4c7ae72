# SPDX-License-Identifier: Apache-2.0
"""When loads and layers of a program run: how long layers wait for loads, before anything runs.

The two streams of golden.hardware.sequence in cycles: loads one after the other as early as their
waits allow, layers one after the other when their loads are there. Cycles of layers are estimates,
those of loads are counted from their data.
"""

from __future__ import annotations

from collections.abc import Sequence

from golden.hardware import isa
from golden.hardware.check import load_bytes
from golden.hardware.compile import windows
from golden.hardware.compile.compiled import Program
from golden.hardware.compile.lowering import Layer
from golden.hardware.configuration import Hardware

BEAT_BYTES = 8
LOAD = 40  # cycles of a load besides its data: descriptor, latency of the memory outside (20)
STORE, STORED = 40, 2  # cycles of a store, and of every logit
DECODER = 16  # until the first coded weight word


def load_cycles(hardware: Hardware, fields: dict[str, int]) -> int:
    """Cycles of a load with these descriptor fields, the memory outside never holding back."""
    size, records = load_bytes(hardware, fields), fields["records"]
    beats = size // BEAT_BYTES
    lines = hardware.line_words * hardware.lanes
    whole = fields["unit_words"] == hardware.line_words and lines % 64 == 0
    if fields["target"] in (isa.TARGET_ROW, isa.TARGET_LOGIT):
        several = hardware.row_entries if fields["coded"] else 1
        beats = records // several if records % several == 0 else records
    elif fields["target"] == isa.TARGET_SPIKE and not whole:
        beats = records * fields["unit_words"]
        spread = hardware.spread_lines
        if fields["unit_words"] == 1 and fields["dest"] % spread == records % spread == 0:
            beats //= spread
    elif fields["target"] == isa.TARGET_WEIGHT:  # a word of the bus at once
        beats = max(-(-size // hardware.bus_bytes), records)
        beats += DECODER if fields["coded"] else 0
    return beats + LOAD


def loading(program: Program) -> int:
    """Cycles of the loads that the first layer waits for."""
    total, hardware = 0, program.hardware
    fields = [isa.decode(d) for d in isa.cut(program.program)]
    left = next(f["wait_loads"] for op, f in fields if op == isa.OP_LAYER)
    for op, f in fields:
        if op != isa.OP_LOAD or not left:
            continue
        left -= 1
        total += load_cycles(hardware, f)
    return total


def layer_cycles(layer: Layer, hardware: Hardware, activity: windows.Activity) -> float:
    """About the cycles of a layer, from the spikes of ``activity`` or those that are assumed."""
    turns = -(-layer.units // hardware.groups)
    if layer.weight is None:  # attention: a share of the inputs fires, each row has m words
        inputs = layer.in_words * hardware.lanes * layer.head_words
        tokens = layer.source.tokens if layer.mode == isa.MODE_KEY_VALUE else layer.source.steps
        each = max(windows.AWAKE / 2 * inputs * tokens / max(layer.blocks, 1), layer.words)
    elif layer.planes is not None:
        each = max(windows.AWAKE * layer.weight.shape[0] * layer.in_words, layer.words)
    else:
        spikes = activity.get(layer.source.map)
        each = windows.cost(layer, layer.window, hardware, spikes)
    return windows.START + turns * each


def waits(program: Program, cycles: Sequence[float]) -> list[float]:
    """Cycles that every layer waits for its loads, those of the first one left out (nothing can
    hide them), when layer i takes ``cycles[i]``."""
    loaded, ended = [0.0], [0.0]  # when so many loads, so many layers and stores are complete
    out = []
    for descriptor in isa.cut(program.program):
        op, fields = isa.decode(descriptor)
        if op == isa.OP_LOAD:
            start = max(loaded[-1], ended[fields["wait_items"]])
            loaded.append(start + load_cycles(program.hardware, fields))
        elif op == isa.OP_LAYER:
            start = max(ended[-1], loaded[fields["wait_loads"]])
            out.append(start - ended[-1])
            ended.append(start + cycles[len(out) - 1])
        elif op == isa.OP_STORE:
            ended.append(ended[-1] + STORE + fields["logits"] * STORED)
    return [0.0, *out[1:]]


def idle(program: Program, activity: windows.Activity) -> float:
    """Cycles in which no layer of ``program`` runs, the loads in front of the first one counted."""
    cycles = [layer_cycles(c.layer, program.hardware, activity) for c in program.layers]
    return loading(program) + sum(waits(program, cycles))
