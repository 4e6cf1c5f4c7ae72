# SPDX-License-Identifier: Apache-2.0
"""Makes one mutant of the RTL after the other: its proof has to fail with an assertion.

python -m tb.campaigns.mutants.proofs                 all of tb/campaigns/mutants/proofs.toml
python -m tb.campaigns.mutants.proofs psf_fifo-4x4    those of some proofs, or modules

A mutant that does not elaborate shows nothing and counts as missed. Exit status 1 when one was.
"""

from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from formal.run import BUILD, Proof, choose, run
from tb.campaigns.mutants.apply import mutated

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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="proofs, or modules; default all")
    parser.add_argument("--jobs", type=int, default=int(os.environ.get("JOBS") or 2))
    args = parser.parse_args()
    return 1 if missed(choose(args.names), args.jobs) else 0


if __name__ == "__main__":
    raise SystemExit(main())
