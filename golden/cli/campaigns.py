# SPDX-License-Identifier: Apache-2.0
"""``psf``: long campaigns that try to break the accelerator, proofs, coverage."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from golden.cli.options import BALANCED, MOST, Checkpoint, Config, Jobs, Scheduler, Seed
from golden.cli.project import FORWARD, need_checkout

PANEL = "Campaigns: try to break it, prove that it cannot"


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    for function in (fuzz, faults, mutants, formal):
        app.command(rich_help_panel=PANEL)(function)
    app.command(rich_help_panel=PANEL, context_settings=FORWARD)(coverage)


def fuzz(
    programs: Annotated[int, typer.Option(min=1, max=MOST, help="How many.")] = 5000,
    config: Annotated[
        str | None, typer.Option(help="Hardware, as in 4x16,acc_width=24; else all presets.")
    ] = None,
    jobs: Jobs = 2,
    seed: Seed = None,
) -> None:
    """Random programs and rings: no hang, escape, unreported error or wrong result."""
    from tb.campaigns.fuzz import run_fuzz

    raise typer.Exit(run_fuzz(programs, config, jobs, seed))


def faults(
    flips: Annotated[
        int, typer.Option(min=1, max=MOST, help="How many, one per inference.")
    ] = 2000,
    config: Config = "4x16",
    checkpoint: Checkpoint = BALANCED,
    jobs: Jobs = 2,
    seed: Seed = None,
) -> None:
    """Bit flips in the memories during inferences: none may go unnoticed."""
    from tb.campaigns.bit_flips import run_flips

    raise typer.Exit(run_flips(checkpoint, config, flips, jobs, seed))


def mutants(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Listed mutants, by their name or by what they protect.", show_default="none"
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=MOST, help="How many random ones.")] = 200,
    seed: Seed = None,
    jobs: Jobs = 2,
    scheduler: Scheduler = None,
    benches: Annotated[
        bool, typer.Option("--benches", help="Ask only the bench of the module: quick.")
    ] = False,
    listed: Annotated[
        bool, typer.Option("--listed", help="All listed mutants instead (an hour).")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="Name the listed ones.")] = False,
) -> None:
    """RTL mutants: the RTL is changed at one random point at a time, and a test must notice."""
    from tb.campaigns.mutants.run import list_mutants, run_mutants

    if list_:
        list_mutants(names or [])
        return
    need_checkout("mutants")
    if listed or names:
        raise typer.Exit(run_mutants(names or [], jobs))
    from golden.cli.workers import completed, connect
    from tb.campaigns.campaign import fresh_seed
    from tb.campaigns.mutants.sampled import run_sampled

    with connect(jobs, scheduler) as client:
        status = run_sampled(count, fresh_seed(seed), partial(completed, client), not benches)
    raise typer.Exit(status)


def formal(
    names: Annotated[
        list[str] | None, typer.Argument(help="Proofs or modules.", show_default="all")
    ] = None,
    jobs: Jobs = 2,
    mutants: Annotated[
        bool, typer.Option("--mutants", help="Break the RTL: every proof must notice.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="Name the proofs, prove nothing.")] = False,
) -> None:
    """Proofs with SymbiYosys."""
    from formal.run import choose, run_formal

    if list_:
        print("\n".join(proof.name for proof in choose(names or [])))
        return
    if mutants:
        from tb.campaigns.mutants.proofs import run_proofs

        raise typer.Exit(run_proofs(names or [], jobs))
    raise typer.Exit(run_formal(names or [], jobs))


def coverage(
    context: typer.Context,
    only_report: Annotated[
        bool, typer.Option("--only-report", help="Print what the last run left.")
    ] = False,
    functional: Annotated[
        bool, typer.Option("--functional", help="What programs asked of the block, instead.")
    ] = False,
    programs: Annotated[
        int, typer.Option(min=0, max=MOST, help="Of the fuzzer, with --functional.")
    ] = 1000,
) -> None:
    """Line and toggle coverage of the RTL by the tests; further arguments go to pytest."""
    from tb.campaigns.coverage import run_coverage
    from tb.campaigns.functional import run_functional

    need_checkout("coverage")
    if functional:
        raise typer.Exit(run_functional(context.args, programs, only_report))
    raise typer.Exit(run_coverage(context.args, only_report))
