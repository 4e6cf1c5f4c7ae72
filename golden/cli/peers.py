# SPDX-License-Identifier: Apache-2.0
"""``python -m golden.hardware.peers``: every peer model on recorded spikes or on a network's
own."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from golden.contract.command import run
from golden.contract.errors import UserError
from golden.contract.network import QuantNetwork
from golden.hardware.peers.product import of_network
from golden.hardware.peers.report import measure, published_for, show, write
from golden.hardware.peers.trace import load_trace

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def peers(
    trace: Annotated[Path | None, typer.Option(help="recorded spikes, npz")] = None,
    network: Annotated[Path | None, typer.Option(help="quantised network, safetensors")] = None,
    image: Annotated[int, typer.Option(help="test image that the network sees")] = 0,
    density: Annotated[float, typer.Option(help="weight density beside a trace")] = 0.25,
    pes: Annotated[int, typer.Option(help="adders of every model")] = 128,
    seed: Annotated[int, typer.Option(help="of the weights beside a trace")] = 0,
    out: Annotated[Path, typer.Option(help="report")] = Path("build/reports/peers.json"),
) -> None:
    """Cycles of the accelerators one would compare with, on the same spikes."""
    if (trace is None) == (network is None):
        raise UserError("give either --trace FILE or --network FILE")
    facts = {"command": "python -m golden.hardware.peers " + shlex.join(sys.argv[1:])}
    if trace is not None:
        facts |= {"trace": trace.name, "density": density, "seed": seed}
        facts |= measure(load_trace(trace, density, seed), pes)
        published = published_for(trace, pes)
        title = f"{trace.name}, {pes} adders, weight density {density:g}"
    else:
        facts |= {"network": str(network), "image": image}
        facts |= measure(of_network(QuantNetwork.load(network), _image(image)), pes)
        published = None
        title = f"{network}, test image {image}, {pes} adders"
    if published:
        facts["published"] = {"cycles_of": published.cycles, "source": published.source}
    show(facts, published, title)
    write(out, facts)
    print(f"{out} written")


def _image(index: int):
    from golden.lab.data.fashion_mnist import load

    images = load("test").images
    if not 0 <= index < len(images):
        raise UserError(f"--image {index} must lie between 0 and {len(images) - 1}")
    return images[index]


if __name__ == "__main__":
    run(app)
