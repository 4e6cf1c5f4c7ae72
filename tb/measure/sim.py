# SPDX-License-Identifier: Apache-2.0
"""Classify Fashion-MNIST test images on the RTL; every spike is compared with the golden model.

python -m tb.measure.sim --images 32 --sim verilator --config 4x16

Exit status: 0 everything equal, 1 a mismatch (or the simulation failed), 2 a user's mistake.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from golden.contract.command import run as run_command
from golden.contract.errors import UserError
from golden.contract.network import QuantNetwork
from golden.contract.paths import CHECKPOINTS
from golden.hardware.configuration import Hardware
from golden.lab.data.fashion_mnist import load
from tb.measure import report
from tb.run import runner
from tb.system.run import run_system

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def test_images(network: QuantNetwork, count: int):
    """The first ``count`` test images and their labels, if ``network`` can take them."""
    c = network.config
    data = load("test")
    if not 0 < count <= len(data.images):
        raise UserError(f"--images {count} must lie between 1 and {len(data.images)}")
    shape = (c.in_channels, c.height, c.width)
    if data.images.shape[1:] != shape:
        raise UserError(
            f"the checkpoint takes images of {shape}, Fashion-MNIST has {data.images.shape[1:]} "
            "(channels, height, width); choose another with --checkpoint"
        )
    return data.images[:count], data.labels[:count]


def check_memory(stalls: int, latency: int) -> None:
    """Raise UserError for what the memory of the bench cannot do."""
    if not 0 <= stalls <= 95:
        raise UserError(f"--stalls {stalls} must lie between 0 and 95 percent")
    if not 0 <= latency <= 255:
        raise UserError(f"--latency {latency} must lie between 0 and 255 cycles")


def measure(
    checkpoint: Path,
    config: str,
    images: int,
    sim: str,
    seed: int | None,
    stalls: int,
    latency: int,
    program: Path | None = None,
    monitors: Sequence[str] = (),
) -> dict:
    """Run a checkpoint and return the report's figures; ``monitors`` as in
    tb.system.run.run_work."""
    check_memory(stalls, latency)
    hardware = Hardware.named(config)
    network = QuantNetwork.load(checkpoint)
    x, labels = test_images(network, images)
    if program is not None and not program.is_file():
        raise UserError(f"program {program} does not exist; export one with `make vectors`")
    results = run_system(
        network,
        hardware,
        x,
        labels,
        sim=sim,
        seed=seed,
        stalls=stalls,
        latency=latency,
        quiet=True,
        program=None if program is None else program.read_bytes(),
        monitors=monitors,
    )
    return report.summarise(results, hardware) | {
        "checkpoint": str(checkpoint),
        "simulator": sim,
        "messages": results["messages"],
        "folder": results["folder"],
    }


@app.command(help=__doc__.partition("\n")[0])
def main(
    images: Annotated[int, typer.Option(help="how many test images")] = 32,
    sim: Annotated[str, typer.Option(help="verilator or icarus")] = "verilator",
    config: Annotated[str, typer.Option(help="hardware: 2x8, 4x16, 4x32, with changes")] = "4x16",
    checkpoint: Annotated[Path, typer.Option(help="quantised network")] = (
        CHECKPOINTS / "balanced.safetensors"
    ),
    seed: Annotated[int | None, typer.Option(help="of stalls and start values")] = None,
    stalls: Annotated[int, typer.Option(help="percent of cycles the memory holds back")] = 0,
    latency: Annotated[int, typer.Option(help="cycles of a memory read")] = 20,
    program: Annotated[
        Path | None, typer.Option(help="program.bin of `make vectors`, instead of compiling")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="balanced against unstructured")
    ] = False,
) -> None:
    """Run, print, write build/reports/sim.json."""
    if compare:
        from tb.measure.compare import compare as run_compare

        raise typer.Exit(run_compare(config, images, sim, seed, stalls, latency))
    console = Console()
    figures = measure(checkpoint, config, images, sim, seed, stalls, latency, program)
    report.show_layers(console, figures)
    report.show_images(console, figures)
    for message in figures["messages"]:
        console.print(f"mismatch: {message}", style="red", highlight=False)
    report.show_totals(console, figures)
    console.print(f"report: {report.write('sim', figures)}", highlight=False)
    waves = [p for p in Path(figures["folder"]).glob("*.fst")]
    for path in waves:
        console.print(f"waves: {path}", highlight=False)
    raise typer.Exit(1 if figures["mismatches"] else 0)


def run(command: typer.Typer) -> None:
    """Run a command line: exit status 2 after a user's mistake, 1 after a failed simulation."""
    try:
        run_command(command)
    except (runner.SimulationFailed, runner.BuildFailed) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    run(app)
