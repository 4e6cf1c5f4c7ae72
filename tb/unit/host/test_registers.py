# SPDX-License-Identifier: Apache-2.0
"""psf_registers with psf_axil_slave: every field of the RDL, channel orders, commands, events."""

import json

import pytest

from golden.hardware.configuration import Hardware
from tb.run import runner

# The second has another value in every capability field.
HARDWARE = ("2x8", "4x16,line_words=16,acc_depth=64,acc_width=24,stream_width=18,patch_lines=128")


@pytest.mark.parametrize("hardware", HARDWARE)
def test_axil_regs(hardware: str) -> None:
    parameters = Hardware.named(hardware).sv_parameters()
    env = {"PARAMETERS": json.dumps(parameters)}
    runner.run("psf_registers", "tb.unit.host.registers_tests", parameters, env=env)


def test_what_no_capability_field_holds_is_refused() -> None:
    for name, value, sentence in (
        ("BankDepth", 65536, "every depth must be below 65536"),
        ("Groups", 256, "Groups, Lanes, Banks, LineWords and the widths must be below 256"),
    ):
        with pytest.raises(runner.BuildFailed, match=sentence):
            runner.run("psf_registers", "tb.unit.host.registers_tests", {name: value})
