# SPDX-License-Identifier: Apache-2.0
"""``psf``: the network, from data to pruned integers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from golden.cli.options import (
    BALANCED,
    BESIDE,
    COMMITTED,
    DENSE,
    MOST,
    Checkpoint,
    Config,
    Data,
    Dense,
    Report,
    Resume,
    Sim,
    Toml,
    command,
    group,
    to_file,
    to_network,
    to_run,
)
from golden.contract import outputs
from golden.contract.paths import CHECKPOINTS, CONFIGS, REPORTS, RUNS

PANEL = "Network: train it, prune it, measure its accuracy"

Out = Annotated[Path | None, to_network("Network to write", show_default="in the run folder")]
Run = Annotated[Path | None, to_run(show_default="runs/<config>")]
TrainData = Annotated[
    str,
    typer.Option(
        "--data",
        help="Data set by name, or a place of your own: ./folder, mine.npz.",
        show_default="that of the configuration",
    ),
]
PruneData = Annotated[
    str,
    typer.Option(
        "--data",
        help="Data set by name, or a place of your own: ./folder, mine.npz.",
        show_default="that of the configuration, or else of the dense network",
    ),
]
spikezip = group("SpikeZIP-TF: a quantised transformer and its equal, a spiking network.")
data = group("The data sets: where they are, what they look like.")


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    for function in (train, prune, quantise, accuracy, classify, lottery):
        app.command(rich_help_panel=PANEL)(function)
    app.add_typer(spikezip, name="spikezip", rich_help_panel=PANEL)
    app.add_typer(data, name="data", rich_help_panel=PANEL)


def _places(config: Path, run: Path | None, out: Path | None, name: str) -> tuple[Path, Path]:
    """The run folder and the network to write, with their defaults, checked."""
    run = run or outputs.may_run(RUNS / config.stem)
    return run, out or outputs.file(run / f"{name}.safetensors", beside=BESIDE)


def train(
    config: Toml = CONFIGS / "default.toml",
    run: Run = None,
    out: Out = None,
    resume: Resume = False,
    data: TrainData = "",
) -> None:
    """Train the dense network in float."""
    from golden.lab.train.distributed import processes
    from golden.lab.train.training import train

    run, out = _places(config, run, out, "dense")
    with processes():
        train(config, run, out, resume, command(), data)


def prune(
    config: Toml = CONFIGS / "balanced.toml",
    dense: Dense = DENSE,
    run: Run = None,
    out: Out = None,
    resume: Resume = False,
    data: PruneData = "",
) -> None:
    """Prune the dense network, fine-tune it and quantise it to int8."""
    from golden.lab.prune.pruning_run import prune
    from golden.lab.train.distributed import processes

    run, out = _places(config, run, out, "network")
    with processes():
        prune(config, dense, run, out, resume, command(), data)


def accuracy(
    dense: Dense = DENSE,
    pruned: Annotated[
        Path, typer.Option(help="Quantised network.", show_default=COMMITTED)
    ] = BALANCED,
    out: Report = REPORTS / "accuracy.json",
    data: Data = "",
) -> None:
    """Accuracy of the dense and of the pruned network over all test images."""
    from golden.lab.quantise.accuracy import report

    report(dense, pruned, out, data)


def classify(
    images: Annotated[list[Path], typer.Argument(help="PNG or JPEG files.")],
    checkpoint: Checkpoint = BALANCED,
    rtl: Annotated[
        bool, typer.Option("--rtl", help="Run the RTL, and compare every spike.")
    ] = False,
    config: Config = "4x16",
    sim: Sim = "verilator",
    out: Annotated[Path | None, to_file("Report to write, .json.", ".json")] = None,
) -> None:
    """Class and logits of images: golden integer model, or RTL with its cycles."""
    from golden.cli.classify import classify

    raise typer.Exit(classify(images, checkpoint, config if rtl else None, sim, out))


def quantise(
    checkpoint: Annotated[Path, typer.Argument(help="Float checkpoint, pruned or not.")],
    out: Annotated[Path, to_network("Quantised network to write")],
    data: Data = "",
    images: Annotated[
        int, typer.Option(min=1, max=MOST, help="Calibration, training images.")
    ] = 256,
    test_images: Annotated[
        int, typer.Option(min=0, max=MOST, help="For the accuracy before and after; 0: all.")
    ] = 1000,
    config: Config = "4x16",
    frac_bits: Annotated[
        int | None,
        typer.Option(
            min=1, max=12, help="Of the residual stream.", show_default="the most that fit"
        ),
    ] = None,
    recalibrate: Annotated[
        bool, typer.Option("--recalibrate", help="BatchNorm statistics of the calibration images.")
    ] = False,
) -> None:
    """Quantise a float network to int8 without training it."""
    from golden.contract.limits import Widths
    from golden.hardware.configuration import Hardware
    from golden.lab.quantise.post_training import run

    hardware = Hardware.named(config)
    widths = Widths(hardware.acc_width, hardware.stream_width)
    run(checkpoint, out, command(), widths, data, images, test_images, frac_bits, recalibrate)


def lottery(
    config: Toml = CONFIGS / "pruning/lottery.toml",
    run: Run = None,
    out: Out = None,
) -> None:
    """Search a lottery ticket with rewinding; a run that was cut goes on where it was."""
    from golden.lab.prune.lottery import lottery

    run, out = _places(config, run, out, "ticket")
    lottery(config, run, out, command())


@spikezip.command("train")
def spikezip_train(
    config: Toml = CONFIGS / "spikezip/level16.toml",
    run: Run = None,
    out: Out = None,
    resume: Resume = False,
    data: TrainData = "",
) -> None:
    """Train a quantised ViT (QAT, learned step sizes)."""
    from golden.lab.spikezip.train import train

    run, out = _places(config, run or RUNS / "spikezip" / config.stem, out, "network")
    train(config, run, out, resume, command(), data)


@spikezip.command("train-text")
def spikezip_train_text(
    config: Toml = CONFIGS / "spikezip/mr.toml",
    run: Run = None,
    out: Out = None,
    resume: Resume = False,
    fold: Annotated[
        int | None,
        typer.Option(
            min=0, max=9, help="Of ten, the test split.", show_default="that of the configuration"
        ),
    ] = None,
) -> None:
    """Train a quantised text encoder on MR, sentences of film reviews."""
    from golden.lab.spikezip.train_text import train

    run, out = _places(config, run or RUNS / "spikezip" / config.stem, out, "network")
    train(config, run, out, resume, command(), fold)


@spikezip.command("check")
def spikezip_check(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            help="Quantised ViT or text encoder.", show_default="level16 of the project"
        ),
    ] = CHECKPOINTS / "spikezip/level16.safetensors",
    images: Annotated[int, typer.Option(min=1, max=MOST, help="Test images, or sentences.")] = 64,
    data: Data = "",
) -> None:
    """Compare a spiking network with its quantised ANN by layer; status 1 on a difference."""
    from golden.lab.spikezip.check_checkpoint import check

    raise typer.Exit(0 if check(checkpoint, images, data) else 1)


@spikezip.command("curve")
def spikezip_curve(
    checkpoints: Annotated[
        Path,
        typer.Option(
            help="Folder of quantised ViTs, or of text encoders.",
            show_default="the ViTs of the project",
        ),
    ] = CHECKPOINTS / "spikezip",
    images: Annotated[
        int,
        typer.Option(min=1, max=MOST, help="Test images, 10000 are all; or sentences."),
    ] = 3000,
    timesteps: Annotated[int, typer.Option(min=1, max=10_000, help="T of the curve.")] = 40,
    out: Annotated[
        Path, to_file("Report to write, .json, a .png beside it.", ".json", beside=(".png",))
    ] = REPORTS / "spikezip.json",
) -> None:
    """Accuracy and firing rate of the spiking networks against timesteps."""
    from golden.lab.spikezip.curve import curve

    curve(checkpoints, out, images, timesteps, command())


@data.command("list")
def data_list() -> None:
    """Print every data set: present or not, shape, classes, where it is looked for."""
    from golden.lab.data.show import table

    table()


@data.command("show")
def data_show(
    name: Annotated[
        str, typer.Argument(help="As `psf data list` prints it, or a place of your own.")
    ],
    out: Annotated[Path, to_file("Picture to write: .png, .pdf, .svg.", ".png", ".pdf", ".svg")],
    split: Annotated[str, typer.Option(help="train or test.")] = "test",
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many samples.")] = 8,
    timesteps: Annotated[
        int, typer.Option(min=0, max=1000, help="Frames of event data, 0: its usual number.")
    ] = 0,
) -> None:
    """Draw samples of a data set; event frames with ON in red and OFF in blue."""
    from golden.lab.data.show import picture

    picture(name, out, split, count, timesteps)
