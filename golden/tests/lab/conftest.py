# SPDX-License-Identifier: Apache-2.0
"""Random networks of which a failed test says the seed."""

import os
import random

import pytest
import torch


@pytest.fixture
def seed():
    """SEED, or one that is drawn; printed, and torch's."""
    number = int(os.environ.get("SEED") or random.randrange(2**31))
    print(f"SEED={number}")
    torch.manual_seed(number)
    return number
