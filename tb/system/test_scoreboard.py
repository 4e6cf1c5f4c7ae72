# SPDX-License-Identifier: Apache-2.0
"""The scoreboard sees every kind of wrong trace, and says where; no simulator needed."""

import numpy as np
import pytest

from golden.contract.network import NetworkConfig
from golden.contract.random_network import random_images, random_network
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.hardware.execute.expected import expectations
from tb.system.scoreboard import MESSAGES, Scoreboard

pytestmark = pytest.mark.smoke


@pytest.fixture(scope="module", params=["4x16", "4x32"])
def case(request):
    """(program, expectation of one image, its records as psf_trace.sv writes them)."""
    config = NetworkConfig(depth=1, dim=16, heads=2, timesteps=2, height=6, width=5, mlp_ratio=2)
    program = compile_network(random_network(config, 1), Hardware.named(request.param))
    (expected,) = expectations(program, random_network(config, 1), random_images(config, 1, 2))
    rows = []
    for c, want in zip(program.layers, expected.layers, strict=True):
        spikes = want.spikes if want.spikes is not None else np.ones_like(want.value)
        for unit, step, word in np.ndindex(c.shape):
            bits = np.packbits(spikes[unit, step, word].astype(np.uint8), bitorder="little")
            bits = bits.tobytes().ljust(4 * (program.hardware.lanes // 32 + 1), b"\0")
            head = np.array([c.id | step << 8 | word << 16, unit], "<i4")
            value = want.value[unit, step, word].astype("<i4")
            rows.append(np.concatenate([head, np.frombuffer(bits, "<i4"), value]))
    rows = np.array(rows, "<i4")
    return program, expected, np.random.default_rng(1).permutation(rows)


def verdict(case, tmp_path, rows):
    program, expected, _ = case
    rows.tofile(tmp_path / "trace.bin")
    return Scoreboard(program).check(expected, tmp_path / "trace.bin")


def of(case, name):
    """Index of some record of layer ``name``."""
    program, _, rows = case
    layer = next(c.id for c in program.layers if c.name == name)
    return int(np.flatnonzero((rows[:, 0] & 0xFF) == layer)[0])


def test_right_trace(case, tmp_path):
    result = verdict(case, tmp_path, case[2].copy())
    assert result.total == 0 and result.messages == []


def test_all_zero_design(case, tmp_path):
    rows = case[2].copy()
    rows[:, 2:] = 0
    result = verdict(case, tmp_path, rows)
    layers = {c.name for c in case[0].layers}
    assert {name for name, count in result.mismatches.items() if count} == layers
    assert len(result.messages) == MESSAGES


@pytest.mark.parametrize("lane", [0, 15])
def test_one_wrong_value(case, tmp_path, lane):
    rows, at = case[2].copy(), of(case, "tokenizer.1")
    rows[at, 2 + case[0].hardware.lanes // 32 + 1 + lane] += 1
    result = verdict(case, tmp_path, rows)
    assert result.total == result.mismatches["tokenizer.1"] == 1
    step, token = rows[at, 0] >> 8 & 255, rows[at, 1]
    channel = f"channel {lane if lane < 4 else 'none (padding)'}"
    assert result.messages[0].startswith(
        f"tokenizer.1 timestep {step} token {token} word 0 {channel}"
    )
    assert ": value expected " in result.messages[0]


def test_one_wrong_spike(case, tmp_path):
    rows, at = case[2].copy(), of(case, "blocks.0.qkv")
    rows[at, 2] ^= 1
    result = verdict(case, tmp_path, rows)
    assert result.total == 1 and "spike expected" in result.messages[0]
    assert "blocks.0.qkv timestep" in result.messages[0]


def test_missing_and_repeated_records(case, tmp_path):
    rows = case[2]
    at = of(case, "blocks.0.attention.key_value")
    result = verdict(case, tmp_path, np.delete(rows, at, 0))
    assert result.total == 1 and "seen 0 times" in result.messages[0]
    result = verdict(case, tmp_path, np.concatenate([rows, rows[at : at + 1]]))
    assert result.total == 1 and "seen 2 times" in result.messages[0]
    assert verdict(case, tmp_path, rows[:0].copy()).total == sum(
        np.prod(c.shape) for c in case[0].layers
    )


def test_strange_records(case, tmp_path):
    rows = case[2].copy()
    extra = rows[:2].copy()
    extra[0, 0] |= 63
    extra[1, 1] = 60000
    result = verdict(case, tmp_path, np.concatenate([rows, extra]))
    assert result.total == 2 and len(result.messages) == 2


def test_unknown_bits_count_where_spikes_matter(case, tmp_path):
    rows, at = case[2].copy(), of(case, "tokenizer.1")
    rows[at, 0] |= 1 << 24
    rows[of(case, "head"), 0] |= 1 << 24  # nobody reads the spikes of the head
    rows[of(case, "blocks.0.attention.key_value"), 0] |= 2 << 24
    result = verdict(case, tmp_path, rows)
    assert result.total == 2 and result.mismatches["tokenizer.1"] == 1
    assert "unknown bits" in result.messages[0]
