# SPDX-License-Identifier: Apache-2.0
"""Image files on a board (or the simulated system) over its serial port; ``psf board run``."""

from __future__ import annotations

import sys
from pathlib import Path

from golden import api
from golden.hardware.compile.package import package
from golden.hardware.compile.program import compile_network
from soc.console import Console, FirmwareError

_CRC = slice(12, 16)  # of a package: its checksum


def load(console: Console, whole: bytes) -> bool:
    """Send a package, unless the system has it; whether it was sent."""
    crc = int.from_bytes(whole[_CRC], "little")
    try:
        if console.check()[0] == f"{crc:08x}":
            return False
    except FirmwareError:  # nothing there yet, or not whole
        pass
    console.put(whole)
    return True


def run_board(port: str, paths: list[Path], checkpoint: Path, timeout: float) -> int:
    """Classify image files, print a line for each; the exit status: 1 if an answer is not that of
    the golden model."""
    network = api.load(checkpoint)
    images, changed = api.read_images(network, paths)
    names, golden = api.classes(network), api.forward(network, images).logits
    wrong = 0
    with Console(port, timeout) as console:
        program = compile_network(network, console.hardware)
        whole = package(program)
        print(f"{port}: {console.hardware.name} at {console.megahertz} MHz")
        if load(console, whole):
            print(f"{port}: network sent, {len(whole):,} bytes")
        for path, image, note, expected in zip(paths, images, changed, golden, strict=True):
            if note:
                print(f"{path}: {note}", file=sys.stderr)
            answer = console.image(program.pack_image(image))
            logits = ", ".join(map(str, answer.logits))
            ms = answer.cycles / console.megahertz / 1000
            name = names[answer.label] if answer.label < len(names) else answer.label
            print(f"{path}  {name}  {answer.cycles:,} cycles, {ms:.2f} ms  logits {logits}")
            if answer.logits != tuple(expected.tolist()) or answer.label != expected.argmax():
                wrong += 1
                print(f"{path}: the golden model says {expected.tolist()}", file=sys.stderr)
    return 1 if wrong else 0
