# SPDX-License-Identifier: Apache-2.0
"""A table that is too wide becomes several, and loses nothing."""

import io
import re

import pytest
from rich.console import Console
from rich.table import Table

from golden.contract import tables


def printed(width: int, columns: int, rows: int) -> str:
    table = Table("layer", title="cycles")
    for c in range(columns):
        table.add_column(f"heading {c}", justify="right")
    for r in range(rows):
        cells = [f"[bold]{1000 * r + c:,}[/]" for c in range(columns)]
        table.add_row(f"blocks.{r}", *cells, end_section=r == rows - 2)
    console = Console(width=width, file=io.StringIO())
    tables.show(console, table)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [30, 80, 81, 100, 400])
def test_every_cell_is_there_and_no_line_is_too_long(width):
    text = printed(width, 12, 5)
    assert max(map(len, text.splitlines())) <= width and "…" not in text
    shown = re.findall(r"\d+,\d+|(?<=│)\s+\d+\s(?=│)", text)
    assert len(shown) == 12 * 5
    headings = re.findall(r"heading \d+", text)
    assert headings == [f"heading {c}" for c in range(12)]
    parts = text.count("layer")
    assert text.count("blocks.3") == parts and text.count("cycles") == 1
    assert (parts == 1) == (width == 400)


def test_one_that_fits_stays_as_it_is():
    table = Table("a", "b", show_header=False)
    table.add_row("1", "2")
    assert tables.split(table, 80) == [table]
