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

from golden.contract.command import run
from golden.contract.paths import CHECKPOINTS, CONFIGS, RESULTS

os.environ.setdefault(
    "GOMP_SPINCOUNT", "0"
)  # before torch: spinning threads starve a shared machine

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


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
    from golden.lab.train.distributed import processes
    from golden.lab.train.training import train

    with processes():
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
    from golden.lab.prune.pruning import prune
    from golden.lab.train.distributed import processes

    run = run or Path("runs") / config.stem
    out = out or CHECKPOINTS / f"{config.stem}.safetensors"
    with processes():
        prune(config, dense, run, out, resume, _command())


@app.command("ddp-check")
def ddp_check(
    config: Annotated[Path, typer.Option(help="TOML file of a training")] = CONFIGS / "ddp.toml",
    processes: Annotated[int, typer.Option(min=2, help="how many against one")] = 2,
    out: Annotated[list[Path] | None, typer.Option(help="report to write, repeatable")] = None,
) -> None:
    """Compare the loss curves of one process and of several (torchrun) at one global batch."""
    from golden.lab.train.ddp_check import check

    check(config, processes, out or [Path("build/reports/ddp.json"), RESULTS / "ddp.json"])


@app.command()
def sweep(
    config: Annotated[Path, typer.Option(help="TOML file: axes and settings")] = CONFIGS
    / "sweep/small.toml",
    folder: Annotated[
        Path | None, typer.Option(help="folder for everything, default runs/sweep/<config>")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="local processes")] = 2,
    scheduler: Annotated[
        str | None, typer.Option(help="dask scheduler, tcp://host:port, in place of local workers")
    ] = None,
) -> None:
    """Train, prune and count cycles for every combination of a sweep; restartable."""
    from golden.cli.sweep.run import sweep

    failed = sweep(config, folder or Path("runs/sweep") / config.stem, workers, scheduler)
    for failure in failed:
        print(f"failed: {failure}", file=sys.stderr)
    if failed:
        raise typer.Exit(1)


@app.command()
def inputs(
    checkpoint: Annotated[Path, typer.Option(help="float checkpoint of any backbone")] = CHECKPOINTS
    / "dense.safetensors",
    images: Annotated[int, typer.Option(min=1, help="test images")] = 250,
    out: Annotated[Path | None, typer.Option(help="JSON with the histograms")] = None,
) -> None:
    """What enters every convolution and linear layer: spikes, integers or real numbers."""
    from golden.lab.studies.show_inputs import print_inputs

    print_inputs(checkpoint, images, out)


@app.command()
def sensitivity(
    dense: Annotated[Path, typer.Option(help="float checkpoint")] = CHECKPOINTS
    / "balanced_float.safetensors",
    lanes: Annotated[int, typer.Option(help="P")] = 16,
    keep: Annotated[float, typer.Option(min=0.0, max=1.0, help="share of the rows kept")] = 0.5,
    images: Annotated[int, typer.Option(min=1, help="training images")] = 1000,
) -> None:
    """Loss when the layers of one kind alone lose rows: the ground for prune.emphasis."""
    from golden.lab.prune.sensitivity import report

    report(dense, lanes, keep, images)


curves_app = typer.Typer(no_args_is_help=True, help="Accuracy against sparsity, by method.")
app.add_typer(curves_app, name="curves")


@curves_app.command("train")
def curves_train() -> None:
    """Train the points of golden/configs/curves.toml that are not there yet."""
    from golden.lab.studies.sparsity_curves import train

    train(_command())


@curves_app.command("show")
def curves_show() -> None:
    """Print the accuracy of every trained point."""
    from golden.lab.studies.sparsity_curves import show

    show()


spikezip_app = typer.Typer(
    no_args_is_help=True, help="SpikeZIP-TF: a quantised ViT and its equal, a spiking network."
)
app.add_typer(spikezip_app, name="spikezip")


@spikezip_app.command("train")
def spikezip_train(
    config: Annotated[Path, typer.Option(help="TOML file")] = CONFIGS / "spikezip/level16.toml",
    run: Annotated[Path | None, typer.Option(help="folder, default runs/spikezip/<config>")] = None,
    out: Annotated[Path | None, typer.Option(help="checkpoint to write")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="continue the run")] = False,
) -> None:
    """Train a quantised ViT (QAT, learned step sizes)."""
    from golden.lab.spikezip.train import train

    run = run or Path("runs/spikezip") / config.stem
    out = out or CHECKPOINTS / "spikezip" / f"{config.stem}.safetensors"
    train(config, run, out, resume, _command())


@spikezip_app.command("check")
def spikezip_check(
    checkpoint: Annotated[Path, typer.Argument(help="quantised ViT")] = CHECKPOINTS
    / "spikezip/level16.safetensors",
    images: Annotated[int, typer.Option(min=1, help="test images")] = 64,
) -> None:
    """Compare a spiking network with its quantised ANN by layer; status 1 on a difference."""
    from golden.lab.spikezip.check import check

    if not check(checkpoint, images):
        raise typer.Exit(1)


