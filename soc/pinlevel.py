# SPDX-License-Identifier: Apache-2.0
"""The board at its pins in Verilator: the top level of the bitstream, from RTL or as the netlist
that is placed (soc/netlist.py), between models of what is soldered beside it
(soc/models/psf_board.sv). Cells of the ECP5 that LiteX names have models in soc/models/ecp5/ or in
Yosys.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import numpy as np

from golden.contract.errors import UserError
from golden.contract.files import write_json
from golden.hardware.configuration import Hardware
from soc import netlist, simulation, ulx3s
from soc.console import BAUD

TOP = "psf_board"
MODELS = Path(__file__).parent / "models"
# Found, not imported: the library of Yosys and that of torch do not live in one process.
CELLS = Path(str(distribution("pyosys").locate_file("pyosys/share/ecp5/cells_sim.v")))
SYSTEM = "system.json"  # beside a netlist: what is not to be seen in it
TABLE = "netlist.txt"
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


def describe(folder: Path) -> None:
    """Leave beside a netlist what `from_netlist` has to know."""
    write_json(folder / SYSTEM, {"baud": BAUD})


def digest(folder: Path) -> str:
    """Which netlist it is."""
    return hashlib.sha256((folder / "flat.json").read_bytes()).hexdigest()[:16]


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


def from_netlist(folder: Path, made: Path) -> Board:
    """The netlist that `psf bitstream` left in ``made``; its firmware is in its block RAM.
    ``folder`` gets the file that is read when it starts.

    Raises:
        UserError: there is none.
    """
    try:
        baud = json.loads((made / SYSTEM).read_text())["baud"]
        code = hashlib.sha256(Path(netlist.__file__).read_bytes()).hexdigest()[:8]
        kept = simulation.BUILD / f"netlist-{digest(made)}-{code}"
    except FileNotFoundError as error:
        raise UserError(
            f"there is no {error.filename}: `psf bitstream --netlist` makes it"
        ) from None
    if not (kept / TABLE).is_file():
        kept.mkdir(parents=True, exist_ok=True)
        table = netlist.Table(made / "flat.json", ulx3s.TOP)
        (kept / "shell.v").write_text(table.verilog(ulx3s.TOP))
        (kept / "part").write_text(table.text())
        (kept / "part").rename(kept / TABLE)
    shutil.copy(kept / TABLE, folder / TABLE)
    return Board((kept / "shell.v").read_text(), (netlist.ENGINE,), baud)


def build(board: Board) -> Path:
    """Compile the simulation, unless one of the same contents is there; the program."""
    texts = {f"{ulx3s.TOP}.v": board.verilog}
    return simulation.verilate(TOP, texts, (*board.sources, *_MODELS), _FLAGS)


def fill(folder: Path, memory: bytes) -> None:
    """Write what the SDRAM holds from its beginning on; the address is row, bank, column."""
    words = np.frombuffer(memory + bytes(len(memory) % 2), "<u2") if memory else [0]
    (folder / "sdram.init").write_text("".join(f"{word:04x}\n" for word in words))


@contextmanager
def serving(
    hardware: Hardware, clock_hz: int, made: Path | None = None, memory: bytes = b""
) -> Iterator[str]:
    """A simulated board, from RTL or from the netlist in ``made``, ``memory`` in its SDRAM; the
    pseudo-terminal that is its serial port."""
    simulation.BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=simulation.BUILD) as name:
        folder = Path(name).resolve()
        board = from_netlist(folder, made) if made else from_rtl(folder, hardware, clock_hz)
        program = build(board)
        fill(folder, memory)
        with simulation.on_terminal([program, f"+baud={board.baud}"], folder) as port:
            yield port
