# SPDX-License-Identifier: Apache-2.0
"""Where things are: what comes with the project, and where commands write.

In a checkout, products go to its own ``build/`` and ``runs/``; an installed package is read only,
so they go to the current folder.
"""

from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[1]
ROOT = GOLDEN.parent  # holds golden/, tb/, rtl/ and the rest: the checkout, or site-packages
IN_CHECKOUT = (ROOT / "Makefile").is_file()
CHECKPOINTS = GOLDEN / "checkpoints"
CONFIGS = GOLDEN / "configs"
RESULTS = GOLDEN / "results"
WORK = ROOT if IN_CHECKOUT else Path.cwd()
BUILD = WORK / "build"
REPORTS = BUILD / "reports"
RUNS = WORK / "runs"


def of_setting(text: str) -> Path:
    """A path that stands in a configuration file: from the current folder if it exists there, else
    from the project's, so that the files that come with the project work anywhere."""
    path = Path(text)
    return path if path.exists() or not (ROOT / path).exists() else ROOT / path