@spikezip_app.command("curve")
def spikezip_curve(
    checkpoints: Annotated[Path, typer.Option(help="folder of quantised ViTs")] = CHECKPOINTS
    / "spikezip",
    images: Annotated[int, typer.Option(min=1, help="test images, 10000 are all")] = 3000,
    timesteps: Annotated[int, typer.Option(min=1, help="T of the curve")] = 40,
    out: Annotated[Path, typer.Option(help="report to write, a .png beside it")] = Path(
        "build/reports/spikezip.json"
    ),
) -> None:
    """Accuracy and firing rate of the spiking networks against timesteps."""
    from golden.lab.spikezip.curve import curve

    curve(checkpoints, out, images, timesteps, _command())


@app.command()
def lottery(
    config: Annotated[Path, typer.Option(help="TOML file")] = CONFIGS / "pruning/lottery.toml",
    run: Annotated[Path, typer.Option(help="folder for states and logs")] = Path("runs/lottery"),
    out: Annotated[Path | None, typer.Option(help="float checkpoint of the last ticket")] = None,
) -> None:
    """Lottery ticket with rewinding; a run that was cut goes on where it was."""
    from golden.lab.prune.lottery import lottery

    lottery(config, run, out or run / "ticket.safetensors", _command())


pruning_app = typer.Typer(no_args_is_help=True, help="All pruning methods at one sparsity.")
app.add_typer(pruning_app, name="pruning")


@pruning_app.command("compare")
def pruning_compare(
    config: Annotated[Path, typer.Option(help="TOML file")] = CONFIGS / "pruning/compare.toml",
    run: Annotated[Path, typer.Option(help="folder for logs")] = Path("runs/pruning"),
) -> None:
    """Train what is missing; build/reports/pruning.json and golden/results/pruning.json."""
    from golden.lab.studies.pruning_methods import compare

    compare(config, run, command=_command())


@app.command()
def sops(
    dense: Annotated[Path, typer.Option(help="float checkpoint")] = CHECKPOINTS
    / "dense.safetensors",
    images: Annotated[int, typer.Option(help="test images")] = 100,
    out: Annotated[Path, typer.Option(help="report to write")] = Path("build/reports/sops.json"),
) -> None:
    """Synaptic operations and energy per layer, as the Spikingformer paper counts."""
    from golden.lab.studies.synaptic_operations import report

    report(dense, images, out)


data_app = typer.Typer(no_args_is_help=True, help="The data sets and where they are.")
app.add_typer(data_app, name="data")


@data_app.command("list")
def data_list() -> None:
    """Print every data set: present or not, shape, classes, where it is looked for."""
    from golden.lab.data.show import table

    table()


@data_app.command("show")
def data_show(
    name: Annotated[str, typer.Argument(help="as `data list` prints it")],
    out: Annotated[Path, typer.Option(help="picture to write: .png, .pdf, .svg")],
    split: Annotated[str, typer.Option(help="train or test")] = "test",
    count: Annotated[int, typer.Option(min=1, help="how many samples")] = 8,
    timesteps: Annotated[
        int, typer.Option(min=0, help="frames of event data, 0: its usual number")
    ] = 0,
) -> None:
    """Draw samples of a data set; event frames with ON in red and OFF in blue."""
    from golden.lab.data.show import picture

    picture(name, out, split, count, timesteps)


encoders_app = typer.Typer(no_args_is_help=True, help="Input encoders side by side.")
app.add_typer(encoders_app, name="encoders")


@encoders_app.command("train")
def encoders_train(
    folder: Annotated[Path, typer.Option(help="gets encoder_<name>.safetensors")] = CHECKPOINTS
    / "zoo",
) -> None:
    """Train the networks of the comparison that are not there yet."""
    from golden.lab.studies.encoder_table import train_missing

    train_missing(folder, _command())


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
    from golden.lab.studies.encoder_table import compare

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
    from golden.lab.quantise.accuracy import report

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
    from golden.cli.compile import vectors

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
    from golden.cli.traffic import command

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
    from golden.cli.compile import check

    print(check(program, config, capabilities, count, weights))


@app.command()
def report(
    out: Annotated[Path, typer.Option(help="folder of the page")] = Path("build/report"),
    figures: Annotated[Path, typer.Option(help="file for every number of the page")] = Path(
        "build/reports/report.json"
    ),
    images: Annotated[int, typer.Option(min=1, help="test images that every network runs")] = 500,
) -> None:
    """One self-contained page of all that is trained: networks, firing rates, pruning."""
    from golden.lab.report.build import report

    report(out, figures, images, _command())


def _command() -> str:
    return "python -m golden " + shlex.join(sys.argv[1:])


def main() -> None:
    """The command `psf`."""
    run(app)
