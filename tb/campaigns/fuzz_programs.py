# SPDX-License-Identifier: Apache-2.0
"""Hostile programs for the fuzzer: altered copies of a real program, and noise.

Most altered programs get a right CRC chain again, so that they come through the first check; about
half of the changed fields keep the descriptor legal (golden/hardware/check.py), so that what only
shows while it runs is reached as well. Such a program says in words what was done to it. Nothing
here knows the RTL.
"""

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from zlib import crc32

from golden.hardware import isa
from golden.hardware.check import (
    Fault,
    addresses,
    descriptor_fault,
    first_fault,
    load_bytes,
    target_depth,
)
from golden.hardware.compile.compiled import Program
from golden.hardware.configuration import Hardware
from tb.campaigns.random_descriptor import random_descriptor, random_value

_OPS = (isa.OP_LOAD, isa.OP_LAYER, isa.OP_STORE, isa.OP_END)


@dataclass(frozen=True)
class Hostile:
    """What goes into DRAM and into PROGRAM_COUNT, and how it came about."""

    program: bytes
    count: int
    weights: bytes
    what: tuple[str, ...]

    def fault(self, hardware: Hardware) -> Fault | None:
        """Where decoding has to stop; None: it gets to the end unless it fails while it runs."""
        return first_fault(hardware, self.program, self.count)

    def __str__(self) -> str:
        return "; ".join(self.what)


@dataclass
class Draft:
    """A program under the knife."""

    rng: random.Random
    hardware: Hardware
    cut: list[bytes]
    weights: bytearray
    count: int | None = None  # None: all descriptors
    seal: bool = True
    what: list[str] = field(default_factory=list)

    def pick(self, *ops: int) -> int | None:
        """The index of a descriptor with one of ``ops`` (of any if none are given)."""
        found = [i for i, d in enumerate(self.cut) if not ops or d[0] in ops]
        return self.rng.choice(found) if found else None

    def set(self, index: int, name: str, value: int) -> int:
        """Overwrite a field, leaving all other bits; returns what it was."""
        word, low, bits = isa.FIELDS[self.cut[index][0]][name]
        words = list(struct.unpack("<16I", self.cut[index]))
        mask = (1 << bits) - 1
        old = words[word] >> low & mask
        words[word] = words[word] & ~(mask << low) | (value & mask) << low
        self.cut[index] = struct.pack("<16I", *words)
        return old

    def legal(self, index: int) -> bool:
        return not descriptor_fault(self.hardware, self.cut[index])[0]

    def done(self) -> Hostile:
        program = b"".join(self.cut)
        if self.seal:
            program = isa.sealed(program)
        count = len(self.cut) if self.count is None else self.count
        what = (*self.what, "CRC chain right" if self.seal else "CRC chain not repaired")
        return Hostile(program, count, bytes(self.weights), what)


# -- alterations: each changes the draft and returns what it did, or None if it cannot ------------


def _field(draft: Draft, *ops: int) -> str | None:
    """One field of one descriptor; in half of the cases a value that the check lets through."""
    index = draft.pick(*(ops or (isa.OP_LOAD, isa.OP_LAYER, isa.OP_STORE)))
    if index is None:
        return None
    legal = draft.rng.random() < 0.5
    before = draft.cut[index]
    for _ in range(20):
        draft.cut[index] = before
        op = before[0]
        name = draft.rng.choice(list(isa.FIELDS[op]))
        _, fields = isa.decode(before)
        value = random_value(draft.rng, fields[name], isa.FIELDS[op][name][2])
        old = draft.set(index, name, value)
        if old != value and (draft.legal(index) or not legal):
            break
    _unchecked(draft, index, 0.5)
    return f"descriptor {index}: {name} {old} -> {value}"


def _unchecked(draft: Draft, index: int, likely: float) -> None:
    """Without the CRC of its data a changed load gets further."""
    if draft.cut[index][0] == isa.OP_LOAD and draft.rng.random() < likely:
        draft.set(index, "check", 0)


