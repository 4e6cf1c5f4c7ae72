# SPDX-License-Identifier: Apache-2.0
"""What a section of the report is made of. Numbers are kept as numbers until the page is written,
so that report.json holds every one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from golden.contract.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DAMAGED = (KeyError, IndexError, TypeError, ValueError, AttributeError)


LONG = ("command", "what")  # texts that a table breaks into lines


@dataclass(frozen=True)
class Column:
    """key: of a row.  title: with its unit.  form: format specification ('.2%', ',.0f', '' for
    text).  scale: what the number is multiplied by for the page."""

    key: str
    title: str
    form: str = ""
    scale: float = 1

    @property
    def kind(self) -> str:
        """Of its cells on the page: 'number', 'long' (broken into lines) or neither."""
        return "number" if self.form else "long" if self.key.endswith(LONG) else ""

    def cell(self, row: dict[str, Any]) -> str:
        """The text of one cell; a dash for what does not exist."""
        value = row.get(self.key)
        if value is None:
            return "–"
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return format(value * self.scale, self.form) if number and self.form else str(value)


@dataclass(frozen=True)
class Table:
    """rows: as they go into report.json.  folded: shown only when the reader opens it."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: list[dict[str, Any]]
    folded: bool = False


@dataclass(frozen=True)
class Picture:
    """name: of the files and of the entry in report.json.  data: the numbers that `draw(figure,
    data)` draws.  size: inches.  png: a finished picture instead of `draw`."""

    name: str
    caption: str
    data: dict[str, Any]
    draw: Callable[[Figure, dict[str, Any]], None] | None = None
    size: tuple[float, float] = (9.0, 4.0)
    png: bytes | None = None


@dataclass(frozen=True)
class Absent:
    """what is not on the page, and the command that makes it."""

    what: str
    command: str


@dataclass
class Section:
    """text: one paragraph, how to read it.  made: the commands whose numbers it shows, those of
    single rows apart, with the seed where there is one."""

    title: str
    text: str = ""
    made: list[str] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    absent: list[Absent] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """The section in report.json."""
        return {
            "title": self.title,
            "made": self.made,
            "pictures": {picture.name: picture.data for picture in self.pictures},
            "tables": {table.name: table.rows for table in self.tables},
            "absent": [vars(entry) for entry in self.absent],
        }


def of_results(
    found: dict[str, Any] | None, title: str, absent: Absent, make: Callable[[Any], Section]
) -> Section:
    """The section that `make` makes of a file of results; without one it says what is absent.

    UserError when the file lacks something: it is made again by `absent.command`.
    """
    if found is None:
        return Section(title, absent=[absent])
    try:
        return make(found)
    except _DAMAGED as error:
        raise UserError(
            f"the results of {absent.what} have no {error}: run `{absent.command}`"
        ) from None
