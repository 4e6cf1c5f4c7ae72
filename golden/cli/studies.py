# SPDX-License-Identifier: Apache-2.0
"""``psf``: studies that compare methods, encoders and settings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from golden.cli.options import (
    DENSE,
    MOST,
    Config,
    Data,
    Dense,
    Images,
    Report,
    Scheduler,
    Toml,
    command,
    group,
    to_file,
    to_run,
)
from golden.contract import outputs
from golden.contract.paths import CHECKPOINTS, CONFIGS, REPORTS, RUNS

PANEL = "Studies: compare methods, encoders, settings"

Reports = Annotated[
    list[Path] | None,
    to_file("Report to write, .json, repeatable.", ".json", show_default="in build/reports"),
]
curves = group("Accuracy, cycles and PE utilisation against weight sparsity, by pruning method.")
encoders = group("Input encoders side by side.")


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    for function in (inputs, sops, sensitivity, heads):
        app.command(rich_help_panel=PANEL)(function)
    app.add_typer(curves, name="curves", rich_help_panel=PANEL)
    app.command(rich_help_panel=PANEL)(methods)
    app.command(rich_help_panel=PANEL)(spikes)
    app.command(rich_help_panel=PANEL)(sweep)
    app.add_typer(encoders, name="encoders", rich_help_panel=PANEL)
    app.command("ddp-check", rich_help_panel=PANEL)(ddp_check)


def _reports(given: list[Path] | None, name: str) -> list[Path]:
    """Where a study is written, checked."""
    return given or [outputs.file(REPORTS / f"{name}.json")]


def inputs(
    checkpoint: Annotated[
        Path, typer.Option(help="Float checkpoint of any backbone.", show_default="dense")
    ] = DENSE,
    images: Annotated[int, typer.Option(min=1, max=MOST, help="Test images.")] = 250,
    out: Annotated[Path | None, to_file("File for the histograms, .json.", ".json")] = None,
    data: Data = "",
) -> None:
    """What enters every convolution and linear layer: spikes, integers or real numbers."""
    from golden.lab.studies.show_inputs import print_inputs

    print_inputs(checkpoint, images, out, data)


def sops(
    dense: Annotated[
        Path,
        typer.Option(
            "--dense",
            "--checkpoint",
            help="Checkpoint: float, quantised, or of `psf spikezip`.",
            show_default="the dense network that comes with the project",
        ),
    ] = DENSE,
    images: Annotated[int, typer.Option(min=1, max=MOST, help="Test images, or sentences.")] = 100,
    integers: Annotated[
        Literal["mac", "spikes"],
        typer.Option(
            help="What an integer n that enters a layer costs: a MAC per product, or n spikes "
            "(calculations 2 and 1 of the paper's appendix G)."
        ),
    ] = "mac",
    timesteps: Annotated[
        int,
        typer.Option(
            min=0, max=MOST, help="Of a network of `psf spikezip`; 0: until its spikes stop."
        ),
    ] = 0,
    out: Report = REPORTS / "sops.json",
    data: Data = "",
) -> None:
    """Synaptic operations and energy per layer, as the Spikingformer paper counts."""
    from golden.lab.studies.synaptic_operations import report

    report(dense, images, out, data, integers, timesteps)


def sensitivity(
    dense: Dense = CHECKPOINTS / "balanced_float.safetensors",
    lanes: Annotated[int, typer.Option(min=1, max=64, help="Lanes of a group.")] = 16,
    keep: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the rows kept.")] = 0.5,
    images: Annotated[int, typer.Option(min=1, max=MOST, help="Training images.")] = 1000,
    data: Data = "",
) -> None:
    """Loss when the layers of one kind alone lose rows: the ground for prune.emphasis."""
    from golden.lab.prune.sensitivity import report

    report(dense, lanes, keep, images, data)


def heads(
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            help="Float or quantised transformer whose heads are compared, repeatable.",
            show_default="dense, balanced, zoo/spikformer, zoo/sdt",
        ),
    ] = None,
    reduce: Annotated[
        Path,
        typer.Option(help="Float one whose W_q and W_k lose rank.", show_default="dense"),
    ] = DENSE,
    images: Annotated[int, typer.Option(min=1, max=MOST, help="Test images of accuracy.")] = 2000,
    spikes: Annotated[int, typer.Option(min=1, max=MOST, help="Test images of spikes.")] = 100,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of what chance gives.")] = 1,
    out: Reports = None,
    data: Data = "",
) -> None:
    """Do heads resemble each other, and what would Q and K of low rank save?"""
    from golden.lab.studies.heads import study

    names = ("dense", "balanced", "zoo/spikformer", "zoo/sdt")
    paths = checkpoint or [CHECKPOINTS / f"{name}.safetensors" for name in names]
    study(paths, reduce, images, spikes, seed, _reports(out, "heads"), data, command())


@curves.command("train")
def curves_train() -> None:
    """Train the points of golden/configs/curves.toml that are not there yet."""
    from golden.lab.studies.sparsity_curves import train

    train(command())


@curves.command("show")
def curves_show() -> None:
    """Print the accuracy of every trained point."""
    from golden.lab.studies.sparsity_curves import show

    show()


@curves.command("measure")
def curves_measure(images: Images = 2, config: Config = "4x16") -> None:
    """Run every trained point on the RTL: table, report and picture."""
    from tb.measure.curves import measure_curves

    raise typer.Exit(measure_curves(images, config))


def methods(
    config: Toml = CONFIGS / "pruning/compare.toml",
    run: Annotated[Path, to_run("Folder for networks, states and logs.")] = RUNS / "pruning",
    out: Reports = None,
) -> None:
    """Every pruning method at one sparsity; trains what is missing."""
    from golden.lab.studies.pruning_methods import compare

    compare(config, run, _reports(out, "pruning"), command())


def spikes(
    config: Toml = CONFIGS / "spikes.toml",
    run: Annotated[Path, to_run("Folder for networks, states and logs.")] = RUNS / "spikes",
    images: Annotated[
        int, typer.Option(min=1, max=MOST, help="Test images of additions and cycles.")
    ] = 8,
    hardware: Config = "4x16",
    show: Annotated[bool, typer.Option("--show", help="Train nothing.")] = False,
    out: Reports = None,
) -> None:
    """Accuracy, additions and cycles under a price on spikes; trains what is missing."""
    from golden.cli.spikes import spikes as study

    study(config, run, _reports(out, "spikes"), images, hardware, show, command())


def sweep(
    config: Annotated[Path, typer.Option(help="Axes and settings, a TOML file.")] = CONFIGS
    / "sweep/small.toml",
    folder: Annotated[
        Path | None, to_run("Folder for everything.", show_default="runs/sweep/<config>")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Local processes.")] = 2,
    scheduler: Scheduler = None,
    out: Reports = None,
) -> None:
    """Train, prune and count cycles for every combination of a sweep; restartable."""
    from golden.cli.sweep.run import sweep

    folder = outputs.run(folder or RUNS / "sweep" / config.stem)
    reports = _reports(out, f"sweep_{config.stem}")
    failed = sweep(config, folder, workers, scheduler, reports, command())
    for failure in failed:
        print(f"failed: {failure}", file=sys.stderr)
    raise typer.Exit(1 if failed else 0)


@encoders.command("train")
def encoders_train(
    folder: Annotated[Path, typer.Option(help="Gets encoder_<name>.safetensors.")] = RUNS / "zoo",
) -> None:
    """Train the networks of the comparison that are not there yet."""
    from golden.lab.studies.encoder_table import train_missing

    train_missing(folder, command())


@encoders.command("compare")
def encoders_compare(
    folder: Annotated[
        Path, typer.Option(help="Holds encoder_<name>.safetensors.", show_default="checkpoints/zoo")
    ] = CHECKPOINTS / "zoo",
    out: Reports = None,
) -> None:
    """Accuracy, input firing rate, operations and energy of every trained encoder."""
    from golden.lab.studies.encoder_table import compare

    compare(folder, _reports(out, "encoders"))


def ddp_check(
    config: Annotated[Path, typer.Option(help="TOML file of a training.")] = CONFIGS / "ddp.toml",
    processes: Annotated[int, typer.Option(min=2, max=256, help="How many against one.")] = 2,
    out: Reports = None,
) -> None:
    """Loss curves of one process and of several (torchrun) at one global batch."""
    from golden.lab.train.ddp_check import check

    check(config, processes, _reports(out, "ddp"))
