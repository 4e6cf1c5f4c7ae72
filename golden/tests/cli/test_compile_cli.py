# SPDX-License-Identifier: Apache-2.0
"""The vectors command: a folder from which another simulator could be driven."""

import gzip
import hashlib
import json
import struct

import numpy as np
import pytest

from golden.cli.compile import vectors
from golden.cli.traffic import command as traffic
from golden.contract.errors import UserError
from golden.contract.network import NetworkConfig
from golden.contract.random_network import random_images, random_network
from golden.hardware.configuration import Hardware
from golden.hardware.execute.emulator import Emulator


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """A small network, and a data set of three random images."""
    config = NetworkConfig(depth=1, dim=16, heads=2, timesteps=1, mlp_ratio=1)
    random_network(config, 4).save(tmp_path / "net.safetensors")
    images = random_images(config, 3, 1)
    with gzip.open(tmp_path / "t10k-images-idx3-ubyte.gz", "wb") as f:
        f.write(struct.pack(">4I", 0x803, 3, 28, 28) + images.tobytes())
    with gzip.open(tmp_path / "t10k-labels-idx1-ubyte.gz", "wb") as f:
        f.write(struct.pack(">2I", 0x801, 3) + bytes([3, 1, 2]))
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return tmp_path / "net.safetensors"


def test_folder_drives_the_emulator(checkpoint, tmp_path):
    out = tmp_path / "vectors"
    assert "2 images for 4x16" in vectors(checkpoint, "4x16", 2, out)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["labels"] == [3, 1] and len(manifest["useful_adds"]) == 2
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    assert {"program.bin", "weights.bin", "image1.bin", "expected1.npz"} <= set(manifest["sha256"])

    emulator = Emulator(Hardware(**manifest["hardware"]))
    answer = emulator.run(
        *((out / f"{n}.bin").read_bytes() for n in ("program", "weights", "image1"))
    )
    expected = np.load(out / "expected1.npz")
    for layer in manifest["layers"]:
        got = answer.drained[layer["id"]]
        assert got.value.shape[:3] == (layer["units"], layer["steps"], layer["words"])
        np.testing.assert_array_equal(got.value, expected[f"{layer['name']}.value"])
        if got.spikes is not None:
            np.testing.assert_array_equal(got.spikes, expected[f"{layer['name']}.spikes"])
    np.testing.assert_array_equal(answer.logits, expected["logits"])
    assert answer.label == expected["label"]


def test_jobs_of_two_images(checkpoint, tmp_path):
    """The third image has a job to itself; the driver's package holds both jobs."""
    out = tmp_path / "vectors"
    hardware = "4x16,spike_lines=4096,stream_depth=1024"
    assert f"3 images for {hardware} in jobs of 2" in vectors(checkpoint, hardware, 3, out, batch=2)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["images"] == 2 and len(manifest["useful_adds"]) == 2
    emulator = Emulator(Hardware(**manifest["hardware"]))
    for job in range(2):
        files = [(out / f"{n}.bin").read_bytes() for n in ("program", "weights", f"image{job}")]
        answer, expected = emulator.run(*files), np.load(out / f"expected{job}.npz")
        assert [label for label, _ in answer.stored] == expected["label"].tolist()
        np.testing.assert_array_equal([x for _, x in answer.stored], expected["logits"])
    vectors(checkpoint, hardware, 3, tmp_path / "other", forms=["bin"], batch=2)
    whole = (tmp_path / "other/network.bin").read_bytes()
    word = struct.unpack_from("<24I", whole)
    assert (word[18], word[22]) == (2, 2)  # jobs, images of one
    rows = np.concatenate([np.load(out / f"expected{job}.npz")["logits"] for job in range(2)])
    found = np.frombuffer(whole, "<i4", rows.shape[0] * (1 + rows.shape[1]), word[19])
    np.testing.assert_array_equal(found.reshape(len(rows), -1)[:, 1:], rows)


def test_too_many_images(checkpoint, tmp_path):
    with pytest.raises(UserError, match="--images 4 must lie between 1 and 3"):
        vectors(checkpoint, "4x16", 4, tmp_path / "vectors")


def test_traffic(checkpoint, tmp_path, capsys):
    """The figures of a checkpoint and of a random network, as a table and as a file."""
    out = tmp_path / "reports" / "traffic.json"
    found = traffic(checkpoint, None, "4x16", True, out)
    assert json.loads(out.read_text()) == found and [p.name for p in out.parent.iterdir()] == [
        "traffic.json"
    ]
    assert found["bytes"] < found["raw_bytes"]  # the row tables
    options = dict(sparsity="block", density=0.25, codebook=15, seed=1)
    coded = traffic(checkpoint, "dim=64,depth=1", "4x16", True, out, **options)
    raw = traffic(checkpoint, "dim=64,depth=1", "4x16", False, out, **options)
    assert coded["bits_per_dense_weight"] < 2 < 3 < raw["bits_per_dense_weight"]
    assert "blocks.0.mlp1" in capsys.readouterr().out
    with pytest.raises(UserError, match="--random 'dims=3' is not one of"):
        traffic(checkpoint, "dims=3", "4x16", True, out, **options)


def test_raw_vectors(checkpoint, tmp_path):
    """Without codes the weight image is larger, and the manifest says so."""
    sizes = []
    for coded in (True, False):
        vectors(checkpoint, "4x16", 1, tmp_path / "vectors", coded)
        manifest = json.loads((tmp_path / "vectors" / "manifest.json").read_text())
        assert any(load["coded"] for load in manifest["loads"]) == coded
        sizes.append(manifest["traffic"]["bytes"])
    assert sizes[0] < sizes[1] == manifest["traffic"]["raw_bytes"]
