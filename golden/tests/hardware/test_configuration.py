# SPDX-License-Identifier: Apache-2.0
"""Configurations: their names, and what they are in SystemVerilog."""

import random
from dataclasses import FrozenInstanceError, replace

import pytest

from golden.contract.errors import UserError
from golden.hardware.configuration import CONFIGURATIONS, Hardware
from golden.hardware.interface import packing, table

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize(
    "text, name",
    [
        ("2x8", "2x8"),
        ("4x16,acc_width=24", "4x16,acc_width=24"),
        ("4x32,row_depth=4096,bank_depth=4096", "4x32,bank_depth=4096,row_depth=4096"),
        ("4x16,acc_width=20", "4x16"),  # as in the preset
        ("8x16", "8x16"),
        ("4x16,groups=8,banks=16,bank_depth=512,row_depth=512,stream_depth=256", "8x16"),
        ("16x32,classes=256", "16x32,classes=256"),
    ],
)
def test_name(text, name):
    """Only what differs, in the order of the fields."""
    assert Hardware.named(text).name == name


def test_equal_configurations_have_equal_names():
    """Also when one starts at another preset; and `named` reads every name back."""
    start, end = CONFIGURATIONS["4x16"], CONFIGURATIONS["4x32"]
    changes = {f: v for f, v in vars(end).items() if v != getattr(start, f)}
    text = ",".join(["4x16", *(f"{f}={v}" for f, v in changes.items())])
    assert Hardware.named(text) == end and Hardware.named(text).name == "4x32"
    rng = random.Random(1)
    for _ in range(50):
        hardware = replace(
            rng.choice(list(CONFIGURATIONS.values())),
            groups=1 << rng.randrange(1, 4),
            bank_depth=rng.randrange(64, 4096),
            acc_width=rng.randrange(20, 30),
        )
        assert Hardware.named(hardware.name) == hardware


def test_grids():
    """Any powers of two in range; memories that the groups share are as large as the preset's."""
    for groups in (2, 4, 8, 16, 32, 64, 128):
        for lanes in (2, 4, 8, 16, 32, 64):
            hardware = Hardware.named(f"{groups}x{lanes}")
            assert (hardware.groups, hardware.lanes) == (groups, lanes)
            assert Hardware.named(hardware.name) == hardware
    wide, preset = Hardware.named("16x32"), CONFIGURATIONS["4x32"]
    for each, many in (("bank_depth", "banks"), ("row_depth", "banks"), ("stream_depth", "groups")):
        sizes = [getattr(h, each) * getattr(h, many) for h in (wide, preset)]
        assert sizes[0] == sizes[1], each
    assert wide.banks == 32  # two for every group, as in the presets
    for text, told in (("3x16", "groups=3 must be a power"), ("8x128", "lanes=128 must lie"),
                       ("256x8", "groups=256 must lie"), ("8x", "is not known"),
                       ("0x8", "is not known")):  # fmt: skip
        with pytest.raises(UserError, match=told):
            Hardware.named(text)


def test_literal():
    """The first field is the most significant; Yosys agrees in test_interface.py."""
    hardware = Hardware.named("4x16,acc_width=24")
    size, _, digits = hardware.sv_literal().partition("'h")
    count = len(table.PARAMETERS)
    assert int(size) == packing.size("config_t") == count * 32 and len(digits) == count * 8
    assert digits.startswith("0000000400000010")
    assert packing.unpack("config_t", int(digits, 16)) == hardware.sv_parameters()


def test_a_configuration_does_not_change():
    with pytest.raises(FrozenInstanceError):
        CONFIGURATIONS["2x8"].groups = 4
    with pytest.raises(UserError, match="hardware groups=256 must lie between 2 and 128"):
        Hardware.named("2x8,groups=256")
