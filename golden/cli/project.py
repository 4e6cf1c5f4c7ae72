# SPDX-License-Identifier: Apache-2.0
"""``psf``: the report, and what one needs to work on the project itself."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from golden.cli.options import MOST, command, to_file, to_folder
from golden.contract import outputs
from golden.contract.errors import UserError
from golden.contract.paths import BUILD, IN_CHECKOUT, REPORTS, ROOT

FORWARD = {"allow_extra_args": True, "ignore_unknown_options": True}


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.command(rich_help_panel="Report")(report)
    panel = "Project: for contributors, in a checkout"
    app.command(rich_help_panel=panel)(lint)
    # --help is ours, everything else is pytest's.
    app.command(rich_help_panel=panel, context_settings=FORWARD)(test)
    app.command(rich_help_panel=panel)(docs)


def need_checkout(name: str) -> None:
    """Raise UserError for a command that an installed package cannot do."""
    if not IN_CHECKOUT:
        raise UserError(
            f"`psf {name}` needs a checkout of the repository; this is an installed package"
        )


def _need(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise UserError(f"{package} is not installed; `make setup` installs it")


def report(
    out: Annotated[Path, to_folder("Folder of the page.")] = BUILD / "report",
    figures: Annotated[
        Path, to_file("File for every number of the page, .json.", ".json")
    ] = REPORTS / "report.json",
    images: Annotated[
        int, typer.Option(min=1, max=MOST, help="Test images that every network runs.")
    ] = 500,
    record: Annotated[
        Path | None,
        to_file("File for what networks do on data that not everybody has, .json.", ".json"),
    ] = None,
) -> None:
    """One page of all that is trained: networks, firing rates, pruning methods, curves."""
    from golden.lab.report.build import report

    report(out, figures, images, command(), ROOT, kept=record)


def lint(
    checks: Annotated[
        list[str] | None, typer.Argument(help="Names of checks.", show_default="all")
    ] = None,
) -> None:
    """Check the sources without running them: style, names, licences, structure."""
    need_checkout("lint")
    line = [sys.executable, "-m", "scripts.lint", *(checks or [])]
    raise typer.Exit(subprocess.run(line, cwd=ROOT, check=False).returncode)


def test(context: typer.Context) -> None:
    """Run the tests; the arguments go to pytest, as in `psf test -n 2 -m smoke`."""
    need_checkout("test")
    _need("pytest")
    line = [sys.executable, "-m", "pytest", *context.args]
    raise typer.Exit(subprocess.run(line, cwd=ROOT, check=False).returncode)


def docs(
    serve: Annotated[bool, typer.Option("--serve", help="Show them and follow changes.")] = False,
    out: Annotated[Path, to_folder("Folder to write.")] = BUILD / "site",
) -> None:
    """Build the documentation as a web site."""
    need_checkout("docs")
    _need("mkdocs")
    if not (ROOT / "mkdocs.yml").is_file():
        raise UserError(f"{ROOT / 'mkdocs.yml'} does not exist")
    line = [sys.executable, "-m", "mkdocs"]
    if serve:
        raise typer.Exit(subprocess.run([*line, "serve"], cwd=ROOT, check=False).returncode)
    with outputs.writing(out) as part:
        line += ["build", "--strict", "--quiet", "--site-dir", str(part.absolute())]
        status = subprocess.run(line, cwd=ROOT, check=False).returncode
        if status:
            raise typer.Exit(status)
    print(f"documentation: {out / 'index.html'}")
