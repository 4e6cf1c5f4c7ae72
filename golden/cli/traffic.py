# SPDX-License-Identifier: Apache-2.0
"""``psf traffic``: bits per dense weight and bytes per inference of a network."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from golden.contract import tables
from golden.contract.command import numbers
from golden.contract.files import write_json
from golden.contract.network import NetworkConfig, QuantNetwork
from golden.contract.random_network import random_network, reason
from golden.contract.sparsity import told, weight_sparsity
from golden.hardware.compile.program import compile_network
from golden.hardware.compile.traffic import LayerTraffic, traffic
from golden.hardware.configuration import Hardware


def command(
    checkpoint: Path, random: str | None, config: str, coded: bool, out: Path, **options
) -> dict:
    """Print and write the traffic of ``checkpoint``, or of a random network of size ``random``.

    ``options`` are those of ``random_network``. Returns what is written.
    """
    hardware = Hardware.named(config)
    if random is None:
        network, name = QuantNetwork.load(checkpoint), str(checkpoint)
    else:
        network = random_network(_sizes(random), lanes=hardware.lanes, **options)
        name = f"random network {random} {options}"
    found = traffic(compile_network(network, hardware, coded=coded))
    zeros = weight_sparsity(network)
    report = {"network": name, "hardware": hardware.name, "coded": coded, "weight_sparsity": zeros}
    report |= found.report()
    console = Console(highlight=False, width=100)  # of the table
    tables.show(console, _table(found.layers))
    asked, why = None, ""
    if random is not None:
        pattern, density = options["sparsity"], options["density"]
        asked, why = 1 - density, reason(pattern, hardware.lanes, density)
    console.print(told(asked, zeros, why), soft_wrap=True)
    console.print(
        f"{name} on {hardware.name}: {report['bits_per_dense_weight']:.3f} bits per dense weight "
        f"(raw slots {report['raw_bits_per_dense_weight']:.3f}); an inference moves "
        f"{report['bytes']:,} bytes (raw {report['raw_bytes']:,}, with dense int8 weights "
        f"{report['dense_int8_bytes']:,})",
        soft_wrap=True,
    )
    write_json(out, report)
    return report


def _sizes(text: str) -> NetworkConfig:
    """A network configuration from ``dim=384,depth=4``."""
    known = {"depth", "dim", "heads", "timesteps", "in_channels", "height", "width", "classes",
             "mlp_ratio"}  # fmt: skip
    return NetworkConfig(**numbers(text.split(","), known, "--random"))


def _table(layers: list[LayerTraffic]) -> Table:
    table = Table(title="weight stream in bytes; bits: per dense weight; index: stored bits")
    table.add_column("layer", no_wrap=True)
    for name in ("dense", "index", "weights", "rows", "raw", "bits"):
        table.add_column(name, justify="right", no_wrap=True)
    for x in layers:
        form = f"{x.index_bits}{' block' if x.block else ''}" if x.coded else "raw"
        table.add_row(
            x.name, f"{x.dense_weights:,}", form if x.weight_bytes else "",
            f"{x.weight_bytes:,}", f"{x.row_bytes:,}", f"{x.raw_bytes:,}",
            f"{x.bits_per_dense_weight:.3f}" if x.dense_weights else "",
        )  # fmt: skip
    return table
