# SPDX-License-Identifier: Apache-2.0
"""``psf``: networks that come from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from golden.cli.network import PANEL
from golden.cli.options import command, group, sized, to_file, to_network
from golden.contract import sizes

nir = group("NIR: graphs of spiking networks, which other frameworks read and write.")


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.command("import", rich_help_panel=PANEL)(import_)
    app.add_typer(nir, name="nir", rich_help_panel=PANEL)


def import_(
    file: Annotated[Path, typer.Argument(help="Weights: .pth, .pth.tar, .pt, .safetensors.")],
    out: Annotated[Path, to_network("Float checkpoint to write")],
    family: Annotated[
        str | None,
        typer.Option(
            help="spikingformer, spikformer, sdt, sew_resnet or ms_resnet.",
            show_default="told by the names",
        ),
    ] = None,
    heads: Annotated[int | None, sized(sizes.Heads, "Attention heads.")] = None,
    timesteps: Annotated[int | None, sized(sizes.Timesteps, "T.")] = None,
    height: Annotated[int | None, sized(sizes.Height, "Of the inputs.")] = None,
    width: Annotated[int | None, sized(sizes.Width, "Of the inputs.")] = None,
    tau: Annotated[float | None, typer.Option(min=1, help="Of every LIF; inf has no leak.")] = None,
    layout: Annotated[str | None, typer.Option(help="cifar, imagenet or dvs.")] = None,
    pooled_stages: Annotated[
        str | None, typer.Option(help="Stages with a pool in front, as in 3,4.")
    ] = None,
    mean: Annotated[
        str | None, typer.Option(help="Of pixel / 255, per channel, as in 0.49,0.48,0.45; none.")
    ] = None,
    std: Annotated[str | None, typer.Option(help="As --mean.")] = None,
    input_bits: Annotated[
        int | None, sized(sizes.InputBits, "Of event counts.", show_default="8")
    ] = None,
    connect: Annotated[str | None, typer.Option(help="SEW-ResNet: add, and or iand.")] = None,
    data: Annotated[
        str,
        typer.Option(
            help="Data set it was trained on: a name, or a place of your own.",
            show_default="none is recorded",
        ),
    ] = "",
    ema: Annotated[bool, typer.Option("--ema", help="Take the moving average.")] = False,
) -> None:
    """Import a trained checkpoint of an authors' repository; what does not fit is named.

    Sizes follow from the tensors, or from the training's settings if the file has them, or are the
    authors' own. Options win.
    """
    from golden.lab.authors.import_checkpoint import import_checkpoint, numbers, stages

    given = {
        "heads": heads, "timesteps": timesteps, "height": height, "width": width, "tau": tau,
        "layout": layout, "pooled_stages": stages(pooled_stages), "connect": connect,
        "input_bits": input_bits, "mean": numbers("mean", mean), "std": numbers("std", std),
    }  # fmt: skip
    stated = {name: value for name, value in given.items() if value is not None}
    import_checkpoint(file, out, stated, command(), family, ema, data)


@nir.command("export")
def nir_export(
    checkpoint: Annotated[Path, typer.Argument(help="Float checkpoint.")],
    out: Annotated[Path, to_file("Graph to write, .nir.", ".nir")],
    dt: Annotated[
        float, typer.Option(min=1e-9, max=10, help="Time step, seconds.", show_default="1e-4")
    ] = 1e-4,
) -> None:
    """Write what NIR can carry of a float checkpoint: the tokenizer; without blocks all of it."""
    from golden.lab.interchange.nir_export import export

    for sentence in export(checkpoint, out, dt):
        print(f"note: {sentence}")
    print(out)


@nir.command("import")
def nir_import(
    graph: Annotated[Path, typer.Argument(help="Graph, .nir.")],
    out: Annotated[Path, to_network("Float checkpoint to write")],
    rest: Annotated[
        Path | None, typer.Option(help="Float checkpoint with the blocks and head of a tokenizer.")
    ] = None,
    timesteps: Annotated[
        int | None, sized(sizes.Timesteps, "T.", show_default="told by the graph")
    ] = None,
    dt: Annotated[
        float | None,
        typer.Option(
            min=1e-9, max=10, help="Time step, seconds.", show_default="of the graph, or 1e-4"
        ),
    ] = None,
) -> None:
    """Make a float checkpoint of a graph of convolutions and LIF; what does not fit is named."""
    from golden.lab.interchange.nir_import import import_graph

    stated = {"timesteps": timesteps, "dt": dt}
    stated = {name: value for name, value in stated.items() if value is not None}
    for sentence in import_graph(graph, out, stated, command(), rest):
        print(f"note: {sentence}")
    print(out)
