# SPDX-License-Identifier: Apache-2.0
"""The program `psf`, and `python -m golden`, which is the same."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process. The imports take a while, in which one can stop it."""
    try:
        from golden.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
