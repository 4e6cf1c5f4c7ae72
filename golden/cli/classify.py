# SPDX-License-Identifier: Apache-2.0
"""``psf classify``: the class of PNG and JPEG files, by the golden integer model or on the RTL."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

from golden import api
from golden.contract.files import write_json

MOST_LOGITS = 10  # that a line shows; of more classes, the largest


def classify(
    images: list[Path], checkpoint: Path, hardware: str | None, sim: str, out: Path | None
) -> int:
    """Print a line per image, and with ``out`` write all of it; the exit status: 1 if the RTL
    differs from the golden model."""
    network = api.load(checkpoint)
    options = {} if hardware is None else {"sim": sim}
    answers, mismatches = api.classify(network, images, hardware, **options)
    names = api.classes(network)
    width = max(len(str(answer.path)) for answer in answers)
    for answer in answers:
        if answer.changed:
            print(f"{answer.path}: {answer.changed}", file=sys.stderr)
    for answer in answers:
        cycles = "" if answer.cycles is None else f"  {answer.cycles:,} cycles"
        print(f"{answer.path!s:{width}}  {answer.name}{cycles}  {_logits(answer, names)}")
    if out is not None:
        rows = [asdict(a) | {"path": str(a.path), "logits": list(a.logits)} for a in answers]
        facts = {"checkpoint": str(checkpoint), "hardware": hardware, "classes": list(names)}
        write_json(out, facts | {"mismatches": mismatches, "images": rows})
    if mismatches:
        print(f"the RTL differs from the golden model in {mismatches} places", file=sys.stderr)
    return 1 if mismatches else 0


def _logits(answer: api.Answer, names: tuple[str, ...]) -> str:
    """'logits a 12, b -3': all in the order of the classes, of many the largest."""
    order = range(len(names))
    if len(names) > MOST_LOGITS:
        order = sorted(order, key=lambda i: -answer.logits[i])[:MOST_LOGITS]
    more = ", ..." if len(names) > MOST_LOGITS else ""
    return "logits " + ", ".join(f"{names[i]} {answer.logits[i]}" for i in order) + more
