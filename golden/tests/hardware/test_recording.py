# SPDX-License-Identifier: Apache-2.0
"""Files of recorded spikes: what is written is read, and every mistake is one sentence."""

import numpy as np
import pytest

from golden.contract.errors import UserError
from golden.hardware.workload.recording import Recording, read, write


def recordings(seed=0):
    rng = np.random.default_rng(seed)
    sizes = {"conv": ((4, 5, 7, 3), 12, 3), "a.b": ((1, 1, 1, 1), 1, 1), "fc": ((2, 9, 6, 1), 4, 1)}
    return [
        Recording(name, rng.integers(0, 2, shape, np.uint8), outputs, kernel)
        for name, (shape, outputs, kernel) in sizes.items()
    ]


def test_round_trip(tmp_path):
    path = tmp_path / "folder" / "spikes.npz"
    write(path, recordings())
    assert [p.name for p in path.parent.iterdir()] == ["spikes.npz"]
    for got, want in zip(read(path), recordings(), strict=True):
        assert (got.name, got.out_channels, got.kernel) == (
            want.name, want.out_channels, want.kernel)  # fmt: skip
        np.testing.assert_array_equal(got.spikes, want.spikes)
        assert got.spikes.dtype == np.uint8


def test_layout_of_the_shared_traces(tmp_path):
    """The arrays are those that docs/log/traces.md describes, whoever writes them."""
    spikes = np.random.default_rng(1).random((4, 3, 5, 6)) < 0.2
    np.savez(
        tmp_path / "own.npz",
        **{
            "x.spikes": np.packbits(spikes.flatten()),
            "x.shape": spikes.shape,
            "x.out_channels": 8,
            "x.kernel": [3],
        },
    )
    (layer,) = read(tmp_path / "own.npz")
    np.testing.assert_array_equal(layer.spikes, spikes)
    token = layer.tokens[2, 4 * 6 + 1]  # (T, N, C), raster order
    np.testing.assert_array_equal(token, spikes[2, :, 4, 1])


GOOD = {
    "x.spikes": np.packbits(np.ones(60, np.uint8)),
    "x.shape": np.array([1, 3, 4, 5]),
    "x.out_channels": np.int64(8),
    "x.kernel": np.int64(3),
}
MISTAKES = {
    "a missing array": ({"x.kernel": None}, "array 'x.kernel' is missing"),
    "a strange array": ({"x.weight": np.ones(3)}, "array 'x.weight' is none of"),
    "an array without a layer": ({"y.kernel": np.int64(3)}, "array 'y.kernel' is none of"),
    "no layer": (dict.fromkeys(GOOD), "holds no layer"),
    "another kernel": ({"x.kernel": np.int64(5)}, "kernel 5 is none of 1, 3"),
    "a shape of three": ({"x.shape": np.array([1, 3, 4])}, "shape is int64 (3,) and should be 4"),
    "a shape of floats": ({"x.shape": np.ones(4)}, "shape is float64 (4,)"),
    "a shape of 0": ({"x.shape": np.array([1, 3, 0, 5])}, "must lie between 1 and"),
    "a huge shape": ({"x.shape": np.array([1, 3, 1 << 20, 5])}, "must lie between 1 and"),
    "two outputs": ({"x.out_channels": np.array([8, 8])}, "should be one integer"),
    "spikes that are not packed": ({"x.spikes": np.ones(60, np.uint8)}, "packbits of 60 spikes"),
    "spikes of another type": ({"x.spikes": np.ones(8, np.int64)}, "spikes are int64 (8,)"),
    "too few spikes": ({"x.spikes": np.ones(7, np.uint8)}, "gives uint8 (8,)"),
    "a wrong shape": ({"x.shape": np.array([1, 3, 19, 1])}, "behind the last of 57 spikes"),
    "pickled objects": ({"x.spikes": np.array([{}])}, "is not an npz file of plain arrays"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_in_a_file(mistake, tmp_path):
    changes, message = MISTAKES[mistake]
    arrays = {k: v for k, v in (GOOD | changes).items() if v is not None}
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(UserError) as error:
        read(tmp_path / "bad.npz")
    assert message in str(error.value) and "bad.npz" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 broken", b"\x93NUMPY\x01\x00"])
def test_not_an_npz_file(content, tmp_path):
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match="is not an npz file"):
        read(path)


def test_an_npy_file(tmp_path):
    np.save(tmp_path / "bad.npy", np.ones(3))
    with pytest.raises(UserError, match="is not an npz file"):
        read(tmp_path / "bad.npy")


def test_a_damaged_file(tmp_path):
    path = tmp_path / "bad.npz"
    write(path, recordings())
    data = bytearray(path.read_bytes())
    at = data.index(b"conv.spikes.npy") + 60
    data[at : at + 8] = bytes(8)
    path.write_bytes(data)
    with pytest.raises(UserError, match="is not an npz file"):
        read(path)


def test_no_file(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read(tmp_path / "none.npz")
    with pytest.raises(UserError, match="is not an npz file"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(spikes=np.full((1, 1, 2, 2), 2)), "must be 0 or 1"),
        (dict(spikes=np.zeros((2, 2))), "must be 0 or 1"),
        (dict(kernel=5), "kernel 5 must be 1 or 3"),
        (dict(out_channels=0), "out_channels 0 at least 1"),
        (dict(name="fc"), "a name of its own"),
        (dict(name=""), "a name of its own"),
    ],
)
def test_mistakes_of_a_writer(change, message, tmp_path):
    *_, last = all_of = recordings()
    wrong = Recording(**({**vars(last), "name": "wrong"} | change))
    with pytest.raises(UserError, match=message):
        write(tmp_path / "x.npz", [*all_of, wrong])
    assert not any(tmp_path.iterdir())
