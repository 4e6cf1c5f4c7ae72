# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests of the whole accelerator."""

import os
import secrets

import pytest


@pytest.fixture
def seed() -> int:
    """SEED, or a fresh one, shown when a test fails."""
    value = int(os.environ.get("SEED") or secrets.randbelow(1 << 30) + 1)
    print(f"SEED={value}")
    return value
