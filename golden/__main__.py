# SPDX-License-Identifier: Apache-2.0
"""Command line of the golden side: python -m golden <command>. Imports are lazy, so that --help
is fast."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from golden.command import run

os.environ.setdefault(
    "GOMP_SPINCOUNT", "0"
)  # before torch: spinning threads starve a shared machine

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
CHECKPOINTS = Path("golden/checkpoints")
CONFIGS = Path("golden/configs")


@app.callback()
def _root() -> None:
    """Train, prune, quantise and evaluate the network of PruneSpikformer."""


@app.command()
def train(
    config: Annotated[Path, typer.Option(help="TOML file")] = CONFIGS / "default.toml",
    run: Annotated[Path, typer.Option(help="folder for checkpoints and logs")] = Path("runs/dense"),
    out: Annotated[Path, typer.Option(help="float checkpoint to write")] = CHECKPOINTS
    / "dense.safetensors",
    resume: Annotated[
        bool, typer.Option("--resume", help="continue from the run's last.pt")
    ] = False,
) -> None:
    """Train the dense float network."""
    from golden.train.command import train

    train(config, run, out, resume, _command())


@app.command()
def prune(
    config: Annotated[Path, typer.Option(help="TOML file")] = CONFIGS / "balanced.toml",
    dense: Annotated[Path, typer.Option(help="float checkpoint")] = CHECKPOINTS
    / "dense.safetensors",
    run: Annotated[Path | None, typer.Option(help="folder for logs, default runs/<config>")] = None,
    out: Annotated[Path | None, typer.Option(help="quantised network to write")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="continue the run")] = False,
) -> None:
    """Prune, fine-tune and quantise the dense network."""
    from golden.prune.command import prune

    run = run or Path("runs") / config.stem
    out = out or CHECKPOINTS / f"{config.stem}.safetensors"
    prune(config, dense, run, out, resume, _command())


@app.command()
def sensitivity(
    dense: Annotated[Path, typer.Option(help="float checkpoint")] = CHECKPOINTS
    / "balanced_float.safetensors",
    lanes: Annotated[int, typer.Option(help="P")] = 16,
    keep: Annotated[float, typer.Option(min=0.0, max=1.0, help="share of the rows kept")] = 0.5,
    images: Annotated[int, typer.Option(min=1, help="training images")] = 1000,
) -> None:
    """Loss when the layers of one kind alone lose rows: the ground for prune.emphasis."""
    from golden.prune.sensitivity import report

    report(dense, lanes, keep, images)


curves_app = typer.Typer(no_args_is_help=True, help="Accuracy against sparsity, by method.")
app.add_typer(curves_app, name="curves")


@curves_app.command("train")
def curves_train() -> None:
    """Train the points of golden/configs/curves.toml that are not there yet."""
    from golden.curves import train

    train(_command())


@curves_app.command("show")
def curves_show() -> None:
    """Print the accuracy of every trained point."""
    from golden.curves import show

    show()


encoders_app = typer.Typer(no_args_is_help=True, help="Input encoders side by side.")
app.add_typer(encoders_app, name="encoders")


@encoders_app.callback()
def _encoders() -> None:
    """Input encoders side by side."""


@encoders_app.command("compare")
def encoders_compare(
    folder: Annotated[Path, typer.Option(help="holds encoder_<name>.safetensors")] = CHECKPOINTS
    / "zoo",
    out: Annotated[Path, typer.Option(help="report to write")] = Path(
        "build/reports/encoders.json"
    ),
    results: Annotated[Path, typer.Option(help="its committed copy")] = Path(
        "golden/results/encoders.json"
    ),
) -> None:
    """Accuracy, input firing rate, operations and energy of every trained encoder."""
    from golden.encoder_table import compare

    compare(folder, [out, results])


@app.command()
def accuracy(
    dense: Annotated[Path, typer.Option(help="float checkpoint")] = CHECKPOINTS
    / "dense.safetensors",
    pruned: Annotated[Path, typer.Option(help="quantised network")] = CHECKPOINTS
    / "balanced.safetensors",
    out: Annotated[Path, typer.Option(help="report to write")] = Path(
        "build/reports/accuracy.json"
    ),
) -> None:
    """Accuracy of the committed checkpoints over all test images."""
    from golden.accuracy import report

    report(dense, pruned, out)


@app.command()
def vectors(
    checkpoint: Annotated[Path, typer.Option(help="quantised network")] = CHECKPOINTS
    / "balanced.safetensors",
    config: Annotated[str, typer.Option(help="hardware: 2x8, 4x16, 4x32, with changes")] = "4x16",
    images: Annotated[int, typer.Option(help="how many test images")] = 4,
    out: Annotated[Path, typer.Option(help="folder to write")] = Path("build/vectors"),
    coded: Annotated[
        bool, typer.Option("--coded/--raw", help="code weights and row tables where possible")
    ] = True,
) -> None:
    """Compile a network: program, weights, images and the expected spikes of every layer."""
    from golden.compile.cli import vectors

    print(vectors(checkpoint, config, images, out, coded))


@app.command()
def traffic(
    checkpoint: Annotated[Path, typer.Option(help="quantised network")] = CHECKPOINTS
    / "balanced.safetensors",
    random: Annotated[
        str | None, typer.Option(help="a random network instead: dim=384,depth=4,heads=12")
    ] = None,
    sparsity: Annotated[str, typer.Option(help="of the random network")] = "block",
    density: Annotated[float, typer.Option(help="of its weights")] = 0.25,
    codebook: Annotated[int, typer.Option(help="its different weights per layer, 0: any")] = 15,
    seed: Annotated[int, typer.Option(help="of it")] = 1,
    config: Annotated[str, typer.Option(help="hardware: 2x8, 4x16, 4x32, with changes")] = "4x16",
    coded: Annotated[
        bool, typer.Option("--coded/--raw", help="code weights and row tables where possible")
    ] = True,
    out: Annotated[Path, typer.Option(help="report to write")] = Path("build/reports/traffic.json"),
) -> None:
    """Bits per dense weight, and bytes that one inference moves, per layer and in total."""
    from golden.compile.traffic_command import command

    command(
        checkpoint, random, config, coded, out,
        sparsity=sparsity, density=density, codebook=codebook, seed=seed,
    )  # fmt: skip


@app.command()
def check(
    program: Annotated[Path, typer.Argument(help="program.bin")],
    config: Annotated[str, typer.Option(help="hardware: 2x8, 4x16, 4x32, with changes")] = "4x16",
    capabilities: Annotated[
        str | None, typer.Option(help="registers CAP0,...,CAP5 instead of a configuration")
    ] = None,
    count: Annotated[
        int | None, typer.Option(help="PROGRAM_COUNT, default: all of the file")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="weights.bin, to check its CRCs")] = None,
) -> None:
    """Check a program against hardware before it is started."""
    from golden.compile.cli import check

    print(check(program, config, capabilities, count, weights))


def _command() -> str:
    return "python -m golden " + shlex.join(sys.argv[1:])


if __name__ == "__main__":
    run(app)
