# SPDX-License-Identifier: Apache-2.0
"""Tables that stay readable at any width: one that is too wide is printed as several."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_BORDERS = 3  # of a column


def show(console: Console, table: Table) -> None:
    """Print ``table``, whose cells are strings, in as many parts as the width of ``console`` takes;
    each begins with the first column. Nothing is cut off or wrapped if a pair of columns fits."""
    for part in split(table, console.width):
        console.print(part)


def split(table: Table, width: int) -> list[Table]:
    """Parts of ``table`` that are at most ``width`` wide, the first with its title."""
    cells = [[str(column.header), *map(str, column.cells)] for column in table.columns]
    widths = [_BORDERS + max(map(_width, column), default=0) for column in cells]
    parts: list[list[int]] = [[]]
    for index in range(1, len(widths)):
        used = 1 + widths[0] + sum(widths[i] for i in parts[-1])
        if parts[-1] and used + widths[index] > width:
            parts.append([])
        parts[-1].append(index)
    if len(parts) == 1:
        return [table]
    return [_part(table, [0, *part], table.title if part is parts[0] else None) for part in parts]


def _part(table: Table, chosen: list[int], title) -> Table:
    out = Table(title=title, title_style=table.title_style, title_justify=table.title_justify)
    for index in chosen:
        column = table.columns[index]
        out.add_column(
            column.header, justify=column.justify, style=column.style, no_wrap=column.no_wrap
        )
    bodies = [list(table.columns[i].cells) for i in chosen]
    for number, row in enumerate(table.rows):
        values = (body[number] for body in bodies)
        out.add_row(*values, style=row.style, end_section=row.end_section)
    return out


def _width(cell: str) -> int:
    """Of the longest line, as shown."""
    return max((cell_len(line) for line in Text.from_markup(cell).plain.splitlines()), default=0)
