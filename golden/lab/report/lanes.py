# SPDX-License-Identifier: Apache-2.0
"""PE load: the non-zero weights of every row and lane, balanced against unstructured.

A spike on row k makes lane p add its non-zero weights of that row, and the row costs the fullest
lane's number in every lane (docs/reference/architecture.md). Idle is what the other lanes wait,
one spike a row:
1 - weights / (lanes * sum over rows of the fullest lane).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from golden.contract.errors import UserError
from golden.contract.model import rows_of
from golden.contract.network import QuantNetwork
from golden.lab.report.inputs import Inputs
from golden.lab.report.section import Absent, Column, Picture, Section, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "PE load: balanced against unstructured weights"
METHODS = ("balanced", "unstructured")
LANES, LAYER = 16, "blocks.0.mlp1"


def section(inputs: Inputs) -> Section:
    """Heat map of one layer, idle share of all, for the two committed networks."""
    out = Section(
        TITLE,
        f"A row is one input of a layer; its non-zero weights lie on {LANES} lanes. A spike on the "
        "row takes as many cycles as the fullest lane has weights, and all lanes wait for it.",
    )
    loads: dict[str, dict[str, np.ndarray]] = {}
    facts: dict[str, dict[str, Any]] = {}
    for method in METHODS:
        path = inputs.checkpoints / f"{method}.safetensors"
        if path.is_file():
            loads[method] = work(QuantNetwork.load(path), LANES)
            facts[method] = inputs.read(path.with_suffix(".json")) or {}
        else:
            command = f"psf prune --config golden/configs/{method}.toml"
            out.absent.append(Absent(f"the {method} network ({path})", command))
    if not loads:
        return out
    rows = [
        {"method": method, "layer": layer, **cost(counts)}
        for method, layers in loads.items()
        for layer, counts in layers.items()
    ]
    for method, layers in loads.items():
        told = {key: facts[method].get(key) for key in ("seed", "command")}
        rows.append({"method": method, "layer": "all", **total(layers), **told})
    drawn = {method: _drawn(method, layers) for method, layers in loads.items()}
    caption = (
        f"Work of {LAYER}: non-zero weights of every row and lane; beside it what the row costs."
    )
    out.pictures.append(Picture("pe_load", caption, drawn, _heat, (10, 5.5)))
    columns = (
        Column("layer", "layer"), Column("method", "weights"), Column("weights", "non-zero", ",d"),
        Column("cycles", "cycles, one spike a row", ",d"),
        Column("idle", "idle lanes / %", ".2f", 100),
    )  # fmt: skip
    whole = [row for row in rows if row["layer"] == "all"]
    rest = [row for row in rows if row["layer"] != "all"]
    told = (Column("seed", "seed", "d"), Column("command", "command"))
    out.tables.append(Table("pe_load", f"All layers, {LANES} lanes", columns + told, whole))
    out.tables.append(Table("pe_load_layers", "Idle lanes of every layer", columns, rest, True))
    return out


def work(network: QuantNetwork, lanes: int) -> dict[str, np.ndarray]:
    """Non-zero weights (rows, lanes) by layer; output o is on lane o mod `lanes`, q, k and v are
    one layer, as the compiler makes them. The first convolution sees no spikes and is left out."""
    weights = {
        f"tokenizer.{i}": [layer.weight]
        for i, layer in enumerate([*network.tokenizer[1:], network.patch], 1)
    }
    for i, block in enumerate(network.blocks):
        weights[f"blocks.{i}.qkv"] = [block.q.weight, block.k.weight, block.v.weight]
        for part in ("proj", "mlp1", "mlp2"):
            weights[f"blocks.{i}.{part}"] = [getattr(block, part).weight]
    return {
        name: sum(_by_lane(rows_of(weight) != 0, lanes) for weight in parts)
        for name, parts in weights.items()
    }


def _by_lane(mask: np.ndarray, lanes: int) -> np.ndarray:
    """(rows, outputs) -> numbers (rows, lanes)."""
    padded = np.pad(mask, ((0, 0), (0, -mask.shape[1] % lanes)))
    return padded.reshape(len(mask), -1, lanes).sum(1)


def cost(counts: np.ndarray) -> dict[str, Any]:
    """Of (rows, lanes): weights, cycles of one spike on every row, idle share of the lanes."""
    weights, cycles = int(counts.sum()), int(counts.max(1).sum())
    return {
        "weights": weights, "cycles": cycles,
        "idle": 1 - weights / (cycles * counts.shape[1]) if cycles else None,
    }  # fmt: skip


def total(layers: dict[str, np.ndarray]) -> dict[str, Any]:
    """`cost` of all layers together."""
    return cost(np.concatenate(list(layers.values())))


def _drawn(method: str, layers: dict[str, np.ndarray]) -> dict[str, Any]:
    if LAYER not in layers:
        raise UserError(f"the {method} network has no layer {LAYER}: it needs a block")
    return {"layer": LAYER, "counts": layers[LAYER].tolist(), **cost(layers[LAYER])}


def _heat(figure: Figure, data: dict[str, Any]) -> None:
    most = max(max(map(max, entry["counts"])) for entry in data.values())
    axes = figure.subplots(1, 2 * len(data), width_ratios=[3, 1] * len(data), squeeze=False)[0]
    for (method, entry), left, right in zip(data.items(), axes[::2], axes[1::2], strict=True):
        counts = np.array(entry["counts"])
        image = left.imshow(counts, aspect="auto", interpolation="nearest", vmin=0, vmax=most)
        left.set(title=f"{method}: {entry['idle'] or 0:.1%} idle", xlabel="lane", ylabel="row",
                 xticks=range(0, counts.shape[1], 5))  # fmt: skip
        rows = np.arange(len(counts))
        right.barh(rows, counts.max(1), 1.0, color="tab:red", label="idle")
        right.barh(rows, counts.mean(1), 1.0, color="tab:blue", label="work")
        right.set(ylim=(len(counts) - 0.5, -0.5), xlim=(0, most), xlabel="cycles", yticks=[])
        right.set_title("cost of a row", fontsize=9)
    figure.legend(*axes[1].get_legend_handles_labels(), fontsize=8, ncols=2,
                  loc="outside lower center")  # fmt: skip
    figure.colorbar(image, ax=axes[-1], label="non-zero weights")
