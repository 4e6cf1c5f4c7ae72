# SPDX-License-Identifier: Apache-2.0
"""Test images on the simulated board, over its serial port; ``psf board simulate``.

Exit status: 0 all as golden says, 1 something else.
"""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import NoReturn

from golden.contract.files import write_json
from golden.contract.model import forward
from golden.contract.network import QuantNetwork
from golden.contract.silence import warn
from golden.hardware.compile.package import package
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.lab.data import shown
from soc import pinlevel
from soc.bitstream import REPORT, folder_of
from soc.board import load
from soc.console import Console
from soc.run import PATIENCE_S


def place(config: str, megahertz: float, netlist: bool) -> tuple[Hardware, int, Path | None]:
    """Hardware, clock in Hz, and where the netlist is (None: RTL)."""
    hardware = Hardware.named(config)
    return hardware, round(megahertz * 1e6), folder_of(hardware) if netlist else None


def simulate(
    config: str,
    megahertz: float,
    netlist: bool,
    checkpoint: Path,
    images: int,
    data: str,
    send: bool,
) -> int:
    """Run, print what the serial port says, add ``simulation`` to build/reports/bitstream.json; the
    exit status."""
    began = time.monotonic()
    hardware, clock_hz, made = place(config, megahertz, netlist)
    source = "netlist" if netlist else "rtl"
    network = QuantNetwork.load(checkpoint)
    warn(network)
    program = compile_network(network, hardware)
    test = shown(network.config, network.provenance.get("data", {}), data, count=images)
    logits = forward(network, test.images).logits
    whole = package(program)
    memory = b"" if send else whole
    print(f"board: building the board with {hardware.name} from {source}", flush=True)
    with pinlevel.serving(hardware, clock_hz, made, memory) as port:
        built = time.monotonic()
        with Console(port, PATIENCE_S, lambda line: print(f"uart: {line}", flush=True)) as console:
            sent = load(console, whole)
            answers = [console.image(program.pack_image(image)) for image in test.images]
    wrong = sum(
        answer.logits != tuple(expected.tolist()) or answer.label != int(expected.argmax())
        for answer, expected in zip(answers, logits, strict=True)
    )
    cycles = round(sum(answer.cycles for answer in answers) / len(answers))
    found = {
        "source": source,
        "netlist": pinlevel.digest(made) if made else None,
        "config": hardware.name,
        "checkpoint": str(checkpoint),
        "sent": sent,
        "images": len(answers),
        "wrong": wrong,
        "cycles": cycles,
        "seconds": {"build": round(built - began), "total": round(time.monotonic() - began)},
    }
    report = json.loads(REPORT.read_text()) if REPORT.is_file() else {}
    write_json(REPORT, report | {"simulation": found})
    print(
        f"board: {len(answers) - wrong} of {len(answers)} images right, {cycles:,} cycles per image"
        f", from {source}; report {REPORT}"
    )
    return 1 if wrong else 0


def wait_for_board(config: str, megahertz: float, netlist: bool) -> NoReturn:
    """Keep a simulated board without a network running, and say where it is."""
    with pinlevel.serving(*place(config, megahertz, netlist)) as port:
        print(f"board: psf board run --port {port} IMAGE...   Ctrl-C ends it", flush=True)
        while True:
            signal.pause()