def _wait(draft: Draft) -> str | None:
    """Waits for more, or for less, than needed: deadlocks, and data that is not there."""
    index = draft.pick(isa.OP_LOAD, isa.OP_LAYER)
    if index is None:
        return None
    names = ("wait_loads",)
    if draft.cut[index][0] == isa.OP_LOAD:
        names = ("wait_items", "wait_previous")
    name = draft.rng.choice(names)
    value = draft.rng.choice((0, 1, draft.rng.randrange(64), 0xFFFF))
    return f"descriptor {index}: {name} {draft.set(index, name, value)} -> {value}"


def _everywhere(draft: Draft) -> str:
    """The same field of all descriptors of a kind."""
    op = draft.rng.choice((isa.OP_LOAD, isa.OP_LAYER))
    name = draft.rng.choice(list(isa.FIELDS[op]))
    value = random_value(draft.rng, 0, isa.FIELDS[op][name][2])
    for index, descriptor in enumerate(draft.cut):
        if descriptor[0] == op:
            draft.set(index, name, value)
            _unchecked(draft, index, 1)
    return f"{name} of every descriptor with opcode {op} -> {value}"


def _outside(draft: Draft) -> str | None:
    """A load or store far away, around the end of the address space, or one beat off."""
    index = draft.pick(isa.OP_LOAD, isa.OP_STORE)
    if index is None:
        return None
    rng = draft.rng
    old = isa.decode(draft.cut[index])[1]["offset"]
    value = rng.choice((
        rng.getrandbits(29) << 3, (1 << 32) - 8 * rng.randrange(1, 600), old + 8, old - 8,
        1 << rng.randrange(3, 32), len(draft.weights), len(draft.weights) - 8, rng.getrandbits(32),
    )) & 0xFFFFFFFF  # fmt: skip
    draft.set(index, "offset", value)
    _unchecked(draft, index, 0.7)
    if rng.random() < 0.3 and draft.cut[index][0] == isa.OP_LOAD:
        draft.set(index, "from_image", rng.getrandbits(1))
    return f"descriptor {index}: offset {old:#x} -> {value:#x}"


def _room(draft: Draft) -> str | None:
    """A load up to the end of its memory, or beyond it."""
    index = draft.pick(isa.OP_LOAD)
    if index is None or not draft.legal(index):
        return None
    fields = isa.decode(draft.cut[index])[1]
    last = target_depth(draft.hardware, fields["target"]) - addresses(draft.hardware, fields)
    value = draft.rng.choice((last, last + 1, last + 1, 0xFFFF))
    draft.set(index, "dest", value)
    return f"descriptor {index}: dest {fields['dest']} -> {value}"


def _base(draft: Draft) -> str | None:
    """A layer whose on-chip addresses run off the end of a memory."""
    index = draft.pick(isa.OP_LAYER)
    if index is None:
        return None
    name = draft.rng.choice((
        "in_base", "in_row_lines", "in_lines", "in_first", "in_step", "row_base", "tap_rows",
        "step_rows", "param_base", "out_base", "out_lines", "out_row_lines", "out_clear",
        "out_first", "out_step", "stream_stride", "dump_base", "dump_step", "dump_block",
        "mask_base", "mask_lines", "stream_tokens",
    ))  # fmt: skip
    bits = isa.LAYER_FIELDS[name][2]
    value = draft.rng.choice(((1 << bits) - 1, draft.rng.getrandbits(bits), 1 << (bits - 1)))
    return f"descriptor {index}: {name} {draft.set(index, name, value)} -> {value}"


def _shape(draft: Draft) -> str | None:
    """A layer of another shape, still of small numbers, so that it runs."""
    index = draft.pick(isa.OP_LAYER)
    if index is None:
        return None
    names = ("width", "height", "steps", "in_words", "out_words", "in_lines", "tokens", "mode",
             "kernel3", "merge", "repeat_drain", "pool", "first", "continues", "shift", "charge",
             "head_words", "head_lanes", "row_cost", "rows_ahead", "in_first", "out_first",
             "in_block", "out_block", "window", "images")  # fmt: skip
    done = []
    for name in draft.rng.sample(names, draft.rng.randrange(1, 4)):
        value = draft.rng.randrange(1 << min(isa.LAYER_FIELDS[name][2], 5))
        before = draft.cut[index]
        old = draft.set(index, name, value)
        if old != value and draft.legal(index):
            done.append(f"{name} {old} -> {value}")
        else:
            draft.cut[index] = before
    return f"descriptor {index}: " + (", ".join(done) or "no change that is legal")


