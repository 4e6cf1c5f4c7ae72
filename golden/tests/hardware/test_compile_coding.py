# SPDX-License-Identifier: Apache-2.0
"""Coded loads: what is coded, in which format, that it means the same, and what it saves."""

from dataclasses import replace

import numpy as np
import pytest

from golden.contract.network import NetworkConfig
from golden.contract.order import fused_qkv
from golden.contract.random_network import random_images, random_network
from golden.hardware import isa
from golden.hardware.check import load_bytes
from golden.hardware.coded_record import record_halves
from golden.hardware.compile import bits
from golden.hardware.compile.coding import code_rows, code_weights
from golden.hardware.compile.planes import Planes
from golden.hardware.compile.program import compile_network
from golden.hardware.compile.rows import attention_rows, pack_rows
from golden.hardware.compile.traffic import traffic
from golden.hardware.configuration import Hardware
from golden.hardware.execute.decode import row_entries, weight_words
from golden.tests.hardware.test_compile import compare, config

HARDWARE = Hardware.named("4x16")  # 16 lanes, 8 banks, 4 index bits


def layer(seed=0, words=16, density=4, values=16, taps=1, channels=32, hardware=HARDWARE):
    """Weights (taps, channels, words * P) with one of ``density`` accumulators kept per block."""
    rng = np.random.default_rng(seed)
    book = rng.permutation(np.r_[-128:0, 1:128])[:values]
    shape = taps, channels, -(-words // density), density, hardware.lanes
    kept = (
        rng.integers(density, size=(*shape[:3], 1, hardware.lanes)) == np.arange(density)[:, None]
    )
    weight = np.where(kept, rng.choice(book, shape), 0)
    return weight.reshape(taps, channels, -1, hardware.lanes)[:, :, :words].reshape(
        taps, channels, -1
    )


def dense(words: np.ndarray, packed, hardware=HARDWARE) -> np.ndarray:
    """(rows, accumulators, P) that weight words (words per bank, B, P) mean, by the row table."""
    rows = []
    for place in np.argwhere(packed.stored):
        entry = packed.entries[tuple(place)]
        out = np.zeros((1 << hardware.index_width, hardware.lanes), np.int64)
        for slots in words[entry & 0xFFFF :][: entry >> 16 & 0xFF, place[1]]:
            weight = bits.signed(slots & 0xFF, 8)
            np.add.at(out, (slots >> 8, np.arange(hardware.lanes)), weight)
        rows.append(out)
    return np.array(rows)


def coded(weight, hardware=HARDWARE, planes=None):
    """(Coded, packed rows); what it means is compared with the raw slots."""
    packed = pack_rows(weight, planes, -(-weight.shape[1] // hardware.lanes) * hardware.lanes,
                       hardware)  # fmt: skip
    out = code_weights(packed)
    if out is not None:
        records = packed.slots.shape[0] * hardware.banks
        fields = {"target": 0, "offset": 0, "dest": 0, "records": records} | out.fields
        _, fields = isa.decode(isa.encode(isa.OP_LOAD, "x", **fields))
        assert len(out.data) == load_bytes(hardware, fields)
        words = weight_words(out.data, fields, hardware).reshape(packed.slots.shape)
        np.testing.assert_array_equal(dense(words, packed), dense(packed.slots, packed))
    return out, packed


def test_a_layer_without_any_weight_is_not_coded():
    packed = pack_rows(np.zeros((1, 32, 16), np.int64), None, 32, HARDWARE, masked=True)
    assert code_weights(packed) is None


def test_the_shortest_format_wins():
    """One weight per block of 4: two index bits; at any place in the row: all four."""
    block, _ = coded(layer())
    assert (block.fields["block"], block.fields["index_bits"]) == (1, 2)
    assert block.fields["row_words"] == 4
    assert len(block.data) == 4 * 32 * 12  # 4 words, 32 rows, 3 halves of a beat
    rng = np.random.default_rng(1)
    anywhere = rng.permuted(layer(1).reshape(1, 32, 16, 16), axis=2).reshape(1, 32, -1)
    absolute, _ = coded(anywhere)
    assert (absolute.fields["block"], absolute.fields["index_bits"]) == (0, 4)
    # Formats that take the same, for the padding or as there is one block: the plain one.
    for density, form in ((1, (1, 0)), (2, (1, 1)), (8, (0, 4)), (16, (0, 4))):
        out, _ = coded(layer(density=density))
        assert (out.fields["block"], out.fields["index_bits"]) == form
    ragged, _ = coded(layer(words=14, values=15))
    assert (ragged.fields["block"], ragged.fields["index_bits"]) == (1, 2)
    few, _ = coded(layer(words=4))
    assert (few.fields["block"], few.fields["index_bits"]) == (0, 2)


@pytest.mark.parametrize("seed", range(3))
def test_kernels_and_planes(seed):
    """Nine taps rotate the banks; bit-planes share rows and leave words that nothing reads."""
    out, packed = coded(layer(seed, taps=9, channels=16))
    assert out.fields["block"] == 1
    planes = Planes.of(NetworkConfig(in_channels=3))
    out, packed = coded(layer(seed, taps=9, channels=3)[:, planes.channel], planes=planes)
    assert out is not None
    assert code_rows(packed.entries, packed.stored, 0) is None  # their rows have shifts
    out, packed = coded(layer(seed, taps=9, channels=11))
    assert len(set(packed.used)) > 1 and out.fields["block"] == 1


def test_codebook_is_full_or_too_small():
    weight = layer(values=17)
    assert coded(weight)[0] is None
    weight = layer(values=16)
    holes = weight.copy()
    row = holes[0, 5].reshape(-1, 16)
    row[np.flatnonzero(row[:, 3])[0], 3] = 0  # a slot without weight needs a code for 0
    assert coded(weight)[0] is not None and coded(holes)[0] is None
    weight = layer(values=15)
    holes = weight.copy()
    holes[0, 5].reshape(-1, 16)[:, 3] = 0
    out, _ = coded(holes)
    assert out.fields["block"] == 1 and out.fields["codebook_0"] & 0xFF == 0
    holes[0, 5] = 0  # now its row is shorter than the others
    assert coded(holes)[0].fields["block"] == 0


def test_an_accumulator_twice_in_a_block():
    weight = layer(values=15)
    row = weight[0, 7].reshape(-1, 16)
    row[:, 2] = np.r_[[5, 6], np.zeros(2), np.zeros(4), [7, 0, 0, 0], [8, 0, 0, 0]]
    row[row[:, 2] != 0, 2] = weight[weight != 0][:4]
    out, _ = coded(weight)
    assert out.fields["block"] == 0


def test_rows():
    """Lengths in place of entries, if the rows follow each other and are short."""
    rng = np.random.default_rng(3)
    weight = layer(channels=27, taps=9) * (rng.random((9, 27, 256)) < 0.5)
    packed = pack_rows(weight, None, 32, HARDWARE)
    assert len(np.unique(packed.stored)) >= 3 and 0 in packed.stored
    for first in (0, 100):
        out = code_rows(packed.entries + first, packed.stored, first)
        fields = out.fields | {"records": packed.entries.size}
        np.testing.assert_array_equal(
            row_entries(out.data, fields, HARDWARE), (packed.entries + first).ravel()
        )
        assert len(out.data) == packed.entries.size // 2
    assert code_rows(packed.entries + 1, packed.stored, 0) is None
    long = pack_rows(np.ones((1, 16, 16 * 16), np.int64), None, 16, HARDWARE)
    assert code_rows(long.entries, long.stored, 0) is None  # rows of 16 words
    table = attention_rows(3, 2, 2, HARDWARE)
    out = code_rows(table + 7, np.full_like(table, 2), 7)
    fields = out.fields | {"records": table.size}
    np.testing.assert_array_equal(row_entries(out.data, fields, HARDWARE), (table + 7).ravel())


def test_record_halves():
    assert [record_halves(16, w) for w in range(5)] == [2, 3, 3, 4, 4]
    assert [record_halves(8, w) for w in range(6)] == [1, 2, 2, 2, 2, 3]
    assert record_halves(64, 8) == 24


CASES = {
    "4x16 block": ("4x16", config(dim=64, heads=4, mlp_ratio=4), "block", 16),
    "4x16 d<P": ("4x16", config(dim=64, heads=8, in_channels=3), "block", 15),
    "2x8 d<P, odd, rgb": (
        "2x8", config(heads=4, height=7, width=9, in_channels=3, timesteps=3), "balanced", 15),
    "2x8 unstructured": ("2x8", config(dim=64, heads=8, depth=2), "unstructured", 15),
    "4x32 dense": ("4x32", config(dim=64, heads=2), "dense", 8),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("code", [True, False], ids=["coded", "raw"])
def test_networks(case, code):
    """The golden trace comes out of the same network coded and raw."""
    name, network_config, sparsity, codebook = CASES[case]
    hardware = Hardware.named(name)
    network = random_network(
        network_config, len(case), sparsity, lanes=hardware.lanes, codebook=codebook
    )
    program = compile_network(network, hardware, coded=code)
    fields = [f for op, f in map(isa.decode, isa.cut(program.program)) if op == isa.OP_LOAD]
    for target in (isa.TARGET_WEIGHT, isa.TARGET_ROW):
        assert any(f["coded"] for f in fields if f["target"] == target) == code
    compare(program, network, random_images(network_config, 2, 1))


def test_loads_wait_and_share_memory():
    """Coded loads with places used twice, in every order that the hardware allows."""
    network_config = config(dim=32, depth=2, heads=4)
    network = random_network(network_config, 1, "block", codebook=15)
    full = compile_network(network, Hardware.named("4x16"))
    needs = max(c.packed.words for c in full.layers if c.packed)
    small = replace(full.hardware, bank_depth=needs + 4, row_depth=42)
    program = compile_network(network, small)
    fields = [f for op, f in map(isa.decode, isa.cut(program.program)) if op == isa.OP_LOAD]
    assert any(f["coded"] and f["wait_items"] and f["first_word"] for f in fields)
    for policy in ("ring", "eager", "lazy"):
        compare(program, network, random_images(network_config, 2, 2), policy)


def test_bits_per_dense_weight():
    """One weight of four kept: 6 bits of every 4 weights, row lengths and a codebook."""
    network = random_network(
        NetworkConfig(dim=64, heads=4, timesteps=2, depth=1), 2, "block", codebook=15
    )
    found = traffic(compile_network(network, HARDWARE))
    for one in found.layers:
        if one.dense_weights and one.name.startswith(("tokenizer.3", "blocks.0.")):
            assert 1.5 < one.bits_per_dense_weight <= 1.6, one
    mlp = next(x for x in found.layers if x.name == "blocks.0.mlp1")
    assert (mlp.dense_weights, mlp.block, mlp.index_bits) == (64 * 256, True, 2)
    assert (mlp.weight_bytes, mlp.row_bytes, mlp.codebook_bytes) == (4 * 64 * 12, 32, 16)
    assert mlp.raw_bytes == 4 * 64 * 24 + 64 * 4
    raw = traffic(compile_network(network, HARDWARE, coded=False))
    got, plain = found.summary(), raw.summary()
    assert got["raw_bytes"] == plain["bytes"] == plain["raw_bytes"] > got["bytes"]
    assert got["dense_int8_bytes"] == plain["dense_int8_bytes"]
    assert plain["bits_per_dense_weight"] == got["raw_bits_per_dense_weight"] > 3
    assert found.report()["layers"][0]["name"] == "tokenizer.0"


@pytest.mark.parametrize("dim, heads, lanes", [(64, 4, 16), (32, 1, 16), (24, 3, 16), (96, 2, 16)])
def test_order_of_qkv(dim, heads, lanes):
    columns = fused_qkv(dim, heads, lanes)
    real = columns[columns >= 0]
    assert sorted(real) == list(range(3 * dim))
    word = np.full(3 * dim, -1)
    word[real] = np.flatnonzero(columns >= 0) // lanes
    m = max(1, dim // heads // lanes)
    for channel in range(dim):
        key, value = word[dim + channel], word[2 * dim + channel]
        assert value == key + m and word[channel] == channel // lanes
        lane = np.flatnonzero(columns == dim + channel)[0] % lanes
        assert lane == channel % lanes


def test_masks_are_one_per_block():
    """Every lane keeps one of four neighbours in the order of the accumulators."""
    network_config = NetworkConfig(dim=64, heads=4, timesteps=1, depth=1)
    network = random_network(network_config, 4, "block", codebook=16)
    block = network.blocks[0]
    fused = np.concatenate([block.q.weight, block.k.weight, block.v.weight])
    by_word = fused[fused_qkv(64, 4, 16)].reshape(-1, 4, 16, 64)
    assert ((by_word != 0).sum(1) == 1).all()
    by_word = block.mlp1.weight.reshape(-1, 4, 16, 64)
    assert ((by_word != 0).sum(1) == 1).all()
    assert len(np.unique(fused)) <= 17
