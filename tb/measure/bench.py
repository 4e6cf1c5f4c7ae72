# SPDX-License-Identifier: Apache-2.0
"""The RTL against the cycle models of published accelerators, on the same spikes; ``make bench``.

``psf bench`` runs the workloads of WORKLOADS; ``psf bench --trace spikes.npz --density 0.25`` runs
recorded spikes instead.

Every spike that the RTL fires is compared with the integer model. The peers have as many adders as
the accelerator. The figures of each workload go to build/reports/bench.json, beside those of
earlier runs. Exit status: 0 everything equal, 1 a mismatch (or the simulation failed), 2 a user's
mistake.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from golden.contract import tables
from golden.contract.errors import UserError
from golden.contract.network import NetworkConfig, QuantNetwork
from golden.contract.paper import CONFIG, IMAGENET, natural_images, paper_network
from golden.contract.sparsity import share_of_zeros, told
from golden.hardware.compile.layer_list import in_order
from golden.hardware.compile.traffic import traffic
from golden.hardware.configuration import Hardware
from golden.hardware.workload import generated, recording
from golden.hardware.workload.layer import BareLayer
from golden.hardware.workload.random_layer import random_layer
from tb.lib.work import LayerListWork, NetworkWork, Work
from tb.measure import report
from tb.measure.breakdown import breakdown, picture, table
from tb.measure.sim import CHECKPOINTS, check_memory, test_images
from tb.system.run import run_work

if TYPE_CHECKING:
    from golden.hardware.peers.product import Product

TRACE_HARDWARE = "4x32"  # 128 PEs
IMAGENET_HARDWARE = (
    "8x32,acc_depth=128,stream_width=17,spike_lines=32768,stream_depth=1600,classes=1024"
)
CORRELATION = 0.3  # of generated spikes at neighbouring timesteps
CONNECTED_RATE = 0.05  # of the spikes into fully connected layers behind those of a trace
DENSITY = 0.25  # of the weights of a trace; another one is part of the workload's name


@dataclass
class Options:
    """What a user may choose about every workload."""

    images: int = 1
    batch: int = 1  # images of a run of recorded or drawn layers: weights are loaded once
    connected: tuple[int, ...] = ()  # channels of fully connected layers behind those of a trace
    effort: float = 0  # seconds of the compiler for every workload
    density: float = DENSITY
    correlation: float = CORRELATION
    config: str | None = None  # hardware, instead of the workload's own
    seed: int = 1
    stalls: int = 0
    latency: int = 20
    models: tuple[str, ...] = ()


@dataclass
class Workload:
    """What the RTL does, and the same as products for the peers: one list of them per run."""

    hardware: Hardware
    work: Work
    products: Callable[[], list[list[Product]]]
    labels: Sequence[int] | None = None
    facts: dict | None = None  # what the report says about it, too


def default(options: Options) -> Workload:
    """The committed PE-balanced network with codebooks on Fashion-MNIST."""
    checkpoint = CHECKPOINTS / "codebook75.safetensors"
    network = QuantNetwork.load(checkpoint)
    images, labels = test_images(network, options.images)

    def products() -> list[list[Product]]:
        from golden.hardware.peers.product import of_network

        return [of_network(network, image) for image in images]

    return Workload(
        Hardware.named(options.config or "4x16"),
        NetworkWork(network, images, options.effort),
        products,
        labels,
        {"network": checkpoint.name},
    )


def paper(options: Options, config: NetworkConfig = CONFIG, hardware: str = "4x32") -> Workload:
    """A network of golden.contract.paper with calibrated weights."""
    network = paper_network(options.seed, config)
    images = natural_images(options.images, options.seed, config)

    def products() -> list[list[Product]]:
        from golden.hardware.peers.product import of_network

        return [of_network(network, image) for image in images]

    work = NetworkWork(network, images, options.effort)
    return Workload(Hardware.named(options.config or hardware), work, products)


def drawn(name: str, options: Options) -> Workload:
    """A network of golden.hardware.workload.generated."""
    shapes = generated.NETWORKS[name]()
    drawn = generated.recordings(shapes, options.correlation, options.seed, images=options.batch)
    return of_recordings(name, drawn, options)


WORKLOADS: dict[str, Callable[[Options], Workload]] = {
    "default": default,
    "paper": paper,
    "imagenet": partial(paper, config=IMAGENET, hardware=IMAGENET_HARDWARE),
    **{name: partial(drawn, name) for name in generated.NETWORKS},
}
USUAL = ("default", "paper")  # without a choice


def trace(path: Path, options: Options) -> Workload:
    """The layers of a file of recorded spikes with random PE-balanced weights."""
    wide = [recording.repeated(r, options.batch) for r in recording.read(path)]
    shapes = [
        generated.Shape(f"fc{i}", inputs, outputs, 1, 1, CONNECTED_RATE)
        for i, (inputs, outputs) in enumerate(pairwise(options.connected), 1)
    ]
    names = {r.name for r in wide} & {s.name for s in shapes}
    if names:
        raise UserError(f"trace {path} has a layer '{min(names)}' of its own; rename it")
    steps = len(wide[-1].spikes)
    wide += generated.recordings(shapes, options.correlation, options.seed, steps, options.batch)
    return of_recordings(path.name, wide, options)


def channels(text: str) -> tuple[int, ...]:
    """Of fully connected layers, as a user gives them: two or more numbers, or nothing."""
    try:
        found = tuple(map(int, text.split(","))) if text else ()
    except ValueError:
        found = (0,)
    if text and (len(found) < 2 or not all(0 < n <= recording.LARGEST for n in found)):
        raise UserError(
            f"--connected '{text}' should be two or more numbers of channels from 1 to "
            f"{recording.LARGEST}, as in 4096,1024,10"
        )
    return found


def of_recordings(name: str, spikes: Sequence[recording.Recording], options: Options) -> Workload:
    """``spikes``, of the images of a batch side by side, into random PE-balanced weights."""
    hardware = Hardware.named(options.config or TRACE_HARDWARE)
    layers = []
    for i, wide in enumerate(spikes):
        first, *others = recording.images_of(wide, options.batch)
        layers.append(
            random_layer(
                first, options.density, hardware.lanes, options.seed + i, hardware.acc_width
            )
        )
        layers += [BareLayer(other, layers[-1].layer) for other in others]
    twice = [name for name, count in Counter(x.name for x in layers).items() if count > 1]
    if twice:
        raise UserError(
            f"{name}: an image of a batch is called '{twice[0]}', like a layer; rename the layer"
        )
    layers = in_order(layers, hardware)

    def products() -> list[list[Product]]:
        from golden.hardware.peers.product import of_convolution

        return [[of_convolution(x.name, x.recording.spikes, x.layer.weight) for x in layers]]

    facts = {
        "density": options.density,
        "measured_density": density(layers),
        "batch": options.batch,
    }
    rows = "every lane keeps as many weights of a row, also one with fewer outputs than others"
    zeros = 1 - facts["measured_density"]
    print(f"{name}: {told(1 - options.density, zeros, rows)}")
    return Workload(hardware, LayerListWork(layers, effort=options.effort), products, None, facts)


def density(layers: Sequence[BareLayer]) -> float:
    """Share of the weights that are not zero."""
    distinct = {id(x.layer): x.layer.weight for x in layers}
    return 1 - share_of_zeros(distinct.values())


def measure(workload: Workload, options: Options) -> dict:
    """The figures of one workload: tb.measure.report.summarise, the peers' cycles, the
    footprint."""
    hardware = workload.hardware
    program = workload.work.program(hardware)  # a user's mistake shows before anything is built
    if program.search:
        print(program.search, flush=True)
    results = run_work(
        workload.work,
        hardware,
        workload.labels,
        sim="verilator",
        seed=options.seed,
        stalls=options.stalls,
        latency=options.latency,
        quiet=True,
    )
    figures = report.summarise(results, hardware)
    parts = breakdown(figures)
    cycles = figures.pop("cycles_per_image")
    return {
        "cycles": cycles,
        **figures,
        "hardware": hardware.name,
        "pes": hardware.pes,
        "cycles_of": peers(workload, hardware.pes, options.models),
        **traffic(program).summary(),
        "breakdown": parts,
        "seed": options.seed,
        "stalls": options.stalls,
        "latency": options.latency,
        "messages": results["messages"],
        "search": program.search and asdict(program.search),
        **(workload.facts or {}),
    }


def peers(workload: Workload, pes: int, own: Sequence[str] = ()) -> dict[str, float]:
    """Cycles of every peer model with ``pes`` adders, per run."""
    from golden.hardware.peers.registry import cycles_of

    each = [cycles_of(products, pes, own) for products in workload.products()]
    return {name: sum(c[name] for c in each) / len(each) for name in each[0]}


def merged(old: dict, new: dict[str, dict]) -> dict:
    """The report: the workloads of ``new`` replace those of ``old``; bits over all of them."""
    known = {k: v for k, v in old.items() if isinstance(v, dict) and "weight_stream_bytes" in v}
    workloads = known | new
    bits = 8 * sum(w["weight_stream_bytes"] for w in workloads.values())
    weights = sum(w["dense_weights"] for w in workloads.values())
    return workloads | {"bits_per_dense_weight": bits / weights}


def last_report() -> dict:
    """What earlier runs have left in build/reports/bench.json."""
    try:
        return json.loads((report.REPORTS / "bench.json").read_text())
    except (OSError, ValueError):
        return {}


def show(console: Console, figures: dict[str, dict]) -> None:
    """A row per workload, then one per peer with what the RTL gains."""
    table = Table(title="cycles from start to interrupt, per run")
    for name in ("workload", "PEs", "", "cycles", "RTL is faster by", "ratio to the limit",
                 "with patterns", "utilisation", "mismatches"):  # fmt: skip
        table.add_column(name, justify="left" if name in ("workload", "") else "right")
    for name, x in figures.items():
        table.add_section()
        table.add_row(
            name,
            str(x["pes"]),
            "RTL",
            report.number(x["cycles"]),
            "",
            report.number(x["limit_ratio"], 3),
            report.number(x["pattern_ratio"], 3),
            report.number(x["utilisation"], 3),
            report.number(x["mismatches"]),
            style=None if x["mismatches"] == 0 else "red",
        )
        for peer, cycles in x["cycles_of"].items():
            gain = f"{cycles / x['cycles']:.2f}x"
            table.add_row("", "", peer, report.number(cycles), gain, "", "", "", "")
    tables.show(console, table)
    for name, x in figures.items():
        console.print(
            f"{name}: {x['bits_per_dense_weight']:.2f} bits per dense weight (row tables and "
            f"codebooks counted), {x['bytes']:,} bytes moved per run, dense int8 "
            f"{x['dense_int8_bytes']:,}",
            highlight=False,
            soft_wrap=True,
        )


def run_bench(traces: Sequence[Path], names: Sequence[str], options: Options) -> int:
    """Run, print, write build/reports/bench.json; the exit status.

    ``names`` of workloads: none are all of them, unless there are traces.
    """
    from golden.hardware.peers.registry import models

    console = Console(highlight=False)
    models(options.models)  # what is wrong with them is said before the simulation
    names = names or ([] if traces else list(USUAL))
    check_memory(options.stalls, options.latency)
    for name in names:
        if name not in WORKLOADS:
            raise UserError(
                f"--workload '{name}' is not known; choose out of {', '.join(WORKLOADS)}"
            )
    stems = {path.stem for path in traces}
    if len(stems) < len(traces) or stems & set(WORKLOADS):
        raise UserError(
            "--trace: the report goes by file names; give files whose names differ from each other "
            f"and from {', '.join(WORKLOADS)}"
        )
    suffix = "" if options.density == DENSITY else f"-{options.density:g}"
    suffix += "" if options.batch == 1 else f"-batch{options.batch}"
    made = {
        name + suffix * (name in generated.NETWORKS): WORKLOADS[name](options) for name in names
    }
    connected = "-fc" if options.connected else ""
    made |= {path.stem + connected + suffix: trace(path, options) for path in traces}
    figures = {}
    for name, work in made.items():
        figures[name] = measure(work, options)
        console.print(name, style="bold")
        report.show_layers(console, figures[name])
        tables.show(console, table(figures[name]["breakdown"]))
        place = report.REPORTS / f"breakdown-{name}.png"
        console.print(f"picture: {picture(figures[name]['breakdown'], place)}")
        for message in figures[name]["messages"]:
            console.print(f"mismatch: {message}", style="red")
    show(console, figures)
    console.print(f"report: {report.write('bench', merged(last_report(), figures))}")
    return 1 if any(x["mismatches"] for x in figures.values()) else 0
