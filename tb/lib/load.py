# SPDX-License-Identifier: Apache-2.0
"""Load records: random contents, their beats in DRAM, and the writes they must become.

Written from the tables in docs/reference/formats.md, apart from the compiler, which packs them too.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from golden.hardware import isa
from golden.hardware.configuration import MASK_LINES, WEIGHT_WIDTH, clog2
from golden.hardware.interface import packing

WEIGHT, ROW, PARAM = isa.TARGET_WEIGHT, isa.TARGET_ROW, isa.TARGET_PARAM
SPIKE, LOGIT, MASK = isa.TARGET_SPIKE, isa.TARGET_LOGIT, isa.TARGET_MASK
PORTS = {  # of each target, and what is written through it
    "weight": ("bank", "addr", "data"),
    "row": ("bank", "addr", "spread", "data"),
    "param": ("addr", "data"),
    "spike": ("addr", "words", "spread", "data"),
    "logit": ("addr", "data"),
    "mask": ("addr", "data"),
}
TARGETS = tuple(PORTS)

Write = tuple[str, dict[str, int]]  # target and the fields of its port


@dataclass
class Load:
    """One load and what it must do; ``sizes`` are the SystemVerilog parameters."""

    target: int
    dest: int
    records: int
    unit_words: int
    beats: list[int]
    writes: list[Write]
    coding: dict[str, int] = field(default_factory=dict)  # fields of CODING

    @property
    def coded(self) -> int:
        return self.coding["coded"]

    @property
    def descriptor(self) -> dict[str, int]:
        """``coding`` as fields of a descriptor."""
        book = self.coding["codebook"]
        words = {f"codebook_{i}": book >> 32 * i & 0xFFFF_FFFF for i in range(4)}
        return {n: v for n, v in self.coding.items() if n != "codebook"} | words


_WIDTHS = packing.widths("load_t")
CODING = {n: _WIDTHS[n] for n in ("coded", "block", "index_bits", "row_words", "first_word")}
CODING["codebook"] = 4 * _WIDTHS["codebook_0"]


def random_coding(target: int, index_width: int, coded: bool | None = None) -> dict[str, int]:
    """A legal coding, or with ``coded`` False noise that says so; None: either."""
    out = {name: random.getrandbits(bits) for name, bits in CODING.items()}
    if target not in (WEIGHT, ROW):
        coded = False
    elif coded is None:
        coded = random.random() < 0.6
    out["coded"] = int(coded)
    if coded and target == WEIGHT:
        out["index_bits"] = width = random.randint(0, index_width)
        if out["block"]:
            most = min(255, 1 << index_width - width)
            out["row_words"] = random.choice((1, most, random.randint(1, most)))
    return out


def weight_records(
    coding: Mapping[str, int],
    lanes: int,
    banks: int,
    index_width: int,
    records: int,
    codes: Sequence[int] = range(16),
) -> tuple[list[int], int, list[int]]:
    """Coded records of these ``codes``, their bits, and the weight words that they mean."""
    width = coding["index_bits"]
    size = -(-lanes * (width + 4) // 32) * 32
    coded, words = [], []
    for i in range(records):
        first = i // banks % coding["row_words"] << width if coding["block"] else 0
        record = random.getrandbits(size - 4 * lanes) << 4 * lanes  # behind the lanes is noise
        record |= sum(random.choice(codes) << 4 * lane for lane in range(lanes))
        word = 0
        for lane in range(lanes):
            code = record >> 4 * lane & 15
            weight = coding["codebook"] >> 8 * code & 0xFF
            index = first + (record >> 4 * lanes + width * lane & (1 << width) - 1)
            word |= (index << 8 | weight) << lane * (index_width + 8)
        coded.append(record)
        words.append(word)
    return coded, size, words


def used_codes(item: Load, lanes: int, lane: int) -> set[int]:
    """The codes that ``lane`` finds in the records of a coded weight load."""
    size = -(-lanes * (item.coding["index_bits"] + 4) // 32) * 32
    bits = sum(beat << 64 * i for i, beat in enumerate(item.beats))
    return {bits >> size * i + 4 * lane & 15 for i in range(item.records)}


def row_lengths(depth: int, banks: int, records: int) -> tuple[list[int], int, list[int]]:
    """Lengths of a coded row table, where its rows begin, and the entries that they mean."""
    sums, lengths = [0] * banks, []
    for i in range(records):
        length = min(random.choice((0, 1, 15, random.randrange(16))), depth - sums[i % banks])
        sums[i % banks] += length
        lengths.append(length)
    last = depth - max(*sums, 1)
    first = random.choice((0, last, random.randint(0, last)))
    following, entries = [first] * banks, []
    for i, length in enumerate(lengths):
        entries.append(following[i % banks] | length << 16 if length else first | 1 << 16)
        following[i % banks] += length
    return lengths, first, entries


def row_entry(depth: int) -> int:
    """A legal row-table entry, often one that ends with its bank; the reserved bits are random."""
    length = random.choice((1, random.randrange(1, min(255, depth) + 1), min(255, depth)))
    address = random.choice((0, depth - length, random.randrange(depth - length + 1)))
    return address | length << 16 | random.randrange(8) << 24 | random.getrandbits(4) << 28


def _beats(bits: int, width: int) -> list[int]:
    count = (width + 63) // 64
    return [bits >> 64 * i & (1 << 64) - 1 for i in range(count)]


def words(beats: Sequence[int], size: int, at: int | None = None) -> list[dict[str, int]]:
    """The words of ``size`` beats in which they come, from beat ``at`` of a word on (any), with the
    first and the last beat that counts; the others are noise."""
    at = random.randrange(size) if at is None else at
    out = []
    for begin in range(-at, len(beats), size):
        places = [k for k in range(size) if 0 <= begin + k < len(beats)]
        data = random.getrandbits(64 * size)
        for k in places:
            data &= ~((1 << 64) - 1 << 64 * k)
            data |= beats[begin + k] << 64 * k
        if places:
            out.append({"data": data, "first": places[0], "last": places[-1]})
    return out


def random_load(sizes: Mapping[str, int], target: int, *, records: int | None = None,
                unit_words: int | None = None, coded: bool | None = None,
                coding: dict[str, int] | None = None) -> Load:  # fmt: skip
    """A load that fits its memory, often to the last address; padding bits are random."""
    lanes, banks, line = sizes["Lanes"], sizes["Banks"], sizes["LineWords"]
    depth = {
        WEIGHT: sizes["BankDepth"], ROW: sizes["RowDepth"], PARAM: sizes["ParamDepth"],
        SPIKE: sizes["SpikeLines"], LOGIT: 1 << 16, MASK: MASK_LINES,
    }[target]  # fmt: skip
    per_address = banks if target in (WEIGHT, ROW) else 1
    if records is None:
        records = random.choice((0, 1, 2, random.randrange(3, min(40, depth * per_address))))
    span = (records + per_address - 1) // per_address
    dest = random.choice((0, depth - max(span, 1), random.randrange(depth - span + 1)))
    dest = min(dest, depth - 1)
    if unit_words is None:
        unit_words = random.choice((0, 1, line, random.randrange(1, line + 1)))
    width = {
        WEIGHT: lanes * (clog2(sizes["AccDepth"]) + WEIGHT_WIDTH), ROW: 32,
        PARAM: 2 * lanes * sizes["AccWidth"],
        SPIKE: lanes, LOGIT: 32, MASK: line * lanes,
    }[target]  # fmt: skip
    units = records * unit_words if target == SPIKE else records
    values = [random.getrandbits(width) for _ in range(units)]
    if target == ROW:
        values = [row_entry(sizes["BankDepth"]) for _ in range(units)]
    coding = coding or random_coding(target, clog2(sizes["AccDepth"]), coded)
    packed = values
    if coding["coded"] and target == WEIGHT:
        packed, width, values = weight_records(
            coding, lanes, banks, clog2(sizes["AccDepth"]), records
        )
    elif coding["coded"]:
        packed, coding["first_word"], values = row_lengths(sizes["BankDepth"], banks, records)
        width = 4
    writes: list[Write] = []
    wide = min(64 // lanes, line)  # spike words that can be written at once
    spread = spread_lines(sizes)
    if target == SPIKE and unit_words == 1 < spread and dest % spread == records % spread == 0:
        for i in range(0, units, spread):
            data = sum(value << lanes * k for k, value in enumerate(values[i : i + spread]))
            fields = {"addr": dest + i, "words": 1, "spread": 1, "data": data}
            writes.append((TARGETS[target], fields))
    elif target == SPIKE and unit_words % wide == 0:
        for i in range(0, units, wide):
            word = i % unit_words
            data = sum(value << lanes * k for k, value in enumerate(values[i : i + wide]))
            fields = {"addr": dest + i // unit_words, "words": (1 << wide) - 1 << word, "spread": 0,
                      "data": data << lanes * word}  # fmt: skip
            writes.append((TARGETS[target], fields))
    if target == ROW:
        writes = row_writes(sizes, dest, values, coding["coded"])
    for i, value in enumerate([] if writes else values):
        if target == WEIGHT:
            fields = {"bank": i % banks, "addr": dest + i // banks, "data": value}
        elif target == SPIKE:
            fields = {
                "addr": dest + i // unit_words, "words": 1 << i % unit_words, "spread": 0,
                "data": value << lanes * (i % unit_words),
            }  # fmt: skip
        else:
            fields = {"addr": dest + i, "data": value}
        writes.append((TARGETS[target], fields))
    beats = []
    if target in (WEIGHT, PARAM, MASK) and not coding["coded"]:  # every record in beats of its own
        padded = (width + 63) // 64 * 64
        for value in values:
            pad = random.getrandbits(padded - width) << width if padded > width else 0
            beats += _beats(value | pad, padded)
    else:
        bits = sum(value << width * i for i, value in enumerate(packed))
        length = width * units
        padded = (length + 63) // 64 * 64
        if padded > length:
            bits |= random.getrandbits(padded - length) << length
        beats = _beats(bits, padded)
    return Load(target, dest, records, unit_words, beats, writes, coding)


def row_writes(
    sizes: Mapping[str, int], dest: int, entries: Sequence[int], coded: int
) -> list[Write]:
    """The writes of the entries of a row table, as many at once as may be."""
    banks, several = sizes["Banks"], row_entries(sizes) if coded else 1
    several = 1 if len(entries) % several else several
    return [
        ("row", {
            "bank": i % banks, "addr": dest + i // banks, "spread": int(several > 1),
            "data": sum(x << 32 * k for k, x in enumerate(entries[i : i + several])),
        })
        for i in range(0, len(entries), several)
    ]  # fmt: skip


def row_entries(sizes: Mapping[str, int]) -> int:
    """Entries of a coded row table that are written at once."""
    return min(sizes.get("BusBytes", 8) // 8, sizes["Banks"])


def spread_lines(sizes: Mapping[str, int]) -> int:
    """Lines of one word that are written at once: words of a beat, of a line, or banks."""
    return min(64 // sizes["Lanes"], sizes["LineWords"], sizes.get("Groups", 2))


def written(target: str, fields: dict[str, int], sizes: Mapping[str, int]) -> Write:
    """A write as the port shows it, with the words that are not written blanked."""
    if target == "spike":
        lanes, words = sizes["Lanes"], fields["words"]
        if fields["spread"]:
            words = (1 << spread_lines(sizes)) - 1
        mask = sum(((1 << lanes) - 1) << lanes * i for i in range(64) if words >> i & 1)
        fields = fields | {"data": fields["data"] & mask}
    if target in ("row", "logit") and not fields.get("spread"):
        fields = fields | {"data": fields["data"] & 0xFFFF_FFFF}
    return target, fields
