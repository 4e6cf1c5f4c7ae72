# SPDX-License-Identifier: Apache-2.0
"""Golden models of PruneSpikformer: integer contract, torch networks, pruning, compiler."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    print(f"error: this is Python {sys.version.split()[0]}, and 3.11 is needed", file=sys.stderr)
    sys.exit(2)
