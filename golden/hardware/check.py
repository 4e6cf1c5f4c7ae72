# SPDX-License-Identifier: Apache-2.0
"""Is a program legal on this hardware? The twin of ``rtl/program/psf_descriptor_check.sv``.

:func:`first_fault` says where decoding stops and with which cause; a program without one can still
stop for what only shows while it runs (bus errors, data of a load, addresses that layers reach).
:func:`check_program` tells a user the same in one sentence before anything is started, and
:func:`from_capabilities` makes the hardware from the registers that software reads.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

from golden.contract.errors import UserError
from golden.hardware import isa
from golden.hardware.coded_record import LENGTH_BITS, record_halves
from golden.hardware.configuration import (  # fmt: skip
    BEAT_BITS,
    FEATURES,
    MASK_LINES,
    MAX_LAYERS,
    MAX_SHIFT,
    MAX_WINDOW,
    MIN_PLANES,
    SUM_BITS,
    Hardware,
    clog2,
)
from golden.hardware.interface import table

_NAMES = {code.value: code.name.lower() for code in table.OPCODES.codes}


@dataclass(frozen=True)
class Fault:
    """Why a program stops at descriptor ``index``: ``cause`` is psf_pkg::ERROR_*."""

    cause: int
    index: int
    what: str

    def __str__(self) -> str:
        return f"descriptor {self.index}: {self.what}"


class HardwareStop(Exception):
    """The accelerator stops with ``fault``."""

    def __init__(self, fault: Fault):
        super().__init__(str(fault))
        self.fault = fault


def first_fault(hardware: Hardware, program: bytes, count: int) -> Fault | None:
    """What decoding ``count`` descriptors of ``program`` stops at; None if it reaches the end."""
    before = 0
    for index, descriptor in enumerate(isa.cut(program)[:count]):
        before = isa.checksum(descriptor, before)
        stored = int.from_bytes(descriptor[-4:], "little")
        if stored != before:
            return Fault(
                isa.ERROR_PROGRAM_CRC, index, f"its CRC is {stored:#010x}, not {before:#010x}"
            )
        cause, what = descriptor_fault(hardware, descriptor)
        if cause:
            return Fault(cause, index, what)
        if descriptor[0] == isa.OP_END:
            return None
    return Fault(
        isa.ERROR_NO_END, max(count, 1) - 1, f"the last of {count} descriptors is not the end"
    )


def descriptor_fault(hardware: Hardware, descriptor: bytes) -> tuple[int, str]:
    """(cause, in words) of one descriptor on its own; cause 0 if it is legal."""
    op = descriptor[0]
    if op not in isa.FIELDS:
        return isa.ERROR_OPCODE, f"opcode {op:#04x} is unknown"
    _, f = isa.decode(descriptor)
    rules = {
        isa.OP_LOAD: _load, isa.OP_LAYER: _layer, isa.OP_STORE: _store, isa.OP_END: lambda h, f: ()
    }[op](hardware, f)  # fmt: skip
    for broken, what in rules:
        if broken:
            return isa.ERROR_FIELD, f"{_NAMES[op]}: {what}"
    if op == isa.OP_LOAD:
        end, depth = f["dest"] + addresses(hardware, f), target_depth(hardware, f["target"])
        if end > depth:
            return isa.ERROR_OVERRUN, f"load: it ends at address {end} of a memory of {depth}"
    return isa.ERROR_NONE, ""


Rules = Iterator[tuple[bool, str]]


def _load(h: Hardware, f: dict[str, int]) -> Rules:
    target, records = f["target"], f["records"]
    yield target > isa.TARGET_MASK, f"target {target} is none of 0 to {isa.TARGET_MASK}"
    yield records < 1, "records is 0"
    if target in (isa.TARGET_WEIGHT, isa.TARGET_ROW):
        yield records % h.banks != 0, f"records {records} is no multiple of the {h.banks} banks"
    if target in (isa.TARGET_ROW, isa.TARGET_LOGIT):
        yield records % 2 != 0, f"records {records} is odd, a beat holds two"
    if target == isa.TARGET_SPIKE:
        yield (
            not 1 <= f["unit_words"] <= h.line_words,
            f"unit_words {f['unit_words']} is none of 1 to {h.line_words}",
        )
    yield f["offset"] % 8 != 0, f"offset {f['offset']} is no multiple of 8"
    if f["coded"]:
        yield (
            target not in (isa.TARGET_WEIGHT, isa.TARGET_ROW),
            f"target {target} cannot be coded, only weights and rows",
        )
    if f["coded"] and target == isa.TARGET_WEIGHT:
        bits, words = f["index_bits"], f["row_words"]
        yield bits > h.index_width, f"index_bits {bits} is beyond {h.index_width}"
        if f["block"]:
            yield (
                not 1 <= words << bits <= 1 << h.index_width,
                f"row_words {words} of blocks of {1 << bits} do not lie within 1 to "
                f"{1 << h.index_width} accumulators",
            )


def _layer(h: Hardware, f: dict[str, int]) -> Rules:
    mode = f["mode"]
    yield f["id"] >= MAX_LAYERS, f"id {f['id']} is beyond {MAX_LAYERS - 1}"
    for name in ("steps", "width", "height", "in_lines", "in_words", "out_words", "row_cost"):
        yield f[name] < 1, f"{name} is 0"
    yield f["out_words"] > h.acc_depth, f"out_words {f['out_words']} is beyond {h.acc_depth}"
    yield from _windows(h, f)
    yield f["shift"] > MAX_SHIFT, f"shift {f['shift']} is beyond {MAX_SHIFT}"
    yield (
        mode != isa.MODE_SPIKE and f["charge"] > 0,
        f"charge {f['charge']} in a layer that is not of mode {isa.MODE_SPIKE}",
    )
    if mode == isa.MODE_KEY_VALUE:
        m, tokens = f["head_words"], h.patch_lines
        yield m not in (1, 2, 4), f"head_words {m} is none of 1, 2, 4"
        yield f["head_lanes"] > clog2(h.lanes), f"head_lanes {f['head_lanes']} is too large"
        yield not 1 <= f["tokens"] <= tokens, f"tokens {f['tokens']} is none of 1 to {tokens}"
        yield f["out_words"] != m * m * h.lanes, f"out_words {f['out_words']} does not fit a head"
        yield 2 * m << f["in_block"] > h.line_words, f"head_words {m} is beyond half a line"
    else:
        lines = (9 if f["kernel3"] else 1) * f["in_lines"]
        yield lines > h.patch_lines, f"a patch of {lines} lines is larger than {h.patch_lines}"
        end = f["mask_base"] + (9 if f["kernel3"] else 1) * f["mask_lines"]
        yield f["mask_lines"] and end > MASK_LINES, f"a mask ends at {end}, beyond {MASK_LINES}"
    if mode == isa.MODE_HEAD:
        yield (
            not 1 <= f["tokens"] <= h.classes,
            f"{f['tokens']} classes are none of 1 to {h.classes}",
        )
    if mode == isa.MODE_HEAD and not f["merge"]:  # of the summed stream
        planes = f"none of {MIN_PLANES} to {SUM_BITS} planes"
        yield not MIN_PLANES <= f["steps"] <= SUM_BITS, f"steps {f['steps']} is {planes}"
        yield f["width"] != 1 or f["height"] != 1, "more than one token without merge in a head"
        yield f["in_words"] < 2, "in_words is 1, a word of channels and one of constants are less"
        yield f["stream_tokens"] < 1, "stream_tokens is 0 in a head without merge"
        yield bool(f["pool"] or f["repeat_drain"]), "pool or repeat_drain in a head without merge"
    if mode not in (isa.MODE_SPIKE, isa.MODE_RESIDUAL):
        yield f["images"] > 0, f"images {f['images']} in a layer that writes no spikes"
    else:
        yield f["out_lines"] < 1, "out_lines is 0"
        yield f["out_step"] < 1, "out_step is 0"
        yield f["out_step"] < f["out_words"], f"out_step {f['out_step']} is less than out_words"
    apart = mode != isa.MODE_SPIKE or f["pool"] > 0
    yield f["pair"] > 0 and apart, "pair in a layer that pools or is no spike layer"
    if mode == isa.MODE_RESIDUAL:
        yield bool(f["pool"]), "pool is set in a residual layer"


def _windows(h: Hardware, f: dict[str, int]) -> Rules:
    """Of the timesteps that lie side by side, and of those that one accumulation takes."""
    mode, window, longest = f["mode"], f["window"], clog2(min(MAX_WINDOW, h.line_words))
    for name in ("in_block", "out_block"):
        yield f[name] > longest, f"{name} {f[name]} is beyond {longest}"
    yield window > f["in_block"], f"window {window} is beyond in_block {f['in_block']}"
    apart = mode == isa.MODE_KEY_VALUE or f["merge"] or f["repeat_drain"] or f["step_rows"] > 0
    yield window > 0 and apart, f"window {window} where every timestep is on its own"
    sets = (1 << (1 << window)) - 1
    yield (
        sets << clog2(f["out_words"]) > h.entries and window > 0,
        f"window {window} needs {sets << clog2(f['out_words'])} accumulators of {h.entries}",
    )
    if mode == isa.MODE_HEAD and not f["merge"]:
        yield f["in_block"] > 0, f"in_block {f['in_block']} in a head without merge"


def _store(h: Hardware, f: dict[str, int]) -> Rules:
    logits = f["logits"]
    yield not 1 <= logits <= h.classes, f"logits {logits} is none of 1 to {h.classes}"
    yield f["offset"] % 8 != 0, f"offset {f['offset']} is no multiple of 8"


# -- loads ------------------------------------------------------------------------------------


def target_depth(hardware: Hardware, target: int) -> int:
    """Addresses of the memory that a load fills."""
    return {
        isa.TARGET_WEIGHT: hardware.bank_depth,
        isa.TARGET_ROW: hardware.row_depth,
        isa.TARGET_PARAM: hardware.param_depth,
        isa.TARGET_SPIKE: hardware.spike_lines,
        isa.TARGET_LOGIT: hardware.classes,
        isa.TARGET_MASK: MASK_LINES,
    }[target]


def addresses(hardware: Hardware, fields: dict[str, int]) -> int:
    """Addresses that a load fills."""
    in_banks = fields["target"] in (isa.TARGET_WEIGHT, isa.TARGET_ROW)
    return fields["records"] // (hardware.banks if in_banks else 1)


def load_bytes(hardware: Hardware, fields: dict[str, int]) -> int:
    """Bytes of DRAM that a load reads, whole beats."""
    target, records = fields["target"], fields["records"]
    if fields["coded"] and target == isa.TARGET_WEIGHT:
        return bits_to_bytes(records * 32 * record_halves(hardware.lanes, fields["index_bits"]))
    if fields["coded"] and target == isa.TARGET_ROW:
        return bits_to_bytes(records * LENGTH_BITS)
    bits = {
        isa.TARGET_WEIGHT: hardware.lanes * hardware.slot_width,
        isa.TARGET_ROW: 32,
        isa.TARGET_PARAM: 2 * hardware.lanes * hardware.acc_width,
        isa.TARGET_SPIKE: fields["unit_words"] * hardware.lanes,
        isa.TARGET_LOGIT: 32,
        isa.TARGET_MASK: hardware.line_words * hardware.lanes,
    }[target]
    if target in (isa.TARGET_WEIGHT, isa.TARGET_PARAM, isa.TARGET_MASK):
        # every record begins with a beat
        bits = -(-bits // BEAT_BITS) * BEAT_BITS
    return bits_to_bytes(records * bits)


def bits_to_bytes(bits: int) -> int:
    """Bytes of the whole beats that hold ``bits``."""
    return -(-bits // BEAT_BITS) * (BEAT_BITS // 8)


def load_data(hardware: Hardware, index: int, fields: dict[str, int], image: bytes) -> bytes:
    """The bytes of a load out of ``image``; raises HardwareStop if the CRC that the program has of
    them is wrong (it has none of what comes from the image, see :func:`image_crc`).

    What lies behind the end of ``image`` reads 0.
    """
    size = load_bytes(hardware, fields)
    data = image[fields["offset"] : fields["offset"] + size].ljust(size, b"\0")
    if fields["check"] and not fields["from_image"] and crc32(data) != fields["crc"]:
        what = (
            f"load: the CRC of its {size} bytes is {crc32(data):#010x}, not {fields['crc']:#010x}"
        )
        raise HardwareStop(Fault(isa.ERROR_WEIGHT_CRC, index, what))
    return data


def image_crc(hardware: Hardware, program: bytes, image: bytes, want: int | None = None) -> int:
    """What an entry of the ring may say of ``image``: the CRC-32 of all that ``program`` loads of
    it, in the order of its loads, up to the one with ``check``.

    Raises HardwareStop if it is not ``want``.
    """
    found = crc = 0
    for index, descriptor in enumerate(isa.cut(program)):
        op, fields = isa.decode(descriptor)
        if op == isa.OP_LOAD and fields["from_image"]:
            crc = crc32(load_data(hardware, index, fields, image), crc)
            if fields["check"]:
                if want not in (None, crc):
                    what = f"image: its CRC is {crc:#010x}, not {want:#010x}"
                    raise HardwareStop(Fault(isa.ERROR_IMAGE_CRC, index, what))
                found, crc = crc, 0
    return found


# -- for users --------------------------------------------------------------------------------


def check_program(
    hardware: Hardware, program: bytes, count: int, weights: bytes | None = None
) -> None:
    """Raise UserError if ``hardware`` would not take ``program`` (or not its ``weights``).

    ``count`` is what goes into PROGRAM_COUNT.
    """
    available, rest = divmod(len(program), isa.DESCRIPTOR_BYTES)
    if rest or not 1 <= count <= min(available, 0xFFFF):
        raise UserError(
            f"program: {count} descriptors of {isa.DESCRIPTOR_BYTES} bytes are not in a file of "
            f"{len(program)} bytes; give the number of descriptors that the file has"
        )
    fault = first_fault(hardware, program, count)
    if fault is None and weights is not None:
        fault = _weights_fault(hardware, program, weights)
    if fault:
        raise UserError(
            f"program: {fault} (cause {fault.cause}) on hardware {hardware.name}; compile it again "
            "for this hardware, or copy it again if a CRC is wrong"
        )
    end = next(i for i, d in enumerate(isa.cut(program)) if d[0] == isa.OP_END)
    if end != count - 1:
        raise UserError(
            f"program: its end is descriptor {end}, so that the last {count - 1 - end} of {count} "
            "are never executed; give the number of descriptors up to the end"
        )


def _weights_fault(hardware: Hardware, program: bytes, weights: bytes) -> Fault | None:
    for index, descriptor in enumerate(isa.cut(program)):
        op, fields = isa.decode(descriptor)
        if op == isa.OP_END:
            return None
        if op != isa.OP_LOAD or fields["from_image"]:
            continue
        end = fields["offset"] + load_bytes(hardware, fields)
        if end > len(weights):
            what = f"load: it reads up to byte {end} of a weight image of {len(weights)}"
            return Fault(isa.ERROR_READ, index, what)
        try:
            load_data(hardware, index, fields, weights)
        except HardwareStop as stop:
            return stop.fault
    return None


def capabilities(hardware: Hardware) -> list[int]:
    """What the registers CAP0 to CAP6 of ``hardware`` read."""
    h, low = hardware, 0xFFFF  # a depth of 65,536 reads 0
    return [
        h.groups | h.lanes << 8 | h.banks << 16 | h.line_words << 24,
        h.acc_depth | h.acc_width << 16 | h.stream_width << 24,
        h.bank_depth & low | (h.row_depth & low) << 16,
        h.param_depth & low | (h.patch_lines & low) << 16,
        h.spike_lines & low | (h.stream_depth & low) << 16,
        isa.DESCRIPTOR_FORMAT | h.bus_bytes << 8 | FEATURES - (not h.parity) << 16,
        h.classes | h.patterns << 16,
    ]


def from_capabilities(words: Sequence[int]) -> Hardware:
    """The hardware that says ``words`` in CAP0 to CAP6; UserError if it takes other programs."""
    if len(words) != 7:
        raise UserError(f"capabilities: {len(words)} words given, read the seven of CAP0 to CAP6")
    bus_bytes = words[5] >> 8 & 0xFF
    if words[5] & 0xFF != isa.DESCRIPTOR_FORMAT or bus_bytes not in (8, 16, 32):
        raise UserError(
            f"capabilities: CAP5 {words[5]:#010x} means descriptor format {words[5] & 0xFF} and "
            f"{bus_bytes} bytes per word of the bus, this compiler writes format "
            f"{isa.DESCRIPTOR_FORMAT} for 8, 16 or 32; use the compiler of "
            "that hardware's version"
        )

    def halves(word: int) -> tuple[int, int]:
        return word & 0xFFFF, word >> 16

    bytes_0 = [words[0] >> s & 0xFF for s in (0, 8, 16, 24)]
    bank_depth, row_depth = halves(words[2])
    param_depth, patch_lines = halves(words[3])
    spike_lines, stream_depth = halves(words[4])
    classes, patterns = halves(words[6])
    known = (
        *bytes_0, words[1] & 0xFFFF, patterns, words[1] >> 16 & 0xFF, words[1] >> 24,
        bank_depth, row_depth, param_depth, spike_lines, stream_depth, patch_lines, classes,
    )  # fmt: skip
    parity = words[5] >> 16 & 1
    # No program depends on the arrays of a bank, so they are not told: the nearest preset's.
    rest = parity, bus_bytes
    return min((Hardware(*known, arrays, *rest) for arrays in (1, 2)), key=lambda h: len(h.name))
