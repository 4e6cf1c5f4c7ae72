# SPDX-License-Identifier: Apache-2.0
"""``psf``: the accelerator, its programs, and measurements on its RTL."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from golden.cli.options import (
    BALANCED,
    COMMITTED,
    MOST,
    SEEDS,
    Batch,
    Checkpoint,
    Coded,
    Config,
    Data,
    Density,
    Effort,
    Images,
    Jobs,
    Latency,
    Report,
    Seed,
    Sim,
    Stalls,
    command,
    group,
    to_file,
    to_folder,
)
from golden.contract.errors import UserError
from golden.contract.paths import BUILD, REPORTS

Model = Annotated[
    list[str] | None,
    typer.Option(help="A cycle model of your own, FILE.py:NAME; may be repeated."),
]


class Form(StrEnum):
    """Of a package: golden.cli.compile.FORMS."""

    BIN = "bin"
    C = "c"
    HEX = "hex"


PANEL = "Hardware: compile for it, simulate it, measure it"
hardware = group("Configurations of the hardware: which there are, which a network needs.")


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    for function in (
        sim,
        compile,
        check,
        batch,
        latency,
        compare,
        bench,
        peers,
        timeline,
        breakdown,
    ):
        app.command(rich_help_panel=PANEL)(function)
    for function in (energy, traffic, registers, synth):
        app.command(rich_help_panel=PANEL)(function)
    app.add_typer(hardware, name="hardware", rich_help_panel=PANEL)


@hardware.command("list")
def hardware_list(
    checkpoint: Annotated[
        Path | None,
        typer.Argument(
            help="Quantised network: cycles, and what does not fit.", show_default=False
        ),
    ] = None,
    data: Data = "",
) -> None:
    """Print presets and larger grids with their lanes, memory and logic."""
    from golden.cli.suggest import configurations

    configurations(checkpoint, data)


@hardware.command("suggest")
def hardware_suggest(
    checkpoint: Annotated[Path, typer.Argument(help="Quantised network.")],
    data: Data = "",
    every: Annotated[bool, typer.Option("--all", help="Every preset, not the first.")] = False,
    bound: Annotated[
        bool, typer.Option("--bound", help="Never run the cycle model, only bound the cycles.")
    ] = False,
) -> None:
    """Print the smallest configuration on which a network runs, what it takes and why."""
    from golden.cli.suggest import suggest

    suggest(checkpoint, data, every, bound)


def sim(
    images: Images = 32,
    sim: Sim = "verilator",
    config: Config = "4x16",
    checkpoint: Checkpoint = BALANCED,
    seed: Seed = None,
    stalls: Stalls = 0,
    latency: Latency = 20,
    program: Annotated[
        Path | None, typer.Option(help="program.bin of `psf compile`, instead of compiling.")
    ] = None,
    data: Data = "",
    first: Annotated[int, typer.Option(min=0, max=MOST, help="Number of the first image.")] = 0,
    jobs: Jobs = 1,
    batch: Batch = 1,
) -> None:
    """Classify test images on the RTL; every spike is compared with the golden model."""
    from tb.measure.sim import RunOptions, simulate

    options = RunOptions(images, config, sim, seed, stalls, latency, data, first, jobs, batch)
    raise typer.Exit(simulate(checkpoint, options, program))


def compile(
    checkpoint: Checkpoint = BALANCED,
    config: Config = "4x16",
    images: Images = 4,
    out: Annotated[Path, to_folder("Folder to write.")] = BUILD / "vectors",
    coded: Coded = True,
    effort: Effort = 0,
    batch: Batch = 1,
    data: Data = "",
    form: Annotated[
        list[Form] | None,
        typer.Option("--format", help="For the driver in sw/, may be repeated: network.FORMAT."),
    ] = None,
) -> None:
    """Compile a network: program, weights, images and the expected spikes of every layer."""
    from golden.cli.compile import vectors

    forms = [f.value for f in form or ()]
    print(vectors(checkpoint, config, images, out, coded, data, forms, effort, batch))


def check(
    program: Annotated[Path, typer.Argument(help="program.bin of `psf compile`.")],
    config: Config = "4x16",
    capabilities: Annotated[
        str | None, typer.Option(help="Registers CAP0,...,CAP6 instead of a configuration.")
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="PROGRAM_COUNT.", show_default="all of the file"),
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="weights.bin, to check its CRCs.")] = None,
) -> None:
    """Check a program against hardware before it is started."""
    from golden.cli.compile import check

    print(check(program, config, capabilities, count, weights))


def batch(
    images: Images = 32,
    config: Config = "4x16",
    checkpoint: Checkpoint = BALANCED,
    stalls: Stalls = 0,
    latency: Latency = 20,
    data: Data = "",
    batch: Batch = 1,
) -> None:
    """Cycles per image: jobs one by one against a batch of them in the job ring."""
    from tb.measure.batch import run_batch
    from tb.measure.sim import RunOptions

    options = RunOptions(images, config, stalls=stalls, latency=latency, data=data, batch=batch)
    run_batch(checkpoint, options)


def latency(config: Config = "4x16", checkpoint: Checkpoint = BALANCED, data: Data = "") -> None:
    """Cycles of an image against the latency of the memory and the reads outstanding."""
    from tb.measure.latency import run_latency

    run_latency(checkpoint, config, data)


def compare(
    images: Images = 32,
    sim: Sim = "verilator",
    config: Config = "4x16",
    seed: Seed = None,
    stalls: Stalls = 0,
    latency: Latency = 20,
) -> None:
    """PE-balanced against unstructured pruning at equal sparsity, both on the RTL."""
    from tb.measure.compare import compare
    from tb.measure.sim import RunOptions

    raise typer.Exit(compare(RunOptions(images, config, sim, seed, stalls, latency)))


def bench(
    trace: Annotated[
        list[Path] | None, typer.Option(help="Recorded spikes, npz; may be repeated.")
    ] = None,
    workload: Annotated[
        list[str] | None,
        typer.Option(
            help="default, paper, imagenet, vgg16 or resnet19.",
            show_default="without traces: the first two",
        ),
    ] = None,
    density: Density = 0.25,
    correlation: Annotated[
        float, typer.Option(min=0, max=0.99, help="In time, of the spikes of vgg16 and resnet19.")
    ] = 0.3,
    images: Images = 1,
    batch: Annotated[
        int,
        typer.Option(
            min=1,
            max=64,
            help="Images of a run of recorded or drawn layers; weights are loaded once.",
        ),
    ] = 1,
    connected: Annotated[
        str,
        typer.Option(
            help="Channels of fully connected layers behind those of a trace, as in 4096,1024,10.",
            show_default="none",
        ),
    ] = "",
    effort: Effort = 0,
    config: Annotated[
        str | None,
        typer.Option(help="Hardware for all, as in 4x32,spike_lines=4096.", show_default="own"),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=SEEDS, help="Of weights, stalls and start values.")
    ] = 1,
    stalls: Stalls = 0,
    latency: Latency = 20,
    model: Model = None,
) -> None:
    """The RTL against cycle models of published accelerators, on the same spikes."""
    from tb.measure.bench import Options, channels, run_bench

    options = Options(
        images,
        batch,
        channels(connected),
        effort,
        density,
        correlation,
        config,
        seed,
        stalls,
        latency,
        tuple(model or ()),
    )
    raise typer.Exit(run_bench(trace or [], workload or [], options))


def peers(
    trace: Annotated[Path | None, typer.Option(help="Recorded spikes, npz.")] = None,
    network: Annotated[Path | None, typer.Option(help="Or a quantised network.")] = None,
    image: Annotated[
        int, typer.Option(min=0, max=MOST, help="Test image that the network sees.")
    ] = 0,
    density: Density = 0.25,
    pes: Annotated[int, typer.Option(min=1, max=65536, help="Adders of every model.")] = 128,
    seed: Annotated[int, typer.Option(min=0, max=SEEDS, help="Of the weights beside a trace.")] = 0,
    model: Model = None,
    out: Report = REPORTS / "peers.json",
    data: Data = "",
) -> None:
    """Cycles of published accelerators by their models alone, without the RTL."""
    from golden.cli.peers import PeersOptions, peers

    options = PeersOptions(trace, network, image, density, pes, seed, data, tuple(model or ()))
    peers(options, out, command())


def timeline(
    images: Images = 1,
    config: Config = "4x16",
    checkpoint: Checkpoint = BALANCED,
    stalls: Stalls = 0,
    latency: Latency = 20,
    seed: Seed = None,
    output: Annotated[Path, to_file("The trace-event file, .json.", ".json")] = BUILD
    / "timeline.json",
    data: Data = "",
) -> None:
    """What every part does in every cycle, as a file for ui.perfetto.dev."""
    from tb.measure.sim import RunOptions
    from tb.measure.timeline import record

    options = RunOptions(images, config, seed=seed, stalls=stalls, latency=latency, data=data)
    raise typer.Exit(record(checkpoint, options, output))


def breakdown(
    report: Annotated[
        Path | None, typer.Option(help="Report of `psf sim`.", show_default="run now")
    ] = None,
    images: Images = 1,
    config: Config = "4x16",
    checkpoint: Checkpoint = BALANCED,
    sim: Sim = "verilator",
    data: Data = "",
) -> None:
    """Where the cycles go, layer by layer: a table and a picture."""
    from tb.measure.breakdown import show_breakdown
    from tb.measure.sim import RunOptions

    raise typer.Exit(show_breakdown(checkpoint, RunOptions(images, config, sim, data=data), report))


def energy(
    images: Images = 1,
    config: Config = "4x16",
    checkpoint: Checkpoint = BALANCED,
    data: Data = "",
) -> None:
    """Energy of an inference: events counted in the RTL times published energies."""
    from tb.measure.energy import count_energy
    from tb.measure.sim import RunOptions

    raise typer.Exit(count_energy(checkpoint, RunOptions(images, config, data=data)))


def traffic(
    checkpoint: Annotated[
        Path, typer.Option(help="Quantised network.", show_default=COMMITTED)
    ] = BALANCED,
    random: Annotated[
        str | None, typer.Option(help="A random network instead: dim=384,depth=4,heads=12.")
    ] = None,
    sparsity: Annotated[str, typer.Option(help="Pattern of its zeros.")] = "block",
    density: Density = 0.25,
    codebook: Annotated[
        int, typer.Option(min=0, max=224, help="Its values per layer, 0: any.")
    ] = 15,
    seed: Annotated[int, typer.Option(min=0, max=SEEDS, help="Of the random network.")] = 1,
    config: Config = "4x16",
    coded: Coded = True,
    out: Report = REPORTS / "traffic.json",
) -> None:
    """Bits per dense weight, and bytes that one inference moves, per layer and in total."""
    from golden.cli.traffic import command

    command(
        checkpoint, random, config, coded, out,
        sparsity=sparsity, density=density, codebook=codebook, seed=seed,
    )  # fmt: skip


def registers(
    config: Config = "4x16",
    out: Annotated[Path, to_folder("Folder to write.")] = BUILD / "registers",
) -> None:
    """The register map as HTML pages, C header and Python access."""
    from golden.hardware.configuration import Hardware
    from golden.hardware.registers.generate import generate

    for path in generate(Hardware.named(config), out):
        print(path)


def synth(
    config: Config = "2x8",
    seed: Annotated[int, typer.Option(min=0, max=SEEDS, help="Of place and route.")] = 1,
    module: Annotated[str, typer.Option(help="One module of rtl/ alone.")] = "",
    place: Annotated[bool, typer.Option("--place", help="Its Fmax, too.")] = False,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE, a parameter of the module; may be repeated."),
    ] = None,
) -> None:
    """Area, ECP5 place and route, Fmax, critical path and an ASIC view; or one module's alone."""
    if module:
        from synth.trial import run_trial

        run_trial(module, config, values or [], seed if place else None)
        return
    if place or values:
        raise UserError("--place and --set are for one module: name it with --module.")
    from synth.synthesise import run_synthesis

    raise typer.Exit(run_synthesis(config, seed))
