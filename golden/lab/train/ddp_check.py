# SPDX-License-Identifier: Apache-2.0
"""`psf ddp-check`: the loss curve of one process against that of several at the same
global batch, each in real processes that torchrun starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from golden.contract import tables
from golden.contract.errors import UserError
from golden.contract.files import write_json
from golden.contract.settings import load
from golden.lab.train.training_config import RunConfig

# The order of summation alone. In float32 it makes a spike flip here and there, and one flip moves
# everything behind it, so only the first steps count there. The float32 reference is torchrun with
# one process: its BatchNorm sums are those of several, more accurate than torch's CPU kernel.
LIMITS = {"float64": ("plain", None, 1e-9), "float32": ("torchrun_1", 5, 1e-4)}


def check(config: Path, count: int, reports: list[Path]) -> dict[str, Any]:
    """Print and write the comparison; UserError if the curves are not the same."""
    settings = load(config, RunConfig)
    facts: dict[str, Any] = {
        "command": f"psf ddp-check --config {config} --processes {count}",
        "config": config.read_text(), "processes": count, "torch": torch.__version__,
        "batch_size": settings.train.batch_size, "curves": {},
    }  # fmt: skip
    runs = {"plain": 0, "torchrun_1": 1, f"torchrun_{count}": count}
    losses = {name: _curves(config, processes) for name, processes in runs.items()}
    for precision, (reference, steps, limit) in LIMITS.items():
        curves = {name: found[precision] for name, found in losses.items()}
        several = curves[f"torchrun_{count}"]
        found = {
            name: {"all": _difference(one, several), "first_5": _difference(one[:5], several[:5])}
            for name, one in curves.items() if one is not several
        }  # fmt: skip
        same = _difference(curves[reference][:steps], several[:steps]) <= limit
        facts["curves"][precision] = {
            "losses": curves, "reference": reference, "same": same, "max_difference": found,
        }  # fmt: skip
    _show(facts)
    for report in reports:
        write_json(report, facts)
    wrong = [precision for precision, found in facts["curves"].items() if not found["same"]]
    if wrong:
        raise UserError(
            f"{count} processes do not train like one in {' and '.join(wrong)}: the loss curves in "
            f"{reports[0]} differ by more than the order of summation explains"
        )
    return facts


def _difference(one: list[float], several: list[float]) -> float:
    return max(abs(a - b) for a, b in zip(one, several, strict=True))


def _curves(config: Path, processes: int) -> dict[str, list[float]]:
    """Losses in every precision, in one plain process (0) or under torchrun."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "losses.json"
        command = [sys.executable]
        if processes:
            command += ["-m", "torch.distributed.run", "--standalone",
                        f"--nproc-per-node={processes}"]  # fmt: skip
        command += ["-m", "golden.lab.train.loss_curve", config, Path(folder) / "run", out, *LIMITS]
        threads = os.environ.get("OMP_NUM_THREADS", "1")
        run = subprocess.run(
            list(map(str, command)), capture_output=True, text=True,
            env=os.environ | {"OMP_NUM_THREADS": threads},
        )  # fmt: skip
        if run.returncode:
            lines = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
            raise UserError(lines[0].removeprefix("error: ") if lines else run.stderr[-2000:])
        return json.loads(out.read_text())


def _show(facts: dict[str, Any]) -> None:
    for precision, found in facts["curves"].items():
        losses = found["losses"]
        table = Table("step", *losses, title=f"loss, {precision}")
        rows = list(zip(*losses.values(), strict=True))
        for step, row in enumerate(rows, 1):
            if step <= 5 or step % 5 == 0:
                table.add_row(str(step), *(f"{value:.12f}" for value in row))
        tables.show(Console(), table)
        for name, difference in found["max_difference"].items():
            print(
                f"{precision}, {facts['processes']} processes against {name}: largest difference "
                f"{difference['all']:.1e} in {len(rows)} steps, {difference['first_5']:.1e} in the "
                "first 5"
            )
