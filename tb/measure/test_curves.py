# SPDX-License-Identifier: Apache-2.0
"""`make curves`: the table, the report and the picture from measured points."""

import json
from pathlib import Path

import pytest

from golden.cli.main import main
from golden.contract.errors import UserError
from golden.lab.studies.sparsity_curves import Point
from tb.measure import curves, report

POINTS = [
    Point(method, sparsity, Path(f"{method}.safetensors"), accuracy, sparsity)
    for method, sparsity, accuracy in (
        ("balanced", 0.75, 0.9), ("uticket", 0.75, 0.89), ("balanced", 0.5, 0.91),
    )
]  # fmt: skip


def fake(mismatches: int):
    def measure(checkpoint, options) -> dict:
        assert (options.config, options.images, options.seed) == ("2x8", 3, 1)
        cycles = 1000.0 if checkpoint.name.startswith("balanced") else 1500.0
        return {"cycles_per_image": cycles, "utilisation": 800 / cycles,
                "limit_ratio": cycles / 800, "mismatches": mismatches}  # fmt: skip

    return measure


def start(monkeypatch, folder, *, found=POINTS, mismatches=0, measure=None) -> int:
    monkeypatch.setattr(curves, "points", lambda: found)
    monkeypatch.setattr(curves, "measure", measure or fake(mismatches))
    monkeypatch.setattr(report, "REPORTS", folder)
    with pytest.raises(SystemExit) as ended:
        main(["curves", "measure", "--images", "3", "--config", "2x8"])
    return ended.value.code


def test_report_and_picture(monkeypatch, tmp_path, capsys):
    assert start(monkeypatch, tmp_path) == 0
    data = json.loads((tmp_path / "curves.json").read_text())
    assert [(x["method"], x["sparsity"], x["accuracy"]) for x in data["points"]] == [
        (p.method, p.sparsity, p.accuracy) for p in POINTS
    ]
    assert [x["cycles"] for x in data["points"]] == [1000, 1500, 1000]
    assert data["points"][1]["utilisation"] == pytest.approx(8 / 15)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    text = capsys.readouterr().out
    assert text.index("50.00%") < text.index("75.00%") and "89.00%" in text and "1,500" in text


def test_a_point_that_the_hardware_refuses(monkeypatch, tmp_path, capsys):
    """Its accuracy stays, the other figures are missing, and the reason is there."""

    def refuse(checkpoint, *rest):
        if checkpoint.name.startswith("uticket"):
            raise UserError("mlp2: shift is 8")
        return fake(0)(checkpoint, *rest)

    assert start(monkeypatch, tmp_path, measure=refuse) == 0
    x = json.loads((tmp_path / "curves.json").read_text())["points"][1]
    assert x["accuracy"] == 0.89 and x["cycles"] is None and x["refused"] == "mlp2: shift is 8"
    assert "mlp2: shift is 8" in capsys.readouterr().out


def test_a_mismatch_is_an_exit_status(monkeypatch, tmp_path):
    assert start(monkeypatch, tmp_path, mismatches=1) == 1


def test_no_points(monkeypatch, tmp_path, capsys):
    assert start(monkeypatch, tmp_path, found=[]) == 2
    assert "psf curves train" in capsys.readouterr().err
