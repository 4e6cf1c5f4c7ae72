# SPDX-License-Identifier: Apache-2.0
"""The formal flow works: the quickest proofs hold, and a broken copy of the RTL does not pass."""

from __future__ import annotations

import pytest

from formal import run as formal
from tb.campaigns.mutants import proofs

QUICK = ("psf_round_robin-3", "psf_skid-4", "psf_window_check")


def _proof(name: str) -> formal.Proof:
    return next(p for p in formal.PROOFS if p.name == name)


@pytest.mark.parametrize("name", QUICK)
def test_holds(name):
    report = formal.prove([_proof(name)], jobs=2, folder=formal.BUILD / "pytest")
    assert report["proved"] == 1, report["proofs"]
    assert report["assertions"] > 3


def test_a_mutant_is_noticed(capsys):
    assert proofs.missed([_proof("psf_skid-4")], jobs=2) == 0, capsys.readouterr().out


def test_names_are_different():
    assert len({p.name for p in formal.PROOFS}) == len(formal.PROOFS)
