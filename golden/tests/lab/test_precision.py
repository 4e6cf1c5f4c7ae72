# SPDX-License-Identifier: Apache-2.0
"""Trainings compute in bfloat16 only where the machine multiplies it, unless told to."""

from pathlib import Path

import pytest
import torch

from golden.lab.train import precision
from golden.lab.train.training_config import TrainConfig


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize(("multiplies", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_auto_follows_the_machine(monkeypatch, device, multiplies, expected):
    monkeypatch.setattr(
        precision, "multiplies_bfloat16", lambda asked: asked == device and multiplies
    )
    assert precision.chosen(TrainConfig().precision, device) == expected
    for given in ("bfloat16", "float32", "float64"):
        assert precision.chosen(given, device) == given


@pytest.mark.parametrize(
    ("multiplies", "expected"), [(True, torch.bfloat16), (False, torch.float32)]
)
def test_autocast(monkeypatch, multiplies, expected):
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda device: multiplies)
    layer, given = torch.nn.Linear(4, 4), torch.ones(2, 4)
    with precision.autocast("cpu"):
        assert layer(given).dtype == expected
    with precision.autocast("cpu", "float64"):
        assert layer.double()(given.double()).dtype == torch.float64


def test_this_machine():
    """Instructions as the kernel lists them: oneDNN computes in bfloat16 from AVX-512 on."""
    listed = Path("/proc/cpuinfo")
    if not listed.is_file():
        pytest.skip("no /proc/cpuinfo on this system")
    flags = listed.read_text()
    if "flags" not in flags:
        pytest.skip("not an x86 processor")
    assert precision.multiplies_bfloat16("cpu") == ("avx512bw" in flags)
