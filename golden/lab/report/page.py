# SPDX-License-Identifier: Apache-2.0
"""Sections to one HTML file that needs nothing beside it, and PNGs for those who want them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import jinja2

from golden.contract import outputs
from golden.contract.files import write_json
from golden.lab.report.plot import png
from golden.lab.report.section import Section


def write(sections: dict[str, Section], facts: dict[str, Any], out: Path, figures: Path) -> Path:
    """index.html and the PNGs into `out`, every number into `figures`; the path of the page.

    facts: what the head of the page says, label: value.
    """
    images = {
        picture.name: picture.png or png(picture.draw, picture.data, picture.size)
        for section in sections.values()
        for picture in section.pictures
    }
    numbers = {"facts": facts} | {
        "sections": {name: section.figures() for name, section in sections.items()}
    }
    write_json(figures, numbers)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("golden.lab.report", "."), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    encoded = {name: base64.b64encode(content).decode() for name, content in images.items()}
    html = environment.get_template("page.html.j2").render(
        sections=sections, facts=facts, images=encoded
    )
    with outputs.writing(out) as part:
        for name, content in images.items():
            (part / f"{name}.png").write_bytes(content)
        (part / "index.html").write_text(html, "utf-8")
    return out / "index.html"
