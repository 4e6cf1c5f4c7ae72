# SPDX-License-Identifier: Apache-2.0
"""The program ``psf``: the commands of all groups, and what becomes of their mistakes.

The commands are thin and import what they need when they run, so that ``psf --help`` is quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from golden.cli import campaigns, foreign, hardware, network, project, studies
from golden.contract import outputs
from golden.contract.errors import RunFailed, UserError

# Before torch is imported: threads that spin while they wait starve a shared machine.
os.environ.setdefault("GOMP_SPINCOUNT", "0")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for part in (network, foreign, hardware, campaigns, studies, project):
    part.register(app)

OURS = ("golden", "tb", "synth", "formal", "scripts")
# What typer raises for a wrong command line; it has no public name there.
(_USAGE,) = (c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")


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
    """Run a command line (default: that of the process) and exit.

    Status 0: fine. 1: a simulation failed, or a comparison found a difference. 2: a mistake of the
    user, told in one sentence.
    """
    try:
        line = None if arguments is None else list(arguments)
        with outputs.recording():
            status = app(line, "psf", standalone_mode=False)
    except UserError as error:
        _end(2, str(error))
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in OURS:
            raise
        _end(
            2,
            f"this needs the Python package {error.name}, which is not installed; in a checkout "
            "`make setup` installs it, elsewhere `pip install 'prunespikformer[all]'`",
        )
    except RunFailed as error:
        _end(1, str(error))
    except _USAGE as error:
        shown = type(error).__name__ == "NoArgsIsHelpError"  # then the help is the message
        _end(2, "" if shown else _sentence(error))
    except typer.Abort:
        _end(130, "stopped")
    sys.exit(status if isinstance(status, int) else 0)


def _sentence(error: Exception) -> str:
    """What a wrong command line did wrong; of a number, its value and its range, too."""
    option, told = getattr(error, "param", None), getattr(error.__cause__, "errors", None)
    low, high = getattr(option, "min", None), getattr(option, "max", None)
    if told is None or low is None:
        return " ".join(error.format_message().split())
    given = told()[0]["input"]
    kind = "whole number" if option.type_descriptor.annotation is int else "number"
    wanted = f"at least {low}" if high is None else f"from {low} to {high}"
    return f"{option.opts[-1]} is {given}, it must be a {kind} {wanted}"


def _end(status: int, message: str) -> NoReturn:
    if message:
        print(f"error: {message}", file=sys.stderr)
    sys.exit(status)
