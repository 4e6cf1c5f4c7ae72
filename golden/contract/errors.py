# SPDX-License-Identifier: Apache-2.0
"""The one exception for mistakes that a user can make."""


class UserError(Exception):
    """One sentence: what was wrong, where, and what to do. The CLI prints it and exits with
    status 2."""
