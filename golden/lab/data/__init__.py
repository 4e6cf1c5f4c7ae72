# SPDX-License-Identifier: Apache-2.0
"""Data sets: `load(name, split)`, and `facts(name)` for shapes and places. One module each; those
of sentences (TEXTS) have a `load` of their own."""

from golden.lab.data.facts import Facts, Source
from golden.lab.data.registry import DATA_SETS, TEXTS, absolute, facts, load
from golden.lab.data.shown import DEFAULT, name_for, record, shown, title
from golden.lab.data.split import Split

__all__ = [
    "DATA_SETS", "DEFAULT", "TEXTS", "Facts", "Source", "Split", "absolute", "facts", "load",
    "name_for", "record", "shown", "title",
]  # fmt: skip
