# SPDX-License-Identifier: Apache-2.0
"""What a program must do that ends well: the functional model, where it knows for certain.

An altered program may compute with what happens to lie in a memory, or with data that a load
replaces while a layer reads it. The model therefore runs twice, with other garbage and with loads
as early and as late as the hardware allows. What both agree on, the accelerator has to do, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import numpy as np

from golden.hardware import isa
from golden.hardware.check import HardwareStop, load_bytes, load_data
from golden.hardware.configuration import Hardware
from golden.hardware.execute.emulator import Drained, Emulator
from tb.lib.races import race
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
    layer id, rows and row-adds.  open: why there is no result.
    """

    layers: int
    loads: int
    stored: bool
    result: tuple[int, int, list[int]] | None = None
    rows: dict[int, tuple[int, int]] = field(default_factory=dict)
    open: str = "the result depends on what lies in a memory"


def certain(
    hardware: Hardware,
    program: bytes,
    count: int,
    memory: Memory,
    models: Sequence[Model] | None = None,
) -> Certain:
    """What a run of ``program``, which ended well, must have done.

    ``models``: two, with what may lie in the memories on the chip; anything if there are none.
    """
    steps = executed(program, count)
    stores = [f for op, f in steps if op == isa.OP_STORE]
    layers = [f["id"] for op, f in steps if op == isa.OP_LAYER]
    out = Certain(
        layers=len(layers),
        loads=sum(op == isa.OP_LOAD for op, _ in steps),
        stored=bool(stores),
    )
    loads = [f for op, f in steps if op == isa.OP_LOAD]
    if any(memory.base(f) + f["offset"] >= SPACE for f in loads):
        out.open = "a load wraps"  # the model reads from the base on
        return out
    models = models or [Model(hardware, seed) for seed in (1, 2)]
    answers = [
        model.answer(program[: count * isa.DESCRIPTOR_BYTES], memory, policy)
        for model, policy in zip(models, ("eager", "lazy"), strict=True)
    ]
    # A layer that differs has read garbage, and so may all that follow.
    pairs = zip(models[0].layers, models[1].layers, strict=False)
    alike = list(takewhile(lambda pair: _alike(*pair), pairs))
    out.rows = {layer: (drained.rows, drained.row_adds)
                for layer, (drained, _) in zip(layers, alike, strict=False)
                if layer not in layers[len(alike):]}  # fmt: skip
    first, second = answers
    if len(stores) != 1:
        out.open = f"{min(len(stores), 2)} stores"
    elif first is None or second is None:
        out.open = models[first is not None].open
    elif first == second and len(alike) == len(layers):
        out.result = stores[0]["offset"], *first
    return out


def _alike(one: Drained, other: Drained) -> bool:
    return (one.rows, one.row_adds) == (other.rows, other.row_adds) and np.array_equal(
        one.value, other.value
    )


class Model(Emulator):
    """The model up to the first layer that the reference does not define."""

    def __init__(self, hardware: Hardware, seed: int):
        super().__init__(hardware, seed)
        self.layers: list[Drained] = []  # as they were executed
        self.open = ""  # why it does not know

    def _layer(self, f: Fields) -> None:
        raced = race(self.hw, f)
        assert not raced, f"tokens share {raced}"
        super()._layer(f)
        self.layers.append(self.drained[f["id"]])

    def answer(
        self, program: bytes, memory: Memory, policy: str
    ) -> tuple[int, list[int] | None] | None:
        """Label and logits; None if the model does not know."""
        weights, image = (bytes(memory.data[at:]) for at in (memory.weights, memory.image))
        try:
            answer = self.run(program, weights, image, policy)
        except UNKNOWN as error:
            self.open = str(error) if "share" in str(error) else type(error).__name__
            return None
        return answer.label, None if answer.logits is None else answer.logits.tolist()


def stored(result: tuple[int, int, list[int]], cycles: int) -> bytes:
    """The bytes of a result in memory."""
    _, label, logits = result
    words = [label, cycles, *logits, *[0] * (len(logits) % 2)]
    return np.array(words, np.int64).astype("<u4").tobytes()
