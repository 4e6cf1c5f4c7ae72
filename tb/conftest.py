# SPDX-License-Identifier: Apache-2.0
"""The long cases start first, so that no worker ends the run alone with one; one thread each."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: see golden/tests/conftest.py


def pytest_collection_modifyitems(items) -> None:
    """Everything marked ``long`` first, in the order of before (stable)."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
