# SPDX-License-Identifier: Apache-2.0
"""``python -m golden.hardware.registers``: generate HTML, C header and Python access of the
register map."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from golden.contract.errors import UserError
from golden.hardware.configuration import Hardware
from golden.hardware.registers.generate import generate


def command(
    config: Annotated[str, typer.Option(help="hardware: 2x8, 4x16, 4x32, with changes")] = "4x16",
    out: Annotated[Path, typer.Option(help="folder to write")] = Path("build/registers"),
) -> None:
    """Generate HTML pages, C header and Python access from
    golden/hardware/registers/psf_regs.rdl."""
    try:
        for path in generate(Hardware.named(config), out):
            print(path)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    typer.run(command)
