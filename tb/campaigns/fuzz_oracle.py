# SPDX-License-Identifier: Apache-2.0
"""What a program must do: the functional model, where it knows for certain.

An altered program may compute with what happens to lie in a memory, or with data that a load
replaces while a layer reads it. The model therefore runs twice, with other garbage and with loads
as early and as late as the hardware allows. What both agree on, the accelerator has to do, too,
unless a load may meet a layer that works on the same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise, takewhile

import numpy as np

from golden.hardware import isa
from golden.hardware.check import HardwareStop, image_crc, load_bytes, load_data
from golden.hardware.configuration import Hardware
from golden.hardware.execute.emulator import Drained, Emulator
from golden.hardware.sequence import job_order
from tb.campaigns.fuzz_memory import Fields, Memory, Span
from tb.lib.races import meets, race
from tb.lib.reach import overruns, rows_overrun

# Of a model out of its depth, and what that means.
UNKNOWN = {
    AssertionError: "a value beyond its width",
    IndexError: "words beyond a pixel",
    ValueError: "words beyond a memory",
    RuntimeError: "a deadlock",
    HardwareStop: "a stop",
}


def executed(program: bytes, count: int) -> list[tuple[int, Fields]]:
    """Opcode and fields of the descriptors up to the end, or to an unknown one."""
    found = []
    for descriptor in isa.cut(program)[:count]:
        if descriptor[0] == isa.OP_END or descriptor[0] not in isa.FIELDS:
            break
        found.append(isa.decode(descriptor))
    return found


def certain_stop(
    hardware: Hardware,
    program: bytes,
    count: int,
    memory: Memory,
    crcs: Sequence[int] = (),
) -> str | None:
    """Why a program of legal descriptors stops for what it reads or reaches, if that is certain.

    ``crcs``: of the images, as the entries of the ring have them.
    """
    steps = executed(program, count)
    size = (len(steps) + 1) * isa.DESCRIPTOR_BYTES
    if not memory.inside(memory.read, memory.program, size):
        return "the program reaches beyond the window"
    for index, (op, fields) in enumerate(steps):
        what = None
        if op == isa.OP_LAYER and overruns(hardware, fields):
            what = f"reaches {overruns(hardware, fields)}"
        elif op == isa.OP_STORE:
            what = memory.outside(op, fields, result_bytes(fields["logits"]))
        elif op == isa.OP_LOAD:
            what = memory.outside(op, fields, load_bytes(hardware, fields))
            for job in range(len(memory.images)):
                data = memory.loaded(fields, job, load_bytes(hardware, fields))
                if data is not None:
                    what = what or _bad_data(hardware, index, fields, data)
        if what:
            return f"descriptor {index} {what}"
    whole = program[: len(steps) * isa.DESCRIPTOR_BYTES]
    for image, crc in zip(memory.images, crcs, strict=False):
        try:
            image_crc(hardware, whole, memory.region(image), crc)
        except HardwareStop as stop:
            return str(stop)
    return None


def _bad_data(hardware: Hardware, index: int, fields: Fields, data: bytes) -> str | None:
    try:
        load_data(hardware, index, fields | {"offset": 0}, data)
    except HardwareStop:
        return "loads data with a wrong CRC"
    if fields["target"] == isa.TARGET_ROW and rows_overrun(hardware, fields, data):
        return "loads a row that lies beyond the weight memory"
    return None


def stores(program: bytes, count: int, memory: Memory, job: int) -> list[Span]:
    """What a job may write."""
    found = []
    for op, fields in executed(program, count):
        if op == isa.OP_STORE:
            first = memory.place(memory.results[job], fields["offset"])
            found.append((first, first + result_bytes(fields["logits"]) - 1))
    return found


@dataclass(frozen=True)
class Result:
    """What a store writes, and where."""

    place: int
    label: int
    logits: list[int]

    def stored(self, cycles: int) -> bytes:
        """Its bytes in memory."""
        words = [self.label, cycles, *self.logits, *[0] * (len(self.logits) % 2)]
        return np.array(words, np.int64).astype("<u4").tobytes()


def result_bytes(logits: int) -> int:
    """What a store of so many writes."""
    return 8 + (logits + 1) // 2 * 8


@dataclass
class Certain:
    """What is known of a run: None where the model does not know.

    layers, loads: of one job.  results: of every job those of its stores.  rows: of a layer id,
    rows and row-adds, in the last job.  open: why results are missing.
    """

    layers: int
    loads: int
    results: list[list[Result] | None]
    rows: dict[int, tuple[int, int]] = field(default_factory=dict)
    open: str = "the result depends on what lies in a memory"


def certain(
    hardware: Hardware,
    program: bytes,
    count: int,
    memory: Memory,
    models: Sequence[Model] | None = None,
) -> Certain:
    """What a run of ``program`` for all jobs, which ended well, must have done.

    ``models``: two, with what may lie in the memories on the chip; anything if there are none.
    """
    steps, jobs = executed(program, count), len(memory.images)
    offsets = [f["offset"] for op, f in steps if op == isa.OP_STORE]
    ids = [f["id"] for op, f in steps if op == isa.OP_LAYER]
    loads = sum(op == isa.OP_LOAD for op, _ in steps)
    out, layers = Certain(len(ids), loads, [None] * jobs), ids * jobs
    models = models or [Model(hardware, seed) for seed in (1, 2)]
    for model, policy in zip(models, ("eager", "lazy"), strict=True):
        model.go(program[: count * isa.DESCRIPTOR_BYTES], memory, policy)
    # A layer that differs has read garbage, and so may all that follow.
    pairs = zip(models[0].layers, models[1].layers, strict=False)
    alike = len(list(takewhile(lambda pair: _alike(*pair), pairs)))
    goes_on = [bool(f["continues"]) for op, f in steps if op == isa.OP_LAYER] * jobs
    known = _rows(layers[:alike], goes_on, models[0].layers, jobs)
    out.rows = {layer: rows for layer, rows in known.items() if layer not in layers[alike:]}
    if not offsets:
        out.open = "no store"
        return out
    sizes = [result_bytes(f["logits"]) for op, f in steps if op == isa.OP_STORE]
    places = sorted(zip(offsets, sizes, strict=True))
    if any(first + size > other for (first, size), (other, _) in pairwise(places)):
        out.open = "stores that overlap"
        return out
    out.open = models[0].open or models[1].open or out.open
    for job in range(jobs):
        first, second = (model.result(job) for model in models)
        if first and first == second and alike >= (job + 1) * len(ids):
            out.results[job] = [
                Result(memory.place(memory.results[job], offset), *stored)
                for offset, stored in zip(offsets, first, strict=True)
            ]
    return out


def _rows(
    layers: Sequence[int], goes_on: Sequence[bool], drained: Sequence[Drained], jobs: int
) -> dict[int, tuple[int, int]]:
    """Counted rows and row-adds by layer id; without layers that go on from another job, which may
    have been one of another run."""
    out: dict[int, tuple[int, int]] = {}
    total, sure = (0, 0), jobs == 1
    for layer, more, found in zip(layers, goes_on, drained, strict=False):
        rows, adds = total if more else (0, 0)
        total = rows + found.rows, adds + found.row_adds
        sure = sure or not more
        out.pop(layer, None)
        if sure:
            out[layer] = total
    return out


def _alike(one: Drained, other: Drained) -> bool:
    return (one.rows, one.row_adds) == (other.rows, other.row_adds) and np.array_equal(
        one.value, other.value
    )


def early_loads(program: bytes, jobs: int) -> dict[int, list[Fields]]:
    """The loads that may come while a layer runs, by its place in the stream of layers."""
    places: list[dict[tuple[int, int], int]] = [{}, {}]
    fields = {}
    for found, policy in zip(places, ("eager", "lazy"), strict=True):
        layers = 0
        with suppress(RuntimeError, ValueError):  # a deadlock: what came before it counts
            for job, kind, index, f in job_order(program, jobs, policy):
                if kind == "load":
                    found[job, index], fields[job, index] = layers, f
                layers += kind == "layer"
    out: dict[int, list[Fields]] = {}
    for load, first in places[0].items():
        for layer in range(first, places[1].get(load, layers)):
            out.setdefault(layer, []).append(fields[load])
    return out


class Model(Emulator):
    """The model up to the first layer that the reference does not define, or that meets a load."""

    def __init__(self, hardware: Hardware, seed: int):
        super().__init__(hardware, seed)
        self.loads: dict[int, list[Fields]] = {}
        self.layers: list[Drained] = []  # as they were executed
        self.open = ""  # why it does not know

    def _layer(self, f: Fields) -> None:
        raced = race(self.hw, f)
        assert not raced, f"tokens share {raced}"
        met = any(meets(self.hw, load, f) for load in self.loads.get(len(self.layers), ()))
        assert not met, "a load and a layer share words"
        super()._layer(f)
        self.layers.append(self.drained[-1])

    def go(self, program: bytes, memory: Memory, policy: str) -> None:
        """All jobs, or as far as it knows."""
        self.loads = early_loads(program, len(memory.images))
        try:
            self.run_jobs(
                program, memory.region(memory.weights), [*map(memory.region, memory.images)], policy
            )
        except tuple(UNKNOWN) as error:
            said = str(error).partition("\n")[0]
            self.open = said if "share" in said else UNKNOWN[type(error)]

    def result(self, job: int) -> list[tuple[int, list[int]]]:
        """Label and logits of the stores of a job, as far as it knows."""
        stored = self.answers[job].stored if self.answers else []
        return [(label, logits.tolist()) for label, logits in stored]
