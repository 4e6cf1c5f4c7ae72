# SPDX-License-Identifier: Apache-2.0
"""The program ``psf``: the commands of all groups, and what becomes of their mistakes.

The commands are thin and import what they need when they run, so that ``psf --help`` is quick.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from golden.cli import campaigns, foreign, hardware, network, project, studies, system
from golden.cli.border import Signals, explain, leave
from golden.contract import outputs

# Before torch is imported: threads that spin while they wait starve a shared machine.
os.environ.setdefault("GOMP_SPINCOUNT", "0")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for part in (network, foreign, hardware, system, campaigns, studies, project):
    part.register(app)


@app.callback(epilog="`psf COMMAND --help` explains a command. Begin with `psf sim --images 2`.")
def _root(
    context: typer.Context,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Overwrite files that the command did not write itself."),
    ] = False,
) -> None:
    """PruneSpikformer: train and prune a Spiking Transformer, run it on the accelerator's RTL in a
    simulator, and compare every spike with the golden model."""
    outputs.begin(f"psf {context.invoked_subcommand}", replace)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command line (default: that of the process) and exit; golden.cli.border has the
    statuses. A fault of the program itself is raised."""
    line = None if arguments is None else list(arguments)
    with Signals() as signals:
        try:
            with outputs.recording():
                status = app(line, "psf", standalone_mode=False)
        except SystemExit:
            if signals.number is None:
                raise
        except BaseException as error:
            found = explain(error)
            if signals.number is None:
                if found is None:
                    raise
                leave(*found)
    if signals.number is not None:
        leave(128 + signals.number, "stopped; what was not finished is not written")
    leave(status if isinstance(status, int) else 0)
