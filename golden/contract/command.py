# SPDX-License-Identifier: Apache-2.0
"""What programs share that a user starts."""

import sys
from collections.abc import Callable, Iterable

from golden.contract.errors import UserError


def run(command: Callable[[], object]) -> None:
    """Run a program; a user's mistake is one sentence on stderr and exit status 2."""
    try:
        command()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def numbers(items: Iterable[str], known: Iterable[str], what: str) -> dict[str, int]:
    """``name=number`` items as a dictionary; ``what`` is what an error message calls one."""
    values, known = {}, sorted(known)
    for item in items:
        key, _, value = item.partition("=")
        if key not in known or not value.isdecimal():
            raise UserError(
                f"{what} '{item}' is not one of <field>=<number> with field one of "
                + ", ".join(known)
            )
        values[key] = int(value)
    return values
