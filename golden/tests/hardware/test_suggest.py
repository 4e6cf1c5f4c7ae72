# SPDX-License-Identifier: Apache-2.0
"""The smallest hardware for a network: it runs there, and on nothing smaller."""

from dataclasses import replace

import numpy as np
import pytest

from golden.cli.suggest import configurations
from golden.contract.errors import UserError
from golden.contract.network import NetworkConfig, QuantNetwork
from golden.contract.random_network import random_images, random_network
from golden.hardware.area import by_size, memory_bits
from golden.hardware.compile.growth import grown
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import CONFIGURATIONS, Hardware
from golden.hardware.cycles import cycles
from golden.hardware.interface import table
from golden.hardware.suggest import cycles_bound, fit
from golden.tests.hardware.test_compile import config

POWERS = {p.name for p in table.PARAMETERS if p.power_of_two}

# network, preset, change of a bias, parameters that have to be larger
CASES = {
    "nothing": (config(), "4x16", 0, set()),
    "tokens and timesteps": (
        config(dim=32, heads=4, height=10, width=9, timesteps=8, pooled_stages=(4,)),
        "2x8,spike_lines=150,stream_depth=64,patch_lines=16", 0,
        {"spike_lines", "stream_depth", "patch_lines"}),
    "wide heads": (config(dim=32, heads=1), "4x16", 0, {"acc_depth"}),
    "wide stream": (config(), "2x8", 300_000, {"stream_width", "acc_width"}),
}  # fmt: skip


def made(network_config: NetworkConfig, bias: int) -> QuantNetwork:
    network = random_network(network_config, 1, "dense", lanes=8)
    network.patch.bias[3] += bias
    return network


@pytest.mark.parametrize("case", CASES)
def test_it_runs_there_and_on_nothing_smaller(case):
    network_config, preset, bias, wanted = CASES[case]
    network = made(network_config, bias)
    found = fit(network, Hardware.named(preset))
    assert found.program is not None and not found.refusal
    before, after = vars(found.preset), vars(found.hardware)
    assert {name for name in after if after[name] != before[name]} == wanted
    assert all(excess.layer and excess.least <= after[field]
               for field, excess in found.broken.items())  # fmt: skip
    for name in wanted:
        less = after[name] // 2 if name in POWERS else after[name] - 1
        if name == "acc_width" and "stream_width" in wanted:
            continue  # the stream's width asks for it
        with pytest.raises(UserError, match=rf"{name}="):
            compile_network(network, replace(found.hardware, **{name: less}))


def test_all_limits_are_there_at_once():
    network = made(config(dim=32, heads=1), 300_000)
    with pytest.raises(UserError) as error:
        compile_network(network, Hardware.named("4x16"))
    told = str(error.value)
    assert "tokenizer.4: largest residual" in told and "accumulators per lane is" in told
    assert "stream_width=20" in told and "acc_depth=64" in told


def test_limits_of_every_stage_are_told():
    """What tiles and places ask for is found with the rest, and its advice does."""
    shape = config(dim=32, heads=4, height=10, width=9, timesteps=8, pooled_stages=(4,))
    network = random_network(shape, 1, "dense", lanes=8)
    small = Hardware.named("2x8,spike_lines=150,stream_depth=64,patch_lines=16,bank_depth=30")
    with pytest.raises(UserError) as error:
        compile_network(network, small)
    fields = ("patch_lines", "stream_depth", "bank_depth", "spike_lines")
    assert all(f"{name}=" in str(error.value) for name in fields)
    changes = (
        str(error.value).rpartition("use hardware with ")[2].removesuffix(" or a smaller network")
    )
    larger = replace(small, **{k: int(v) for k, v in (x.split("=") for x in changes.split(","))})
    assert compile_network(network, larger).layers
    with pytest.raises(UserError) as first:
        compile_network(network, small, explain=False)
    assert "bank_depth" not in str(first.value)


def test_what_no_parameter_mends_is_refused():
    heads = fit(random_network(config(dim=24, heads=1)), Hardware.named("4x16"))
    assert heads.program is None and "head width 24" in heads.refusal
    network = made(config(), 0)
    network.patch.bias[0] = (1 << 31) - 1
    wide = fit(network, Hardware.named("2x8"))
    assert wide.program is None and "tokenizer.4: largest" in wide.refusal
    assert "acc_width is at most 32" in wide.refusal
    network = made(config(), 0)
    network.patch.shift = 8
    assert "shift is 8" in fit(network, Hardware.named("2x8")).refusal
    with pytest.raises(UserError, match="hardware bank_depth would have to be"):
        grown(Hardware.named("2x8"), {"bank_depth": 1 << 20})
    assert grown(Hardware.named("2x8"), {"stream_width": 19}).acc_width == 21


def test_list(tmp_path, capsys, monkeypatch):
    """What a network breaks on each configuration, or its cycles there by the model."""
    monkeypatch.setenv("COLUMNS", "200")
    network = random_network(config(height=12, width=12, dim=32, heads=1), 2)  # a head of 32
    network.save(tmp_path / "network.safetensors")
    configurations(tmp_path / "network.safetensors")
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in
            capsys.readouterr().out.splitlines() if line.startswith("│")]  # fmt: skip
    names = [h.name for h in by_size(grids=True)]
    assert len(names) == 6 and [row[0] for row in rows[-6:]] == names
    image = random_images(network.config, 1)
    for row in rows[-6:]:
        tried = fit(network, Hardware.named(row[0]))
        if tried.broken:
            assert row[-2] == "-" and all(f in row[-1] for f in tried.broken)
        else:
            assert tried.program
            want = cycles(tried.program, network, image)[0].total
            assert row[-2:] == [f"{want:,}", "-"]
    assert {row[-2] == "-" for row in rows[-6:]} == {True, False}


def test_the_bound_is_below_the_cycle_model():
    network = random_network(config(height=12, width=12, dim=32, heads=2), 2)
    image = random_images(network.config, 1)[0]
    program = compile_network(network, Hardware.named("4x16"))
    (model,) = cycles(program, network, image[None])
    bound = cycles_bound(program, network, image)
    assert 0.4 * model.total < bound <= model.total


def test_memory_is_that_of_the_synthesised_design():
    """docs/log/synthesis.md: 1,954,628 bits with the queues and counters, which are left out."""
    assert memory_bits(Hardware.named("2x8")) == pytest.approx(1_954_628, rel=0.03)
    assert [h.pes for h in by_size()] == sorted(h.pes for h in CONFIGURATIONS.values())
    deeper = replace(Hardware.named("2x8"), bank_depth=4096)
    more = memory_bits(deeper) - memory_bits(Hardware.named("2x8"))
    assert more == 4 * (2048 * 105 + 2048)  # weights, and a bit of every address in the row tables
    assert np.ceil(np.log2(deeper.bank_depth)) == 12
