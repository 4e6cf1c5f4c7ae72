# SPDX-License-Identifier: Apache-2.0
"""Where the parts of a program lie in the memory of a bench."""

from golden.hardware.compile.compiled import Program


def memory_map(program: Program) -> dict[str, int]:
    """Byte addresses in DRAM, none at a round number so that relocation is exercised."""
    at, out = 0x40, {}
    for name, size in (
        ("program", len(program.program)),
        ("weights", len(program.weights)),
        ("image", program.image_bytes),
        ("result", program.result_bytes),
    ):
        out[name] = at
        at += -(-size // 64) * 64 + 0xAC0
    return out | {"end": at}
