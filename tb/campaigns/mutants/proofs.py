# SPDX-License-Identifier: Apache-2.0
"""Makes one mutant of the RTL after the other: its proof has to fail with an assertion.

``psf formal --mutants`` takes all of tb/campaigns/mutants/proofs.toml, or those of some proofs.

A mutant that does not elaborate shows nothing and counts as missed. Exit status 1 when one was.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from formal.run import BUILD, HARNESSES, PROOFS, Proof, choose, run
from tb.campaigns.mutants.apply import mutated
from tb.campaigns.mutants.sites import Change
from tb.run.sources import RTL, sources_of

LIST = Path(__file__).with_name("proofs.toml")


def edited(mutant: dict[str, str], name: str, text: str) -> str:
    """The text of file ``name`` in a copy of the RTL that has this mutant."""
    if name != mutant["file"]:
        return text
    try:
        return mutated(text, mutant["old"], mutant["new"])
    except ValueError as error:
        raise SystemExit(f"{name}: {error}") from None


def missed(proofs: Sequence[Proof], jobs: int) -> int:
    """Try all mutants of these proofs, print what became of them; how many went unnoticed.

    A mutant is noticed when an assertion fails on a trace that starts with the reset.
    """
    by_name = {p.name: p for p in proofs}
    table = [m for m in tomllib.loads(LIST.read_text())["mutant"] if m["proof"] in by_name]
    count = 0
    with ThreadPoolExecutor(jobs) as pool:
        futures = []
        for number, mutant in enumerate(table):
            proof = by_name[mutant["proof"]]
            folder = BUILD / "mutants" / f"{number}-{proof.name}"
            futures.append(pool.submit(run, proof, "bmc", folder, partial(edited, mutant)))
        for mutant, future in zip(table, futures, strict=True):
            outcome = future.result()
            noticed = not outcome.passed and outcome.reason.startswith("psf_")
            count += not noticed
            verdict = f"noticed: {outcome.reason}" if noticed else f"MISSED: {outcome.reason}"
            print(f"{mutant['proof']:34} {mutant['what']}: {verdict}", flush=True)
    print(f"{len(table) - count} of {len(table)} mutants noticed")
    return count


def run_proofs(names: Sequence[str], jobs: int) -> int:
    """Try the mutants of some proofs, or modules; no names: all. The exit status."""
    return 1 if missed(choose(names), jobs) else 0


def refuting(mutant: Change, folder: Path) -> tuple[str, str]:
    """The first proof with an assertion that fails with a random mutant, and which; or nothing."""

    def edit(name: str, text: str) -> str:
        return mutant.alone(text) if name == Path(mutant.file).name else text

    for proof in PROOFS:
        paths = sources_of(HARNESSES / f"{proof.top}.sv")
        if RTL / mutant.file in paths:
            outcome = run(proof, "bmc", folder / proof.name, edit)
            if not outcome.passed and outcome.reason.startswith("psf_"):
                return proof.name, outcome.reason
    return "", ""
