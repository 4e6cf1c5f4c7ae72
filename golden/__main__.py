# SPDX-License-Identifier: Apache-2.0
"""The program `psf`, and `python -m golden`, which is the same."""

import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process. The imports before it take a while, in which one can
    stop it, and at its end there is nothing to stop any more."""
    try:
        from golden.cli.main import main as run

        run()
    except KeyboardInterrupt:
        print("error: stopped", file=sys.stderr)
        sys.exit(130)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    main()
