# SPDX-License-Identifier: Apache-2.0
"""Sections to one HTML file that needs nothing beside it, and PNGs for those who want them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import jinja2

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
    for name, content in images.items():
        replace(out / f"{name}.png", content)
    numbers = {"facts": facts} | {
        "sections": {name: section.figures() for name, section in sections.items()}
    }
    replace(figures, (json.dumps(numbers, indent=1) + "\n").encode())
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("golden.lab.report", "."), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    encoded = {name: base64.b64encode(content).decode() for name, content in images.items()}
    html = environment.get_template("page.html.j2").render(
        sections=sections, facts=facts, images=encoded
    )
    replace(out / "index.html", html.encode())
    return out / "index.html"


def replace(path: Path, content: bytes) -> None:
    """Write to a temporary name, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)
