# SPDX-License-Identifier: Apache-2.0
"""A long work tells how far it is; a short one says nothing, and a file gets plain lines."""

import pytest
from rich.console import Console

from golden.contract import progress


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_file_gets_lines_now_and_then(clock, capsys):
    for item in progress.over(range(100), "writing", "images", 100):
        assert item < 100
        clock[0] += 1.0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "writing: 5 of 100 images, 5 s"
    assert [int(line.split()[1]) for line in lines] == [5, 35, 65, 95]


def test_a_short_work_says_nothing(clock, capsys):
    for _ in progress.over(range(4), "writing", "images", 4):
        clock[0] += 1.0
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar_that_goes(clock, monkeypatch):
    console = Console(force_terminal=True, width=80, record=True, file=(stream := _Stream()))
    monkeypatch.setattr(progress, "Console", lambda **_: console)
    shown = progress.Progress("simulating", "images")
    clock[0] = 6.0
    shown.update(3, 32, "1,234 cycles")
    shown.end()
    shown.end()
    text = "".join(stream.written)
    assert "simulating: 3 of 32 images, 1,234 cycles" in text and "\x1b[2K" in text


class _Stream:
    def __init__(self):
        self.written = []

    def write(self, text):
        self.written.append(text)

    def flush(self):
        pass
