# SPDX-License-Identifier: Apache-2.0
"""Makes a mutant: a piece of source text replaced by another, whatever the white space in it."""

import re


def mutated(text: str, old: str, new: str, count: int = 1) -> str:
    """``text`` with every ``old`` replaced by ``new``.

    White space in ``old`` and ``text`` may differ, so that a list of mutants survives a formatter.

    Raises:
        ValueError: ``old`` is not there exactly ``count`` times.
    """
    pattern = re.compile(r"\s*".join(map(re.escape, re.findall(r"\w+|[^\w\s]", old))))
    found = len(pattern.findall(text))
    if found != count:
        raise ValueError(f"{old!r} is there {found} times, not {count}")
    return pattern.sub(lambda _: new, text)
