# SPDX-License-Identifier: Apache-2.0
"""Energy of an inference: events counted in the RTL times published energies per event.

Next to it the theoretical energy of the synaptic operations, as the Spikingformer paper counts.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from golden.contract import tables
from golden.contract.energy.synaptic import AC, synaptic_layers
from golden.contract.energy.technology import TECHNOLOGIES
from golden.contract.model import forward
from golden.contract.network import QuantNetwork
from golden.hardware.compile.program import compile_network
from golden.hardware.compile.traffic import traffic
from golden.hardware.configuration import Hardware
from golden.hardware.energy.accelerator import COMPONENTS, run_energy
from golden.hardware.energy.peer_power import FREQUENCY, POWER_MW, peer_energy
from golden.hardware.peers.product import of_network
from golden.hardware.peers.registry import cycles_of
from tb.measure import events, report
from tb.measure.sim import RunOptions, measure, test_images

NANO = 1e3  # pJ


def counted(figures: dict) -> dict[str, dict[str, int]]:
    """Events of all images of a run with the monitor ``events``."""
    names = [layer["name"] for layer in figures["layers"]]
    out: dict[str, dict[str, int]] = {}
    for image in range(figures["images"]):
        path = Path(figures["folder"]) / f"events-{image}.bin"
        for part, counts in events.read(path, names).items():
            mine = out.setdefault(part, dict.fromkeys(counts, 0))
            for event, count in counts.items():
                mine[event] += count
    return out


def summarise(figures: dict, counts: dict, hardware: Hardware) -> dict:
    """Energies in pJ per image by technology, layer and component."""
    images = figures["images"]
    out = {}
    for technology in TECHNOLOGIES:
        parts = {
            part: {name: pj / images for name, pj in energy.items()}
            for part, energy in run_energy(counts, hardware, technology).items()
        }
        sums = {name: sum(part[name] for part in parts.values()) for name in COMPONENTS}
        on_chip = sum(pj for name, pj in sums.items() if name != "DRAM")
        adds = useful_adds(figures)
        out[technology.name] = {
            "source": technology.source,
            "components": sums,
            "on_chip": on_chip,
            "total": on_chip + sums["DRAM"],
            "on_chip_per_add": on_chip / adds if adds else None,
            "milliwatt_at_500_mhz": on_chip * 1e-9 * FREQUENCY / figures["cycles_per_image"],
            "layers": parts,
        }
    return out


def useful_adds(figures: dict) -> float:
    """Per image, of active input bits and non-zero weights: the lanes add fewer, as they add a row
    once per window of timesteps."""
    return sum(layer["useful"] for layer in figures["layers"])


def synaptic(network: QuantNetwork, images) -> dict:
    """The theoretical energy, averaged over ``images``: in all and per layer, in pJ."""
    trace, layers, total = forward(network, images), {}, 0.0
    for image in range(len(images)):
        for layer in synaptic_layers(network, images, trace, image):
            mine = layers.setdefault(
                layer.name, {"flops": layer.flops, "rate": 0.0, "operations": 0.0, "energy": 0.0}
            )
            mine["rate"] = None if layer.rate is None else mine["rate"] + layer.rate / len(images)
            mine["operations"] += layer.operations / len(images)
            mine["energy"] += layer.energy / len(images)
            total += layer.energy / len(images)
    return {"total": total, "layers": layers}


def peers(network: QuantNetwork, images, hardware: Hardware) -> dict[str, dict]:
    """What the peers of published power take for the same images: pJ per image, 28 nm.

    Cycles are those of their models with the 128 adders that the powers are for; they move dense
    int8 weights once per image. Empty for a network whose head is no product of spikes, which their
    models do not run.
    """
    if not network.config.head_fires:
        return {}
    each = [cycles_of(of_network(network, image)) for image in images]
    program = compile_network(network, hardware)
    bits = 8 * traffic(program).summary()["dense_int8_bytes"]
    out = {}
    for name in POWER_MW:
        cycles = sum(x[name.lower()] for x in each) / len(each)
        energy = peer_energy(name, cycles, dram_bits=bits)
        out[name] = {"cycles": cycles, "on_chip": energy.on_chip, "total": energy.total}
    return out


def show_peers(console: Console, out: dict) -> None:
    """A line per peer, and what it is of ours."""
    ours = out["technologies"]["28 nm"]
    table = Table(title="peers at 28 nm: published power x modelled cycles (128 adders, 500 MHz)")
    for name in ("", "cycles", "on chip nJ", "of ours", "with DRAM nJ", "of ours"):
        table.add_column(name, justify="right" if name else "left")
    for name, x in out["peers"].items():
        table.add_row(
            name,
            f"{x['cycles']:,.0f}",
            f"{x['on_chip'] / NANO:,.0f}",
            f"{x['on_chip'] / ours['on_chip']:.1f}x",
            f"{x['total'] / NANO:,.0f}",
            f"{x['total'] / ours['total']:.1f}x",
        )
    tables.show(console, table)
    console.print(
        "ours counts memories and adders, not clock tree, control and wires, which a published "
        "power has in it",
        highlight=False,
        soft_wrap=True,
    )


def show(console: Console, out: dict) -> None:
    """Components in nJ and percent, then the totals."""
    table = Table(title=f"{out['hardware']} PEs, averages of {out['images']}: energy per image")
    table.add_column("")
    for name in out["technologies"]:
        table.add_column(f"{name}: nJ", justify="right")
        table.add_column("%", justify="right")
    for component in COMPONENTS:
        cells = []
        for energy in out["technologies"].values():
            pj = energy["components"][component]
            cells += [f"{pj / NANO:,.1f}", f"{100 * pj / energy['total']:.1f}"]
        table.add_row(component, *cells)
    table.add_section()
    for title, key in (("on chip", "on_chip"), ("with DRAM", "total")):
        cells = []
        for energy in out["technologies"].values():
            cells += [f"{energy[key] / NANO:,.1f}", f"{100 * energy[key] / energy['total']:.1f}"]
        table.add_row(title, *cells)
    tables.show(console, table)
    for name, energy in out["technologies"].items():
        console.print(
            f"{name}: {energy['on_chip_per_add']:.2f} pJ on chip per useful add, "
            f"{energy['milliwatt_at_500_mhz']:.1f} mW on chip at 500 MHz ({energy['source']})",
            highlight=False,
            soft_wrap=True,
        )
    console.print(
        f"theory (Spikingformer paper, dense weights, 32-bit float, 45 nm, no memory): "
        f"{out['synaptic']['total'] / NANO:,.1f} nJ; {AC} pJ for each of the "
        f"{out['useful_adds']:,.0f} useful adds: {AC * out['useful_adds'] / NANO:,.1f} nJ",
        highlight=False,
        soft_wrap=True,
    )


def count_energy(checkpoint: Path, options: RunOptions) -> int:
    """Run, print, write build/reports/energy.json; the exit status."""
    console, hardware = Console(), Hardware.named(options.config)
    figures = measure(checkpoint, options, monitors=("events",))
    network, counts = QuantNetwork.load(checkpoint), counted(figures)
    images = options.images
    x, _ = test_images(network, images, options.data)
    out = {
        "hardware": hardware.name,
        "checkpoint": str(checkpoint),
        "images": images,
        "cycles_per_image": figures["cycles_per_image"],
        "useful_adds": useful_adds(figures),
        "technologies": summarise(figures, counts, hardware),
        "synaptic": synaptic(network, x),
        "peers": peers(network, x, hardware),
        "events": counts,
    }
    show(console, out)
    if out["peers"]:
        show_peers(console, out)
    else:
        console.print(
            f"no peers: their models run products of spikes, and the head '{network.config.head}' "
            "takes the mean of the stream",
            soft_wrap=True,
        )
    path = report.write("energy", out)
    console.print(f"report: {path}", highlight=False, soft_wrap=True)
    return 1 if figures["mismatches"] else 0
