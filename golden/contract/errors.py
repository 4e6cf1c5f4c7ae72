# SPDX-License-Identifier: Apache-2.0
"""What ends a command before its end, and with which exit status."""


class UserError(Exception):
    """One sentence: what was wrong, where, and what to do. The CLI prints it and exits with
    status 2."""


class RunFailed(AssertionError):
    """A build or a simulation that was started and failed. The CLI prints it and exits with
    status 1; for pytest it is a failed assertion."""
