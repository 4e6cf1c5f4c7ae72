# SPDX-License-Identifier: Apache-2.0
"""Many mutants in one copy of the RTL; a simulation chooses one with ``+mutant=N`` (0: none).

A changed expression becomes ``(psf_mutant_pkg::chosen == N ? changed : original)``, a statement
that goes away stands behind an ``if``. One build of a bench serves all mutants that it reaches.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pyslang import Bag, SourceManager
from pyslang.ast import Compilation, CompilationOptions
from pyslang.syntax import SyntaxTree

from tb.campaigns.mutants.sites import Change, sites
from tb.run.sources import RTL, sources_of

PACKAGE = "psf_mutant_pkg"
TEXT = f"""// SPDX-License-Identifier: Apache-2.0
// Which mutant is in the RTL: +mutant=N of the simulation, else none.
package {PACKAGE};
  function automatic int unsigned read();
    int unsigned n;
    if ($value$plusargs("mutant=%d", n) == 0) n = 0;
    return n;
  endfunction

  int unsigned chosen = read();
endpackage
"""
TOP = "psf_top"


def rendered(text: str, numbered: Iterable[tuple[int, Change]]) -> str:
    """``text`` of a file with these of its mutants, by their numbers."""
    data = text.encode()
    spans: dict[tuple[int, int, bool], list[tuple[int, Change]]] = {}
    for number, change in numbered:
        spans.setdefault((change.start, -change.end, change.statement), []).append((number, change))
    order = sorted(spans, key=lambda s: (s[0], s[1], not s[2]))  # outer before inner

    def piece(start: int, end: int) -> bytes:
        """The text from start to end with what is left in ``order`` there."""
        out = b""
        while order and order[0][0] < end:
            span = order.pop(0)
            out += data[start : span[0]] + switch(span)
            start = -span[1]
        return out + data[start:end]

    def switch(span: tuple[int, int, bool]) -> bytes:
        inner = piece(span[0], -span[1])
        here = spans[span]
        if span[2]:
            others = " && ".join(f"{PACKAGE}::chosen != 32'd{n}" for n, _ in here)
            return f"begin if ({others}) ".encode() + inner + b" end"
        mutants = "".join(f"{PACKAGE}::chosen == 32'd{n} ? ({c.new}) : " for n, c in here)
        return f"({mutants}(".encode() + inner + b"))"

    return piece(0, len(data)).decode()


def write(tree: Path, mutants: Sequence[Change]) -> None:
    """Put ``mutants`` into the RTL of ``tree``, a copy; their numbers count from 1."""
    by_file: dict[str, list[tuple[int, Change]]] = {}
    for number, mutant in enumerate(mutants, 1):
        by_file.setdefault(mutant.file, []).append((number, mutant))
    for file, numbered in by_file.items():
        path = tree / "rtl" / file
        path.write_text(rendered(path.read_text(), numbered))
    (tree / "rtl" / "common" / f"{PACKAGE}.sv").write_text(TEXT)
    with (tree / "lint" / "verilator.vlt").open("a") as waivers:
        waivers.write('\nlint_off -file "*"\n')  # a mutant need not be clean


class Judge:
    """Says which mutants are SystemVerilog; slang elaborates the whole design with them."""

    def __init__(self) -> None:
        self.files = sources_of(TOP)

    def good(self, mutants: Sequence[Change]) -> list[Change]:
        """Those without which nothing is wrong, in their order."""
        if not mutants or self._elaborates(mutants):
            return list(mutants)
        if len(mutants) == 1:
            return []
        half = len(mutants) // 2
        return self.good(mutants[:half]) + self.good(mutants[half:])

    def _elaborates(self, mutants: Sequence[Change]) -> bool:
        manager = SourceManager()
        texts = [(f"{PACKAGE}.sv", TEXT)]
        for path in self.files:
            file = str(path.relative_to(RTL))
            here = [(n, m) for n, m in enumerate(mutants, 1) if m.file == file]
            texts.append((path.name, rendered(path.read_text(), here)))
        options = CompilationOptions()
        options.topModules = {TOP}
        bag = Bag()
        bag.compilationOptions = options
        compilation = Compilation(bag)
        for name, text in texts:
            compilation.addSyntaxTree(SyntaxTree.fromText(text, manager, name))
        return not any(d.isError() for d in compilation.getAllDiagnostics())


def member(change: Change) -> bool:
    """Whether it changes the list behind an ``inside``, where Verilator wants constants."""
    found = re.search(r"\binside \{([^}]*)\}", change.where)
    return found is not None and change.operator == "constant" and change.old in found[1]


def sample(count: int, seed: int) -> list[Change]:
    """``count`` mutants, at random, of places that differ. Those of a smaller count come first."""
    rng, judge = random.Random(seed), Judge()
    places = sites()
    rng.shuffle(places)
    drawn = [rng.choice(place) for place in places]
    good: list[Change] = []
    while drawn and len(good) < count:
        more = count - len(good)
        good += judge.good([x for x in drawn[:more] if not member(x)])
        drawn = drawn[more:]
    return good[:count]
