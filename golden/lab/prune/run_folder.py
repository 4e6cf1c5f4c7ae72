# SPDX-License-Identifier: Apache-2.0
"""The run folders of a study: one per point, gone on with after an interruption."""

from __future__ import annotations

import shutil
from pathlib import Path

from golden.contract import outputs
from golden.contract.files import write_text

NAME = "settings.txt"


def same_settings_before(run: Path, settings: str) -> bool:
    """Make the folder of a run; whether it holds one with these settings, to go on with.

    What a run with other settings left is removed. UserError if the folder is no run folder.
    """
    run, note = outputs.may_run(run), run / NAME
    if note.is_file() and note.read_text() == settings:
        return True
    if not (run / "lottery.json").is_file():  # the rounds that this run begins with
        shutil.rmtree(run, ignore_errors=True)
    write_text(outputs.run(run) / NAME, settings)
    return False
