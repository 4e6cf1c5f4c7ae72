# SPDX-License-Identifier: Apache-2.0
"""Program descriptors: 64 bytes, sixteen little-endian words. Their fields and all codes come from
``golden/hardware/interface/table.py``.

Word 15 is a CRC-32 chained over the program: that of everything up to and including words 0 to 14
of its own descriptor, with every word 15 counted as 0.
"""

import struct
from zlib import crc32

from golden.contract.errors import UserError
from golden.hardware.interface import table

# generated: codes (python -m golden.hardware.interface)
DESCRIPTOR_FORMAT = 7  # of the descriptors, in the register CAP5
DESCRIPTOR_BYTES = 64  # sixteen little-endian words of 32 bits
OP_LOAD = 1  # read data from DRAM into a memory on the chip
OP_LAYER = 2  # run one layer
OP_STORE = 3  # write label and logits to the result address
OP_END = 4  # the program ends here
TARGET_WEIGHT = 0  # weight words of the banks
TARGET_ROW = 1  # row table of the banks
TARGET_PARAM = 2  # biases and thresholds
TARGET_SPIKE = 3  # lines of the spike memory
TARGET_LOGIT = 4  # logit accumulators
TARGET_MASK = 5  # row mask of every group
MODE_SPIKE = 0  # + bias, LIF, pack, write
MODE_RESIDUAL = 1  # + bias, + stream, back, LIF, write
MODE_KEY_VALUE = 2  # K^T V counts into the weight banks
MODE_HEAD = 3  # add to the logits
ERROR_NONE = 0  # no error
ERROR_OPCODE = 1  # unknown opcode
ERROR_FIELD = 2  # a descriptor field is out of range
ERROR_READ = 3  # SLVERR or DECERR on a read
ERROR_WRITE = 4  # SLVERR or DECERR on a write
ERROR_PROGRAM_CRC = 5  # the CRC-32 of a descriptor is wrong
ERROR_WEIGHT_CRC = 6  # the CRC-32 of the data of a load is wrong
ERROR_NO_END = 7  # PROGRAM_COUNT descriptors without OP_END
ERROR_OVERRUN = 8  # beyond the end of a memory on the chip
ERROR_READ_WINDOW = 9  # a read outside its window; it was not issued
ERROR_WRITE_WINDOW = 10  # a write outside its window; not issued
ERROR_PARITY = 11  # wrong parity in a memory on the chip
ERROR_TIMEOUT = 12  # a job took more than WATCHDOG cycles
ERROR_ABORT = 13  # CTRL.abort
ERROR_IMAGE_CRC = 14  # the CRC-32 of an image is not that of its ring entry
# end generated

# opcode: {field: (word, lowest bit, bits)}
_BY_NAME = {
    d.opcode: {f.name: (f.word, f.low, f.bits) for f in d.fields} for d in table.DESCRIPTORS
}
FIELDS = {code.value: _BY_NAME[code.name] for code in table.OPCODES.codes}
LOAD_FIELDS, LAYER_FIELDS, STORE_FIELDS = FIELDS[OP_LOAD], FIELDS[OP_LAYER], FIELDS[OP_STORE]


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
