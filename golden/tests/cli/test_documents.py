# SPDX-License-Identifier: Apache-2.0
"""The documents name commands and make targets that exist, and all of them."""

import re

import typer

from golden.cli.main import app
from golden.contract import paths

PAGES = [paths.ROOT / "README.md", *sorted((paths.ROOT / "docs").rglob("*.md"))]
REFERENCE = paths.ROOT / "docs/reference/commands.md"
CALL = re.compile(r"(?:`|^\s*|&& )psf ([a-z][\w-]*)((?: [a-z][\w-]*)?)([^`\n]*)", re.MULTILINE)


def commands() -> dict[str, set[str]]:
    """Options of every command; those of a group under ``group`` and ``group command``."""
    out = {}
    for name, command in typer.main.get_command(app).commands.items():
        below = getattr(command, "commands", {})
        for part, inner in ({"": command} | below).items():
            out[f"{name} {part}".strip()] = {o for p in inner.params for o in p.opts} | {
                o for p in inner.params for o in p.secondary_opts
            }
    return out


def test_commands_and_options_exist():
    known, wrong, seen = commands(), [], 0
    for page in PAGES:
        for match in CALL.finditer(page.read_text()):
            name, part, rest = match.groups()
            call = name + part if name + part in known else name
            seen += 1
            if call not in known:
                wrong.append(f"{page.name}: psf {name}")
                continue
            options = re.findall(r"(?<=\s)--[a-z-]+", part + rest.split(" && ")[0])
            passed_on = {"test", "coverage"}  # the rest goes to pytest
            wrong += [
                f"{page.name}: psf {call} {option}"
                for option in options
                if option not in known[call] and name not in passed_on
            ]
    assert seen > 80
    assert wrong == []


def test_the_reference_names_every_command_and_target():
    text = REFERENCE.read_text()
    names = {name for name in commands() if " " not in name}
    missing = [n for n in names if not re.search(rf"`psf {n}\b", text)]
    makefile = (paths.ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z]+):.*##", makefile, re.MULTILINE)
    table = text[text.index("## make") :]
    missing += [f"make {t}" for t in targets if t != "help" and not re.search(rf"\b{t}\b", table)]
    assert missing == []
