# SPDX-License-Identifier: Apache-2.0
"""Images on the simulated system: processor, firmware, SDRAM and accelerator; ``psf soc``.

Exit status: 0 all as golden says, 1 something else.
"""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import numpy as np

from golden.contract.files import write_json
from golden.contract.model import forward
from golden.contract.network import QuantNetwork
from golden.contract.paths import REPORTS
from golden.contract.silence import warn
from golden.hardware.compile.compiled import Program
from golden.hardware.compile.package import package
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.lab.data import shown
from soc import simulation, software
from soc.console import Console, FirmwareError

PATIENCE_S = 3600.0  # a simulation waits long for its own processor
REPORT = REPORTS / "soc.json"


@contextmanager
def serving(hardware: Hardware, memory: bytes = b"") -> Iterator[str]:
    """A simulated system, ``memory`` in its main memory; the pseudo-terminal that is its
    UART."""
    design = simulation.design(hardware)
    program = simulation.build(design)
    with tempfile.TemporaryDirectory(prefix="run-", dir=simulation.BUILD) as name:
        folder = Path(name)
        rom = software.firmware(folder / "firmware", design.headers)
        simulation.fill(folder, rom, memory)
        with simulation.on_terminal([program], folder) as port:
            yield port


def packed(network: QuantNetwork, program: Program, images: np.ndarray, logits) -> bytes:
    """The package of a network and images that the firmware opens."""
    return package(program, [program.pack_image(image) for image in images], list(logits))


def complaint(what: Callable[[], object]) -> str:
    """What the firmware says against ``what``; '' if nothing."""
    try:
        what()
    except FirmwareError as error:
        return str(error)
    return ""


def broken(console: Console, offset: int, what: Callable[[], object]) -> str:
    """What the firmware says against ``what`` while a bit of the package is wrong (``offset``)."""
    console.command(f"flip {offset}")
    said = complaint(what)
    console.command(f"flip {offset}")
    return said


def run_images(console: Console, logits: np.ndarray) -> tuple[list[dict], int]:
    """Classify image after image beside a busy processor, the last one once more beside a quiet
    one; a row per image, and how many were wrong."""
    rows, wrong = [], 0
    for i, expected in enumerate(logits):
        answers = [console.run(i)]
        if i == len(logits) - 1:
            answers.append(console.run(i, quiet=True))
        right = all(
            answer.logits == tuple(expected.tolist()) and answer.label == int(expected.argmax())
            for answer in answers
        )
        wrong += not right
        rows.append(
            {
                "label": answers[0].label,
                "logits": list(answers[0].logits),
                "cycles": answers[0].cycles,
                "cycles_quiet": answers[-1].cycles if len(answers) > 1 else None,
                "right": right,
            }
        )
    return rows, wrong


def run_soc(checkpoint: Path, config: str, images: int, data: str) -> int:
    """Run, print what the UART says, write build/reports/soc.json; the exit status."""
    began = time.monotonic()
    hardware = Hardware.named(config)
    network = QuantNetwork.load(checkpoint)
    warn(network)
    program = compile_network(network, hardware)
    test = shown(network.config, network.provenance.get("data", {}), data, count=images)
    logits = forward(network, test.images).logits
    memory = packed(network, program, test.images, logits)
    weights = int.from_bytes(memory[13 * 4 :][:4], "little")  # where they lie in the package
    print(f"soc: building the system around {hardware.name}", flush=True)
    with serving(hardware, memory) as port:
        built = time.monotonic()
        with Console(port, PATIENCE_S, lambda line: print(f"uart: {line}", flush=True)) as console:
            console.check()
            rows, wrong = run_images(console, logits)
            said = broken(console, weights, lambda: console.run(0))
            again = console.run(0).logits == tuple(logits[0].tolist())
    report = summary(rows, wrong, said, again) | {
        "checkpoint": str(checkpoint),
        "config": hardware.name,
        "megahertz": simulation.CLOCK_HZ // 1_000_000,
        "package_bytes": len(memory),
        "seconds": {
            "build": round(built - began),
            "total": round(time.monotonic() - began),
        },
    }
    write_json(REPORT, report)
    last = rows[-1]
    print(
        f"soc: {len(rows) - wrong} of {len(rows)} images right, {report['cycles_per_image']:,} "
        f"cycles per image; the last one {last['cycles']:,} beside a busy processor, "
        f"{last['cycles_quiet']:,} beside a quiet one"
    )
    for problem in report["problems"]:
        print(f"soc: {problem}")
    print(f"report: {REPORT}")
    return 1 if report["problems"] else 0


def wait_for_board(config: str) -> NoReturn:
    """Keep a simulated system without a network running, and say where it is."""
    with serving(Hardware.named(config)) as port:
        print(f"soc: psf board run --port {port} IMAGE...   Ctrl-C ends it", flush=True)
        while True:
            signal.pause()


# What the firmware has to say of the data of a load that are damaged.
COMPLAINT = "the CRC-32 of the data of a load is wrong"


def summary(rows: Sequence[dict], wrong: int, said: str, again: bool) -> dict:
    """The report's figures, and what is not as it should be."""
    problems = [f"{wrong} images are not as golden says"] if wrong else []
    if COMPLAINT not in said:
        problems.append(f"of broken weights the firmware says '{said}', not '{COMPLAINT}'")
    if not again:
        problems.append("after an error, an image is not as golden says")
    return {
        "images": len(rows),
        "wrong": wrong,
        "cycles_per_image": round(sum(row["cycles"] for row in rows) / len(rows)),
        "error_reported": said,
        "problems": problems,
        "per_image": list(rows),
    }
