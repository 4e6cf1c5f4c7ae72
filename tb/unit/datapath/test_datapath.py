# SPDX-License-Identifier: Apache-2.0
"""psf_datapath: small random networks of several shapes on three configurations."""

import json

import pytest

from golden.hardware.configuration import Hardware
from tb.run.runner import run

SMALL = dict(depth=1, dim=16, heads=2, timesteps=2, height=6, width=6, classes=5)
CASES = [
    ("2x8", SMALL, "balanced"),
    (
        "2x8,acc_width=22",
        SMALL | dict(in_channels=3, height=5, width=7, timesteps=3, heads=1),
        "dense",
    ),
    ("4x16", SMALL | dict(dim=32, heads=4, timesteps=4), "unstructured"),
    ("2x8", SMALL | dict(dim=24, heads=3, head="avgpool_fc", encoder_channels=3), "rows"),
]


@pytest.mark.parametrize("config, network, sparsity", CASES)
def test_datapath(config, network, sparsity):
    run(
        "psf_datapath",
        "tb.unit.datapath.datapath_tests",
        parameters=Hardware.named(config).sv_parameters(),
        env={"HARDWARE": config, "NETWORK": json.dumps(network), "SPARSITY": sparsity},
    )
