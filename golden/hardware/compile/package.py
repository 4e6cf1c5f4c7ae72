# SPDX-License-Identifier: Apache-2.0
"""A network, images and what they must give as one file that the C driver reads.

The header is ``struct psf_package`` of ``sw/psf.h``: little-endian words of 32 bits. Parts begin at
multiples of 64 bytes, and so does whatever lies beside the package, e.g. the results.
"""

import struct
from collections.abc import Sequence
from zlib import crc32

import numpy as np

from golden.contract.narrow import narrow
from golden.hardware.check import capabilities
from golden.hardware.compile.compiled import Program

MAGIC, VERSION, ALIGN = 0x50465350, 3, 64  # the letters PSFP
_HEADER = struct.Struct("<24I")
_CRC = 3  # its word


def package(program: Program, images: Sequence[bytes] = (), logits: Sequence = ()) -> bytes:
    """The bytes of a package. images: packed ones, those of a job each (`Program.pack_images`).
    logits: of each job, int64 (classes,), or (images, classes) for several images; the class of an
    image is their lowest arg max."""
    assert program.config is not None and len(images) == len(logits)
    out = bytearray(_HEADER.size)

    def part(data: bytes) -> int:
        out.extend(bytes(-len(out) % ALIGN))
        out.extend(data)
        return len(out) - len(data)

    places = [part(program.program), part(program.weights)]
    stride = -(-program.image_bytes // ALIGN) * ALIGN
    first_image = part(b"".join(image.ljust(stride, b"\0") for image in images))
    rows = [row for job in logits for row in np.reshape(job, (program.images, -1))]
    answers = [
        narrow(np.r_[np.argmax(row), row], "<i4", f"class and logits of image {i}").tobytes()
        for i, row in enumerate(rows)
    ]
    expected = part(b"".join(answers))
    out.extend(bytes(-len(out) % ALIGN))
    words = [
        MAGIC, VERSION, len(out), 0, *capabilities(program.hardware),
        places[0], program.count, places[1], len(program.weights),
        first_image, program.image_bytes, stride, len(images), expected if images else 0,
        program.config.classes, program.result_bytes, program.images, 0,
    ]  # fmt: skip
    _HEADER.pack_into(out, 0, *words)
    struct.pack_into("<I", out, 4 * _CRC, crc32(out))
    return bytes(out)


def c_source(data: bytes, name: str) -> str:
    """A C array of the package, of 32-bit words, aligned for the accelerator's bus."""
    words = np.frombuffer(data, "<u4")
    rows = [
        "  " + ", ".join(f"0x{w:08x}" for w in words[i : i + 8]) for i in range(0, len(words), 8)
    ]
    return (
        "/* Written by psf compile; open it with psf_package_open. */\n#include <stdint.h>\n\n"
        f"extern const uint32_t {name}[{len(words)}];\n"
        f"const uint32_t {name}[{len(words)}]\n"
        f"#if defined(__GNUC__)\n    __attribute__((aligned({ALIGN})))\n#endif\n    = {{\n"
        + ",\n".join(rows) + "\n};\n"
    )  # fmt: skip


def hexadecimal(data: bytes) -> str:
    """For ``$readmemh``: a word of 64 bits a line."""
    return "".join(f"{word:016x}\n" for word in np.frombuffer(data, "<u8"))
