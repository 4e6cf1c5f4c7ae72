# SPDX-License-Identifier: Apache-2.0
"""The breakdown by hand: every part in cycles, everything adds up; picture, file and mistakes."""

import json

import pytest
from rich.console import Console

from golden.cli.main import main
from tb.measure import breakdown, report

LAYERS = [  # 2 groups of 4 lanes; row_adds + bank + fetch + drain + idle = 2 * cycles
    dict(name="a", pattern_adds=64, row_adds=20, bank=6, fetch=4, drain=8, idle=2, cycles=20,
         gap=7),
    dict(name="b", pattern_adds=24, row_adds=6, bank=0, fetch=1, drain=0, idle=3, cycles=5, gap=1),
]  # fmt: skip
FIGURES = dict(
    hardware="2x8,lanes=4,banks=2",
    images=3,
    cycles_per_image=40.0,
    limit_ratio=3.636,
    layers=LAYERS,
)


def test_by_hand():
    parts = breakdown.breakdown(FIGURES)
    first, second, result = parts["layers"]
    assert first == dict(name="a", useful=8, lane_idle=2, bank=3, fetch=2, drain=4, idle=1, gap=7)
    assert second == dict(
        name="b", useful=3, lane_idle=0, bank=0, fetch=0.5, drain=0, idle=1.5, gap=1
    )
    assert result["name"] == breakdown.RESULT and result["gap"] == 40 - 27 - 6 == 7
    assert sum(parts["total"].values()) == 40
    assert parts["total"]["useful"] == 11 and parts["total"]["gap"] == 15


def test_table_is_complete():
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(breakdown.table(breakdown.breakdown(FIGURES)))
    text = console.export_text()
    rows = {line.split("│")[1].strip(): line.split("│")[2:-1] for line in text.splitlines()
            if line.startswith("│")}  # fmt: skip
    assert [c.strip() for c in rows["a"]] == [
        "20.00", "5.00", "7.50", "5.00", "10.00", "2.50", "17.50", "67.50"
    ]  # fmt: skip
    assert rows["all"][-1].strip() == "100.00" and rows["b"][1].strip() == "-"


@pytest.fixture
def reports(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "REPORTS", tmp_path)
    return tmp_path


def call(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(["breakdown", *map(str, arguments)])
    return ended.value.code


def test_from_a_report(reports, capsys):
    path = reports / "sim.json"
    path.write_text(json.dumps(FIGURES))
    assert call("--report", path) == 0
    assert json.loads((reports / "breakdown.json").read_text())["total"]["bank"] == 3
    assert (reports / "breakdown.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert {p.name for p in reports.iterdir()} == {"sim.json", "breakdown.json", "breakdown.png"}
    assert "breakdown.png" in capsys.readouterr().out


@pytest.mark.parametrize(
    "content, message",
    [(None, "does not exist"), ("no json", "is not one of a run"), ("{}", "is not one of a run"),
     ("[]", "is not one of a run")],
)  # fmt: skip
def test_mistakes(content, message, reports, capsys):
    path = reports / "other.json"
    if content is not None:
        path.write_text(content)
    assert call("--report", path) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
