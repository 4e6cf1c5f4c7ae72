# SPDX-License-Identifier: Apache-2.0
"""Balanced against unstructured pruning at equal sparsity, both measured on the RTL."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from golden.contract import tables
from golden.contract.network import QuantNetwork
from golden.contract.sparsity import weight_sparsity
from tb.measure import report
from tb.measure.sim import CHECKPOINTS, RunOptions, measure

NAMES = ("balanced", "unstructured")


def compare(options: RunOptions) -> int:
    """Run both checkpoints, print the table, write build/reports/compare.json; the exit status."""
    console, figures = Console(), {}
    for name in NAMES:
        path = CHECKPOINTS / f"{name}.safetensors"
        share = weight_sparsity(QuantNetwork.load(path))
        figures[name] = measure(path, options)
        figures[name]["sparsity"] = share
    table = Table(title=f"{options.images} images on {options.config} PEs")
    table.add_column("")
    for name in NAMES:
        table.add_column(name, justify="right")
    rows = {
        "zero weights": ("sparsity", 3),
        "correct": ("correct", 0),
        "mismatches": ("mismatches", 0),
        "cycles per image": ("cycles_per_image", 0),
        "limit ratio": ("limit_ratio", 3),
        "ratio to the limit of patterns": ("pattern_ratio", 3),
        "PE utilisation": ("utilisation", 3),
        "useful share of lane slots": ("lane_efficiency", 3),
    }
    for title, (key, digits) in rows.items():
        table.add_row(title, *(report.number(figures[n][key], digits) for n in NAMES))
    tables.show(console, table)
    ratio = figures["unstructured"]["cycles_per_image"] / figures["balanced"]["cycles_per_image"]
    console.print(f"unstructured takes {ratio:.2f} times the cycles of balanced")
    path = report.write("compare", figures | {"cycles_ratio": ratio})
    console.print(f"report: {path}", highlight=False)
    return 1 if any(f["mismatches"] for f in figures.values()) else 0
