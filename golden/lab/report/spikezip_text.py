# SPDX-License-Identifier: Apache-2.0
"""ANN to SNN of text: accuracy of the converted text encoders against timesteps."""

from __future__ import annotations

from typing import Any

from golden.lab.report.inputs import Inputs
from golden.lab.report.section import Absent, Section, of_results
from golden.lab.report.spikezip import with_curves

NAME = "spikezip_text"
TITLE = "ANN to SNN of text: accuracy against timesteps (SpikeZIP-TF)"
COMMAND = (
    "psf spikezip curve --checkpoints golden/checkpoints/spikezip/text --out "
    f"build/reports/{NAME}.json"
)


def section(inputs: Inputs) -> Section:
    """A curve per bit width."""
    absent = Absent("the accuracy of the converted text encoders against timesteps", COMMAND)
    return of_results(inputs.results(NAME), TITLE, absent, _section)


def _section(found: dict[str, Any]) -> Section:
    text = (
        "A quantised text encoder and the spiking network that equals it, on film reviews (MR, "
        f"positive or negative). Padding is left out; {found['test_sentences']} test sentences."
    )
    return with_curves(Section(TITLE, text), NAME, found)
