# SPDX-License-Identifier: Apache-2.0
"""Reading what a user wrote on a command line."""

from collections.abc import Iterable

from golden.contract.errors import UserError


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