def _coding(draft: Draft) -> str | None:
    """A load of weights or rows read in another code, or raw for coded or the other way round."""
    rng, h = draft.rng, draft.hardware
    loads = [
        i for i, d in enumerate(draft.cut)
        if d[0] == isa.OP_LOAD and isa.decode(d)[1]["target"] in (isa.TARGET_WEIGHT, isa.TARGET_ROW)
    ]  # fmt: skip
    if not loads:
        return None
    index, done = rng.choice(loads), []
    values = dict(
        coded=rng.getrandbits(1), block=rng.getrandbits(1),
        index_bits=rng.randrange(h.index_width + 2),
        row_words=rng.choice((0, 1, 1 << rng.randrange(8), rng.getrandbits(8))),
        first_word=rng.choice((0, h.bank_depth - 1, h.bank_depth, 0xFFFF, rng.getrandbits(10))),
        codebook_0=rng.getrandbits(32), codebook_3=rng.getrandbits(32),
    )  # fmt: skip
    for name in rng.sample(list(values), rng.randrange(1, 4)):
        done.append(f"{name} {draft.set(index, name, values[name])} -> {values[name]}")
    _unchecked(draft, index, 0.8)
    return f"descriptor {index}: " + ", ".join(done)


def _opcode(draft: Draft) -> str:
    index, rng = draft.pick(), draft.rng
    op = rng.choice((0, 0xFF, rng.getrandbits(8), *_OPS))
    old = draft.cut[index][0]
    draft.cut[index] = bytes([op]) + draft.cut[index][1:]
    return f"descriptor {index}: opcode {old} -> {op}"


def _swap(draft: Draft) -> str:
    a, b = draft.pick(), draft.pick()
    draft.cut[a], draft.cut[b] = draft.cut[b], draft.cut[a]
    return f"descriptors {a} and {b} swapped"


def _drop(draft: Draft) -> str | None:
    if len(draft.cut) < 2:
        return None
    index = draft.pick()
    del draft.cut[index]
    return f"descriptor {index} dropped"


def _duplicate(draft: Draft) -> str:
    index, times = draft.pick(), draft.rng.choice((1, 1, 2, 20))
    draft.cut[index:index] = [draft.cut[index]] * times
    return f"descriptor {index} {times + 1} times"


def _insert(draft: Draft) -> str:
    at = draft.rng.randrange(len(draft.cut) + 1)
    draft.cut.insert(at, random_descriptor(draft.rng, draft.hardware, legal=True))
    return f"a random legal descriptor at {at}"


def _words(draft: Draft) -> str:
    """Whole random words, reserved bits included."""
    index = draft.pick()
    words = list(struct.unpack("<16I", draft.cut[index]))
    which = sorted(draft.rng.sample(range(15), draft.rng.randrange(1, 4)))
    for word in which:
        words[word] = draft.rng.getrandbits(32)
    draft.cut[index] = struct.pack("<16I", *words)
    return f"descriptor {index}: words {which} random"


