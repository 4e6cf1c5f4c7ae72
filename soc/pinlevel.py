# SPDX-License-Identifier: Apache-2.0
"""The board at its pins in Verilator: the top level of the bitstream between models of what is
soldered beside it (soc/models/psf_board.sv). Cells of the ECP5 that LiteX names have models in
soc/models/ecp5/ or in Yosys.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyosys

from golden.hardware.configuration import Hardware
from soc import simulation, ulx3s
from soc.console import BAUD

TOP = "psf_board"
MODELS = Path(__file__).parent / "models"
CELLS = Path(pyosys.__file__).parent / "share" / "ecp5" / "cells_sim.v"
TIMED = ("--main", "--timing", "-CFLAGS", "-std=c++20")
_FLAGS = (*TIMED, "-v", str(CELLS), f"-I{CELLS.parent}")
_MODELS = (*sorted(MODELS.glob("*.sv")), *sorted(MODELS.glob("ecp5/*.sv")), MODELS / "host.cpp")
_DQ = re.compile(r"^( *)input( +(?:wire +)?\[15:0\] *sdram_dq\b)", re.MULTILINE)


@dataclass(frozen=True)
class Board:
    """Verilog of the FPGA's top level, other sources, bits a second of its UART."""

    verilog: str
    sources: tuple[Path, ...]
    baud: int


def bidirectional(verilog: str) -> str:
    """The pins of the SDRAM's data as what they are: LiteX declares them as inputs, which
    nextpnr does not mind."""
    changed, times = _DQ.subn(r"\1inout\2", verilog)
    if times != 1:
        raise ValueError(f"{times} declarations of sdram_dq as an input")
    return changed


def from_rtl(folder: Path, hardware: Hardware, clock_hz: int) -> Board:
    """What LiteX writes, and the sources of the accelerator. ``folder`` gets the files that are
    read when it starts."""
    files = ulx3s.write(folder, hardware, clock_hz, parameters=True)
    text = re.sub(r"^//.*\n", "", files.verilog.read_text(), flags=re.MULTILINE)  # today's date
    return Board(bidirectional(text), files.sources, BAUD)


def build(board: Board) -> Path:
    """Compile the simulation, unless one of the same contents is there; the program."""
    texts = {f"{ulx3s.TOP}.v": board.verilog}
    return simulation.verilate(TOP, texts, (*board.sources, *_MODELS), _FLAGS)


def fill(folder: Path, memory: bytes) -> None:
    """Write what the SDRAM holds from its beginning on; the address is row, bank, column."""
    words = np.frombuffer(memory + bytes(len(memory) % 2), "<u2") if memory else [0]
    (folder / "sdram.init").write_text("".join(f"{word:04x}\n" for word in words))


@contextmanager
def serving(hardware: Hardware, clock_hz: int, memory: bytes = b"") -> Iterator[str]:
    """A simulated board, ``memory`` in its SDRAM; the pseudo-terminal that is its serial port."""
    simulation.BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=simulation.BUILD) as name:
        folder = Path(name).resolve()
        board = from_rtl(folder, hardware, clock_hz)
        program = build(board)
        fill(folder, memory)
        with simulation.on_terminal([program, f"+baud={board.baud}"], folder) as port:
            yield port
