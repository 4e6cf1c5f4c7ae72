# SPDX-License-Identifier: Apache-2.0
"""``psf hardware``: which configurations there are, and the smallest one that a network needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from golden.contract import tables
from golden.contract.errors import UserError
from golden.contract.network import QuantNetwork
from golden.contract.random_network import random_images
from golden.hardware.area import by_size, logic, memory_bits
from golden.hardware.compile.compiled import Program
from golden.hardware.configuration import Hardware
from golden.hardware.cycles import cycles
from golden.hardware.suggest import Fit, cycles_bound, fit
from golden.lab.data import name_for, shown, title

MODEL_CYCLES = 300_000  # up to here the cycle model runs, which takes a minute for them


def configurations(checkpoint: Path | None = None, data: str = "") -> None:
    """Print presets and larger grids with their lanes, memory and logic; with ``checkpoint`` also
    what that network breaks there, and the cycles of an image by the cycle model where it runs."""
    table = Table("configuration", "groups", "lanes", "banks", "memory (kbit)", "LUT4 (ECP5)")
    if checkpoint:
        table.add_column("cycles", justify="right")
        table.add_column("what does not fit")
        network = QuantNetwork.load(checkpoint)
        image, what = _image(network, data)
    for hardware in by_size(grids=True):
        sizes = hardware.groups, hardware.lanes, hardware.banks
        row = [hardware.name, *map(str, sizes), *_area(hardware)]
        if checkpoint:
            tried = fit(network, hardware)
            if tried.program and not tried.broken:
                row += [_cycles(tried.program, network, image), "-"]
            else:
                row += ["-", "; ".join(map(str, tried.broken.values())) or tried.refusal]
        table.add_row(*row)
    tables.show(Console(), table)
    if checkpoint:
        print(f"cycles: {what}, by the cycle model; more than {MODEL_CYCLES:,} are only bounded")


def suggest(checkpoint: Path, data: str = "", every: bool = False, bound: bool = False) -> Fit:
    """Print the smallest configuration on which a quantised network runs, what it needs there and
    why; UserError with everything that is in the way if there is none.

    every: all presets, not only up to the first that will do. bound: never run the cycle model.
    """
    network = QuantNetwork.load(checkpoint)
    image, what = _image(network, data)
    found: Fit | None = None
    shortest = 0  # cycles of the one that is found
    for preset in by_size():
        tried = fit(network, preset)
        for excess in tried.broken.values():
            print(f"{preset.name}: {excess}")
        if tried.program is None:
            print(f"{preset.name} does not do: {tried.refusal}")
            continue
        memory, luts = _area(tried.hardware)
        least = cycles_bound(tried.program, network, image)
        print(f"{tried.hardware.name}: at least {least:,} cycles for {what}; {memory} kbit of "
              f"memory; LUT4 of an ECP5: {luts}")  # fmt: skip
        if found is None:
            found, shortest = tried, least
        if not every:
            break
    if found is None or found.program is None:
        raise UserError(f"{checkpoint} runs on no preset: {tried.refusal}")
    if not bound and shortest <= MODEL_CYCLES:
        total = cycles(found.program, network, image[None])[0].total
        print(f"{found.hardware.name}: {total:,} cycles by the cycle model")
    print(f"smallest: --config {found.hardware.name}")
    return found


def _cycles(program: Program, network: QuantNetwork, image: np.ndarray) -> str:
    least = cycles_bound(program, network, image)
    if least > MODEL_CYCLES:
        return f"> {least:,}"
    return f"{cycles(program, network, image[None])[0].total:,}"


def _area(hardware: Hardware) -> tuple[str, str]:
    """(memory in kbit, LUT4) as they are printed."""
    luts = logic(hardware)
    return f"{memory_bits(hardware) / 1000:,.0f}", "not measured" if luts is None else f"{luts:,}"


def _image(network: QuantNetwork, data: str) -> tuple[np.ndarray, str]:
    """(image of the network's data, or a random one where they are not at hand; what it is)."""
    told = network.provenance.get("data", {})
    try:
        image = shown(network.config, told, data, count=1).images[0]
    except UserError:
        if data:
            raise
        return random_images(network.config, 1)[0], "a random image"
    return image, f"an image of {title(name_for(told, data))}"
