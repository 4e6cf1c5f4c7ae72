# SPDX-License-Identifier: Apache-2.0
"""Commands in a script of one's own, as in examples/."""

from __future__ import annotations

import shlex

from golden.cli.main import main


def psf(*words: object) -> None:
    """Run a command in this process and print it as one would type it; SystemExit unless it ends
    well."""
    line = [str(word) for word in words]
    print(f"\n$ psf {shlex.join(line)}", flush=True)
    try:
        main(line)
    except SystemExit as ended:
        if ended.code:
            raise
