# SPDX-License-Identifier: Apache-2.0
"""Tables and the data of pictures as CSV: the numbers of report.json, unscaled and unrounded."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from golden.lab.report.section import Picture, Section, Table

Leaf = str | int | float | bool | None


def files(section: Section) -> dict[str, str]:
    """The CSV files of a section by name: <picture>.csv and table_<table>.csv."""
    pictures = {csv_name(p): data_csv(p.data) for p in section.pictures if p.data}
    return pictures | {csv_name(table): table_csv(table.rows) for table in section.tables}


def csv_name(part: Picture | Table) -> str:
    """Pictures have the name of their PNG; a table may have the name of a picture, too."""
    return f"{part.name}.csv" if isinstance(part, Picture) else f"table_{part.name}.csv"


def table_csv(rows: list[dict[str, Any]]) -> str:
    """A line a row, a column for every key that one of them has; nothing where there is none."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    return _text(keys, ([row.get(key) for key in keys] for row in rows))


def data_csv(data: dict[str, Any]) -> str:
    """A line a value: the keys that lead to it in report.json (of a list, the place from 0 on),
    then the value. Shorter ways leave their last keys empty."""
    found = list(leaves(data))
    depth = max((len(way) for way, _ in found), default=0)
    lines = ([*way, *[None] * (depth - len(way)), value] for way, value in found)
    return _text([*(f"key_{i}" for i in range(1, depth + 1)), "value"], lines)


def leaves(value: Any, way: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple, Leaf]]:
    """(keys, value) of everything in dictionaries and lists."""
    if isinstance(value, dict | list | tuple):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, entry in pairs:
            yield from leaves(entry, (*way, key))
    else:
        yield way, value


def _text(head: list[str], lines: Iterable[list[Any]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(lines)
    return stream.getvalue()
