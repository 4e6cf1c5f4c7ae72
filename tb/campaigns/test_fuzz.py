# SPDX-License-Identifier: Apache-2.0
"""A few programs of the fuzzer, with all that it does to them."""

import json

import pytest

from tb.campaigns.fuzz import VERDICTS
from tb.system.run import run_small

PROGRAMS = 60


@pytest.mark.long
def test_some_programs() -> None:
    folder = run_small("tb.campaigns.fuzz_bench", programs=PROGRAMS)
    found = json.loads((folder / "results.json").read_text())
    assert {k: found[k] for k in VERDICTS} == dict.fromkeys(VERDICTS, 0) | {"programs": PROGRAMS}, (
        found["messages"]
    )
    # One in eight ends well; of any seed's 60 some do.
    assert found["well"] > 0 and found["compared"] > 0 and found["kinds"]["rings"] > 3, found
