# SPDX-License-Identifier: Apache-2.0
"""Sections to one HTML file that needs nothing beside it; beside it, for those who want them, every
picture as PNG and PDF, and its data and every table as CSV."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import jinja2

from golden.contract import outputs
from golden.contract.files import write_json
from golden.lab.report.export import csv_name, files
from golden.lab.report.plot import of_png, render
from golden.lab.report.section import Picture, Section


def write(sections: dict[str, Section], facts: dict[str, Any], out: Path, figures: Path) -> Path:
    """index.html and the files beside it into `out`, every number into `figures`; the path of the
    page.

    facts: what the head of the page says, label: value.
    """
    images = {p.name: _drawn(p) for section in sections.values() for p in section.pictures}
    numbers = {"facts": facts} | {
        "sections": {name: section.figures() for name, section in sections.items()}
    }
    write_json(figures, numbers)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("golden.lab.report", "."), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    encoded = {name: base64.b64encode(kinds["png"]).decode() for name, kinds in images.items()}
    html = environment.get_template("page.html.j2").render(
        sections=sections, facts=facts, images=encoded, csv_name=csv_name
    )
    with outputs.writing(out) as part:
        for name, kinds in images.items():
            for kind, content in kinds.items():
                (part / f"{name}.{kind}").write_bytes(content)
        for section in sections.values():
            for name, text in files(section).items():
                (part / name).write_text(text, "utf-8")
        (part / "index.html").write_text(html, "utf-8")
    return out / "index.html"


def _drawn(picture: Picture) -> dict[str, bytes]:
    if picture.png is not None:
        return of_png(picture.png)
    return render(picture.draw, picture.data, picture.size)
