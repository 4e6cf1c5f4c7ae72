# SPDX-License-Identifier: Apache-2.0
"""``psf peers``: every peer model on recorded spikes or on a network's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from golden.contract.errors import UserError
from golden.contract.network import QuantNetwork
from golden.contract.sparsity import share_of_zeros, told
from golden.hardware.peers.product import of_network
from golden.hardware.peers.report import measure, published_for, show, write
from golden.hardware.peers.trace import load_trace


@dataclass(frozen=True)
class PeersOptions:
    """Where the spikes come from, and what the models are built of.

    trace: recorded spikes (npz), or network: a quantised network that sees the test image number
    image, of data or else of the data set that it was trained on.  density, seed: of the random
    weights beside a trace.  pes: adders of every model.  models: of the user's own, FILE.py:NAME.
    """

    trace: Path | None = None
    network: Path | None = None
    image: int = 0
    density: float = 0.25
    pes: int = 128
    seed: int = 0
    data: str = ""
    models: tuple[str, ...] = ()


def peers(options: PeersOptions, out: Path, command: str) -> None:
    """Cycles of the accelerators that one would compare with, on the same spikes: a table, and
    the report ``out``."""
    trace, network, pes = options.trace, options.network, options.pes
    if (trace is None) == (network is None):
        raise UserError("give either --trace FILE or --network FILE")
    facts = {"command": command}
    if trace is not None:
        facts |= {"trace": trace.name, "density": options.density, "seed": options.seed}
        products = load_trace(trace, options.density, options.seed)
        zeros = share_of_zeros(product.weight for product in products)
        why = "every lane keeps as many weights of a row, also one with fewer outputs than others"
        print(told(1 - options.density, zeros, why))
        facts |= measure(products, pes, options.models) | {"weight_sparsity": zeros}
        published = published_for(trace, pes)
        title = f"{trace.name}, {pes} adders, weight density {options.density:g}"
    else:
        facts |= {"network": str(network), "image": options.image}
        quantised = QuantNetwork.load(network)
        facts |= measure(of_network(quantised, _image(quantised, options)), pes, options.models)
        published = None
        title = f"{network}, test image {options.image}, {pes} adders"
    if published:
        facts["published"] = {"cycles_of": published.cycles, "source": published.source}
    show(facts, published, title)
    write(out, facts)
    print(f"{out} written")


def _image(network: QuantNetwork, options: PeersOptions):
    from golden.lab.data import shown

    images = shown(network.config, network.provenance.get("data", {}), options.data).images
    if not 0 <= options.image < len(images):
        raise UserError(f"--image {options.image} must lie between 0 and {len(images) - 1}")
    return images[options.image]
