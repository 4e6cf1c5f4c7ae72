# SPDX-License-Identifier: Apache-2.0
"""The memories inside the accelerator, for benches that flip their bits (Verilator only)."""

import random
import re

from cocotb.handle import Immediate


def memories(dut) -> list:
    """Every memory array of the accelerator."""
    found = []

    def visit(handle) -> None:
        for child in handle:
            if child._name == "mem":
                found.append(child)
            elif type(child).__name__.startswith("Hierarchy"):
                visit(child)

    visit(dut.u_accel)
    return found


def stored_words(ram) -> list:
    """The words of a psf_ram_parity or psf_ram_arrays, parity on top, by address."""
    if hasattr(ram, "gen_array"):
        return [word for array in ram.gen_array for word in array.u_array.u_ram.mem]
    return list(ram.u_ram.mem)


def grouped(dut) -> dict[str, list]:
    """The memories by their kind."""
    groups: dict[str, list] = {}
    for memory in memories(dut):
        groups.setdefault(kind(memory), []).append(memory)
    return groups


def kind(memory) -> str:
    """Path without the numbers of groups, lanes and banks."""
    path = re.sub(r"\.(u_ram|u_words|u_word)?\.?mem$", "", memory._path.partition("u_accel.")[2])
    return re.sub(r"\.?gen_\w+\[\d+\]", "", path).replace("u_", "")


def flip(memory) -> str:
    """Flip one bit at once; half of the words come from the lower quarter, which is used more."""
    depth = len(memory)
    word = random.randrange(depth if random.random() < 0.5 else max(1, depth // 4))
    value = memory[word].value
    bit = random.randrange(len(value))
    memory[word].value = Immediate(int(value) ^ 1 << bit)
    return f"{memory._path} word {word} bit {bit}"
