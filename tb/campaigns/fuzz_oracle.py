# SPDX-License-Identifier: Apache-2.0
"""What a program must do that ends well: the functional model, where it knows for certain.

An altered program may compute with what happens to lie in a memory, or with data that a load
replaces while a layer reads it. The model therefore runs twice, with other garbage and with loads
as early and as late as the sequencer allows. What both agree on, the accelerator has to do, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from golden.hardware import isa
from golden.hardware.check import HardwareStop, load_bytes, load_data
from golden.hardware.configuration import Hardware
from golden.hardware.execute.emulator import Answer, Drained, Emulator
from tb.lib.reach import overruns, rows_overrun

SPACE = 1 << 32
UNKNOWN = (AssertionError, IndexError, ValueError, RuntimeError)  # of a model out of its depth

Fields = dict[str, int]


@dataclass
class Memory:
    """The memory ``data`` from address 0 on, and where weights, image and results lie in it."""

    data: bytearray
    weights: int
    image: int
    result: int

    def base(self, fields: Fields) -> int:
        """Of a load with these fields."""
        return self.image if fields["from_image"] else self.weights

    def read(self, fields: Fields, size: int) -> bytes | None:
        """What a load gets; None if not all of it is there."""
        first = (self.base(fields) + fields["offset"]) % SPACE
        data = bytes(self.data[first : first + size])
        return data if len(data) == size else None


def executed(program: bytes, count: int) -> list[tuple[int, Fields]]:
    """Opcode and fields of the descriptors up to the end."""
    found = []
    for descriptor in isa.cut(program)[:count]:
        if descriptor[0] == isa.OP_END:
            break
        found.append(isa.decode(descriptor))
    return found


def certain_stop(hardware: Hardware, program: bytes, count: int, memory: Memory) -> str | None:
    """Why a program of legal descriptors stops for what it reads or reaches, if that is certain."""
    for index, (op, fields) in enumerate(executed(program, count)):
        what = None
        if op == isa.OP_LAYER and overruns(hardware, fields):
            what = f"reaches {overruns(hardware, fields)}"
        elif op == isa.OP_LOAD:
            data = memory.read(fields, load_bytes(hardware, fields))
            if data is not None:
                what = _bad_data(hardware, index, fields, data)
        if what:
            return f"descriptor {index} {what}"
    return None


def _bad_data(hardware: Hardware, index: int, fields: Fields, data: bytes) -> str | None:
    try:
        load_data(hardware, index, fields | {"offset": 0}, data)
    except HardwareStop:
        return "loads data with a wrong CRC"
    if fields["target"] == isa.TARGET_ROW and rows_overrun(hardware, fields, data):
        return "loads a row that lies beyond the weight memory"
    return None


@dataclass
class Certain:
    """What is known of a run: None where the model does not know.

    result: (offset, label, logits) of its only store.  stored: whether there is one.  rows: of a
    layer id, rows and row-adds.
    """

    layers: int
    loads: int
    stored: bool
    result: tuple[int, int, list[int]] | None = None
    rows: dict[int, tuple[int, int]] = field(default_factory=dict)


def certain(hardware: Hardware, program: bytes, count: int, memory: Memory) -> Certain:
    """What a run of ``program``, which ended well, must have done."""
    steps = executed(program, count)
    stores = [f for op, f in steps if op == isa.OP_STORE]
    out = Certain(
        layers=sum(op == isa.OP_LAYER for op, _ in steps),
        loads=sum(op == isa.OP_LOAD for op, _ in steps),
        stored=bool(stores),
    )
    loads = [f for op, f in steps if op == isa.OP_LOAD]
    if any(memory.base(f) + f["offset"] >= SPACE for f in loads):
        return out  # the model reads from the base on
    if not all(_meant(hardware, f) for op, f in steps if op == isa.OP_LAYER):
        return out
    answers = [_model(hardware, program[: count * isa.DESCRIPTOR_BYTES], memory, *how)
               for how in ((1, "eager"), (2, "lazy"))]  # fmt: skip
    if None in answers:
        return out
    first, second = answers
    for layer, drained in first.drained.items():
        if layer not in second.drained or not _alike(drained, second.drained[layer]):
            return out  # garbage was read here, and may be by all that follow
        out.rows[layer] = drained.rows, drained.row_adds
    results = [(a.label, None if a.logits is None else a.logits.tolist()) for a in answers]
    if len(stores) == 1 and results[0] == results[1]:
        out.result = stores[0]["offset"], *results[0]
    return out


def _alike(one: Drained, other: Drained) -> bool:
    return (one.rows, one.row_adds) == (other.rows, other.row_adds) and np.array_equal(
        one.value, other.value
    )


def _meant(hardware: Hardware, f: Fields) -> bool:
    """Is a layer one that the reference defines? The check of descriptors takes more than those."""
    last_in = (0 if f["repeat_drain"] else f["steps"] - 1) * f["in_step"] + f["in_first"]
    last_out = (f["steps"] - 1) * f["out_step"] + f["out_first"] + f["out_words"]
    words = 2 * f["head_words"] * f["height"] if f["mode"] == isa.MODE_KEY_VALUE else f["in_words"]
    return (
        last_in + words <= f["in_lines"] * hardware.line_words
        and (f["mode"] == isa.MODE_HEAD or not f["merge"])
        and (f["mode"] == isa.MODE_SPIKE or not f["repeat_drain"])
        and (
            f["mode"] not in (isa.MODE_SPIKE, isa.MODE_RESIDUAL)
            or last_out <= f["out_lines"] * hardware.line_words
        )
    )


def _model(
    hardware: Hardware, program: bytes, memory: Memory, seed: int, policy: str
) -> Answer | None:
    weights, image = (bytes(memory.data[at:]) for at in (memory.weights, memory.image))
    try:
        return Emulator(hardware, seed).run(program, weights, image, policy)
    except UNKNOWN:
        return None


def stored(result: tuple[int, int, list[int]], cycles: int) -> bytes:
    """The bytes of a result in memory."""
    _, label, logits = result
    words = [label, cycles, *logits, *[0] * (len(logits) % 2)]
    return np.array(words, np.int64).astype("<u4").tobytes()