def _flips(draft: Draft) -> str:
    """Bits flipped in DRAM: nobody repairs the CRC."""
    data = bytearray(b"".join(draft.cut))
    bits = [draft.rng.randrange(8 * len(data)) for _ in range(draft.rng.choice((1, 1, 2, 5)))]
    for bit in bits:
        data[bit // 8] ^= 1 << bit % 8
    draft.cut = isa.cut(bytes(data))
    draft.seal = False
    return f"bits {bits} flipped"


def _truncate(draft: Draft) -> str:
    """PROGRAM_COUNT too small, or larger than what there is."""
    there, rng = len(draft.cut), draft.rng
    draft.count = rng.choice((0, 1, there - 1, rng.randrange(there), there + 1, there * 2, 0xFFFF))
    return f"count {there} -> {draft.count}"


def _no_end(draft: Draft) -> str | None:
    if draft.cut[-1][0] != isa.OP_END or len(draft.cut) < 2:
        return None
    del draft.cut[-1]
    return "end dropped"


def _early_end(draft: Draft) -> str:
    at = draft.rng.randrange(len(draft.cut))
    draft.cut.insert(at, isa.encode(isa.OP_END, "end"))
    return f"an end at {at}"


def _data(draft: Draft) -> str | None:
    """Hostile weights, rows or parameters, mostly with a right CRC in the load's descriptor."""
    loads = [
        (i, isa.decode(d)[1]) for i, d in enumerate(draft.cut)
        if d[0] == isa.OP_LOAD and draft.legal(i) and not isa.decode(d)[1]["from_image"]
    ]  # fmt: skip
    if not loads:
        return None
    index, fields = draft.rng.choice(loads)
    start, size = fields["offset"], load_bytes(draft.hardware, fields)
    if start + size > len(draft.weights):
        return None
    words = draft.rng.randrange(1, 5)
    for _ in range(words):
        at = start + draft.rng.randrange(size // 4) * 4
        value = draft.rng.choice((0, 0xFFFFFFFF, draft.rng.getrandbits(32)))
        draft.weights[at : at + 4] = value.to_bytes(4, "little")
    repaired = draft.rng.random() < 0.8
    if repaired:
        draft.set(index, "crc", crc32(draft.weights[start : start + size]))
    return f"{words} words of the data of descriptor {index} random, CRC right: {repaired}"


ALTERATIONS: dict[Callable[[Draft], str | None], int] = {
    _field: 12, _coding: 5, _wait: 4, _everywhere: 2, _outside: 5, _room: 4, _base: 6, _shape: 6,
    _opcode: 2, _swap: 3, _drop: 3, _duplicate: 3, _insert: 4, _words: 3, _flips: 3, _truncate: 2,
    _no_end: 1, _early_end: 1, _data: 4,
}  # fmt: skip


# -- entry points -----------------------------------------------------------------------------


def altered(program: Program, rng: random.Random) -> Hostile:
    """``program`` with one to four changes, the CRC chain right in nine of ten."""
    draft = Draft(rng, program.hardware, isa.cut(program.program), bytearray(program.weights))
    draft.seal = rng.random() < 0.9
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        alteration = rng.choices(list(ALTERATIONS), list(ALTERATIONS.values()))[0]
        done = alteration(draft)
        if done:
            draft.what.append(done)
    return draft.done()


def noise(program: Program, rng: random.Random) -> Hostile:
    """A program of random bytes, of known opcodes with random fields, or of legal descriptors.

    It takes the hardware and the weight image from ``program``.
    """
    kind = rng.choice(("bytes", "fields", "legal"))
    count = rng.choice((1, 2, rng.randrange(1, 12), rng.randrange(1, 40)))
    if kind == "bytes":
        cut = [rng.randbytes(isa.DESCRIPTOR_BYTES) for _ in range(count)]
    else:
        cut = [random_descriptor(rng, program.hardware, kind == "legal") for _ in range(count)]
    draft = Draft(rng, program.hardware, cut, bytearray(program.weights))
    if rng.random() < 0.8:
        cut.append(isa.encode(isa.OP_END, "end"))
    draft.seal = rng.random() < 0.85
    draft.what.append(f"noise of {count} descriptors: {kind}")
    return draft.done()


def hostile_programs(program: Program, seed: int, count: int) -> list[Hostile]:
    """``count`` programs: of ten eight are altered, one is noise and one as it was."""
    rng, kinds = random.Random(seed), {8: as_it_was, 9: noise}
    return [kinds.get(i % 10, altered)(program, rng) for i in range(count)]


def as_it_was(program: Program, _: random.Random) -> Hostile:
    """``program``: what else is hostile has to do."""
    return Hostile(program.program, program.count, program.weights, ("the program as it was",))
