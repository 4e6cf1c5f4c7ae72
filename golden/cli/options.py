# SPDX-License-Identifier: Apache-2.0
"""Options that several commands have in common, and what a command line looks like."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import Meta

from golden.contract import outputs
from golden.contract.paths import CHECKPOINTS

BALANCED = CHECKPOINTS / "balanced.safetensors"
DENSE = CHECKPOINTS / "dense.safetensors"
COMMITTED = "the network that comes with the project"

BESIDE = (".json", ".log")  # of a network: how it was made

Config = Annotated[
    str,
    typer.Option(
        help="Hardware: 2x8, 4x16, 4x32, a grid such as 8x16; changes as in 4x16,acc_width=24."
    ),
]
MOST = 1_000_000  # images, programs, flips
SEEDS = (1 << 31) - 1  # the largest: a simulator takes 31 bits

Images = Annotated[int, typer.Option(min=1, max=MOST, help="Test images, one after the other.")]
Sim = Annotated[str, typer.Option(help="Simulator: verilator or icarus.", envvar="SIM")]
Seed = Annotated[
    int | None,
    typer.Option(min=0, max=SEEDS, help="Of everything random.", show_default="a fresh one"),
]
Stalls = Annotated[
    int, typer.Option(min=0, max=95, help="Percent of the cycles the memory holds back.")
]
Latency = Annotated[int, typer.Option(min=0, max=255, help="Cycles of a memory read.")]
Jobs = Annotated[
    int, typer.Option(min=1, max=256, help="How many run side by side.", envvar="JOBS")
]
Scheduler = Annotated[
    str | None, typer.Option(help="Dask scheduler, tcp://host:port, in place of local ones.")
]
Density = Annotated[
    float, typer.Option(min=0.001, max=1, help="Share of random weights that are not zero.")
]
Checkpoint = Annotated[Path, typer.Option(help="Quantised network.", show_default=COMMITTED)]
Dense = Annotated[
    Path, typer.Option(help="Float checkpoint.", show_default="the dense network of the project")
]
Coded = Annotated[
    bool, typer.Option("--coded/--raw", help="Code weights and row tables where possible.")
]
Effort = Annotated[
    float,
    typer.Option(
        min=0,
        max=86400,
        help="Seconds to look for a program of fewer cycles than the plain rule's, by the model.",
    ),
]
Batch = Annotated[
    int,
    typer.Option(
        min=0,
        max=256,
        help="Images of a job, which share its weights; 0: as many as take the fewest cycles each.",
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where the run was cut.")]
Data = Annotated[
    str,
    typer.Option(
        help="Data set by name, or a place of your own: ./folder, mine.npz.",
        show_default="the one that the network was trained on",
    ),
]
Toml = Annotated[Path, typer.Option(help="Settings, a TOML file.")]


def sized(kind: Any, help: str, **more: Any) -> Any:
    """The option of a size of a network, in the range of golden.contract.sizes."""
    (limits,) = (part for part in kind.__metadata__ if isinstance(part, Meta))
    return typer.Option(min=limits.ge, max=limits.le, help=help, **more)


def to_file(help: str, *suffixes: str, beside: tuple[str, ...] = (), **more: Any) -> Any:
    """The option of a file to write (golden.contract.outputs.file), or of several."""

    def check(value: Path | list[Path] | None) -> Path | list[Path] | None:
        if isinstance(value, list):
            return [outputs.file(path, *suffixes, beside=beside) for path in value]
        return None if value is None else outputs.file(value, *suffixes, beside=beside)

    return typer.Option(help=help, callback=check, **more)


def to_network(help: str, **more: Any) -> Any:
    """The option of a network to write; how it was made and its log lie beside it."""
    return to_file(f"{help}, .safetensors.", ".safetensors", beside=BESIDE, **more)


def to_folder(help: str, **more: Any) -> Any:
    """The option of a folder to write anew as a whole (golden.contract.outputs.folder)."""
    return typer.Option(
        help=help, callback=lambda path: None if path is None else outputs.folder(path), **more
    )


def to_run(help: str = "Folder for states and logs.", **more: Any) -> Any:
    """The option of a folder of its own for a run (golden.contract.outputs.may_run)."""
    return typer.Option(
        help=help, callback=lambda path: None if path is None else outputs.may_run(path), **more
    )


def group(help: str) -> typer.Typer:
    """An empty group of commands."""
    return typer.Typer(no_args_is_help=True, add_completion=False, help=help)


def command() -> str:
    """The command line as it was typed, for the records that a command writes."""
    return "psf " + shlex.join(sys.argv[1:])


Report = Annotated[Path, to_file("Report to write, .json.", ".json")]
