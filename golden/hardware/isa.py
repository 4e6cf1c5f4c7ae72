# SPDX-License-Identifier: Apache-2.0
"""Program descriptors: 64 bytes, sixteen little-endian words. Mirrors ``rtl/psf_pkg.sv``.

Word 15 is a CRC-32 chained over the program: that of everything up to and including words 0 to 14
of its own descriptor, with every word 15 counted as 0.
"""

import struct
from zlib import crc32

from golden.contract.errors import UserError

FORMAT = 5  # of the descriptors, in the register CAP5
DESCRIPTOR_BYTES = 64
OP_LOAD, OP_LAYER, OP_STORE, OP_END = 1, 2, 3, 4
TARGET_WEIGHT, TARGET_ROW, TARGET_PARAM, TARGET_SPIKE, TARGET_LOGIT, TARGET_MASK = range(6)
MODE_SPIKE, MODE_RESIDUAL, MODE_KEY_VALUE, MODE_HEAD = range(4)
(
    ERROR_NONE, ERROR_OPCODE, ERROR_FIELD, ERROR_READ, ERROR_WRITE, ERROR_PROGRAM_CRC,
    ERROR_WEIGHT_CRC, ERROR_NO_END, ERROR_OVERRUN, ERROR_READ_WINDOW, ERROR_WRITE_WINDOW,
    ERROR_PARITY, ERROR_TIMEOUT, ERROR_ABORT,
) = range(14)  # fmt: skip

# field: (word, lowest bit, bits)
LOAD_FIELDS = {
    "wait_layers": (1, 0, 16),
    "wait_previous": (1, 16, 16),
    "target": (2, 0, 4),
    "from_image": (2, 4, 1),
    "check": (2, 5, 1),
    "unit_words": (2, 8, 8),
    "dest": (2, 16, 16),
    "records": (3, 0, 24),
    "offset": (4, 0, 32),
    "crc": (5, 0, 32),
    "coded": (2, 6, 1),
    "block": (2, 7, 1),
    "index_bits": (6, 0, 4),
    "row_words": (6, 8, 8),
    "first_word": (6, 16, 16),
    "codebook_0": (8, 0, 32),
    "codebook_1": (9, 0, 32),
    "codebook_2": (10, 0, 32),
    "codebook_3": (11, 0, 32),
}
LAYER_FIELDS = {
    "id": (0, 8, 8),
    "mode": (0, 16, 2),
    "kernel3": (0, 18, 1),
    "merge": (0, 19, 1),
    "repeat_drain": (0, 20, 1),
    "pool": (0, 21, 1),
    "first": (0, 22, 1),
    "shift": (0, 24, 4),
    "wait_loads": (1, 0, 16),
    "charge": (1, 16, 16),
    "in_base": (2, 0, 16),
    "in_row_lines": (2, 16, 16),
    "width": (3, 0, 16),
    "height": (3, 16, 16),
    "in_lines": (4, 0, 8),
    "out_lines": (4, 8, 8),
    "steps": (4, 16, 8),
    "row_cost": (4, 24, 8),
    "in_first": (5, 0, 8),
    "in_words": (5, 8, 8),
    "in_step": (5, 16, 8),
    "out_words": (5, 24, 8),
    "row_base": (6, 0, 16),
    "tap_rows": (6, 16, 16),
    "step_rows": (7, 0, 16),
    "param_base": (7, 16, 16),
    "out_base": (8, 0, 16),
    "out_row_lines": (8, 16, 16),
    "out_clear": (9, 0, 16),
    "out_first": (9, 16, 8),
    "out_step": (9, 24, 8),
    "stream_stride": (10, 0, 16),
    "head_words": (10, 16, 8),
    "head_lanes": (10, 24, 8),
    "tokens": (11, 0, 16),
    "dump_base": (11, 16, 16),
    "dump_step": (12, 0, 16),
    "dump_block": (12, 16, 16),
    "mask_base": (13, 0, 8),
    "mask_lines": (13, 8, 8),
    "stream_tokens": (13, 16, 16),
}
STORE_FIELDS = {"logits": (2, 0, 32), "offset": (4, 0, 32)}
FIELDS = {OP_LOAD: LOAD_FIELDS, OP_LAYER: LAYER_FIELDS, OP_STORE: STORE_FIELDS, OP_END: {}}


def encode(op: int, name: str, **values: int) -> bytes:
    """One descriptor, not yet sealed; ``name`` is what an error message calls it.

    Fields not given are 0.
    """
    words = [op] + [0] * 15
    for field, value in values.items():
        word, low, bits = FIELDS[op][field]
        if not 0 <= value < 1 << bits:
            raise UserError(
                f"{name}: {field} is {value}, which does not fit the {bits} bits of its descriptor "
                f"field (largest {(1 << bits) - 1}); use a smaller network"
            )
        words[word] |= int(value) << low
    return struct.pack("<16I", *words)


def cut(program: bytes) -> list[bytes]:
    """The descriptors of a program; a last one that is not whole is left out."""
    whole = len(program) // DESCRIPTOR_BYTES * DESCRIPTOR_BYTES
    return [program[at : at + DESCRIPTOR_BYTES] for at in range(0, whole, DESCRIPTOR_BYTES)]


def checksum(descriptor: bytes, before: int) -> int:
    """What word 15 has to be, behind a descriptor whose word 15 has to be ``before`` (first: 0)."""
    return crc32(descriptor[:-4] + bytes(4), before)


def sealed(program: bytes) -> bytes:
    """``program``, whatever its words 15 are, with a right CRC in each of them."""
    out, crc = [], 0
    for descriptor in cut(program):
        crc = checksum(descriptor, crc)
        out.append(descriptor[:-4] + struct.pack("<I", crc))
    return b"".join(out)


def decode(descriptor: bytes) -> tuple[int, dict[str, int]]:
    """Opcode and fields of one descriptor."""
    words = struct.unpack("<16I", descriptor)
    op = words[0] & 0xFF
    if op not in FIELDS:
        raise ValueError(f"unknown opcode {op:#x}")
    return op, {f: words[w] >> low & (1 << n) - 1 for f, (w, low, n) in FIELDS[op].items()}
