# SPDX-License-Identifier: Apache-2.0
"""The files of networks: what was written is read, and what is not as it was written is refused."""

import json
import random
import struct

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from golden.contract import checkpoint, paths
from golden.contract.errors import UserError
from golden.contract.network import NetworkConfig, QuantNetwork
from golden.contract.random_network import random_network
from golden.lab.networks import backbones
from golden.lab.networks.network_config import NetworkConfig as FloatConfig
from golden.lab.spikezip import vit_checkpoint
from golden.lab.spikezip.spikezip_config import VitConfig
from golden.lab.spikezip.vit import QuantViT
from golden.lab.train.checkpoint import load_dense, save_dense

SIZES = {"depth": 1, "dim": 16, "heads": 2, "timesteps": 2}
READERS = {"quantised": QuantNetwork.load, "float": load_dense, "vit": vit_checkpoint.load}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    paths_ = {kind: folder / f"{kind}.safetensors" for kind in READERS}
    random_network(NetworkConfig(**SIZES)).save(paths_["quantised"])
    save_dense(paths_["float"], backbones.build(FloatConfig(**SIZES)), {})
    vit = QuantViT(VitConfig(patch=7, dim=16, depth=1, heads=4, level=4))
    vit_checkpoint.save(paths_["vit"], vit, {})
    return paths_


@pytest.mark.parametrize("kind", READERS)
def test_what_is_written_is_read(files, kind):
    contents = checkpoint.read(files[kind], kind)
    told = dict(contents.metadata)
    assert told.pop("checksum") == checkpoint.checksum(contents.tensors, told)
    assert told["kind"] == kind
    for name, tensor in load_file(files[kind]).items():
        assert np.array_equal(tensor, contents.tensors[name]), name
    READERS[kind](files[kind])


@pytest.mark.parametrize("kind", READERS)
def test_a_flipped_byte_is_refused_by_name(files, kind, tmp_path):
    """Anywhere in the file: its length, its header, its tensors."""
    good, path = files[kind].read_bytes(), tmp_path / "bad.safetensors"
    (header,) = struct.unpack("<Q", good[:8])
    rng = random.Random(7)
    places = [*range(8), *rng.sample(range(8, 8 + header), 200)]
    places += [*rng.sample(range(8 + header, len(good)), 40), len(good) - 1]
    for place in places:
        bad = bytearray(good)
        bad[place] ^= 1 << rng.randrange(8)
        path.write_bytes(bad)
        with pytest.raises(UserError, match=r"^\S*bad\.safetensors is ") as error:
            READERS[kind](path)
        assert "\n" not in str(error.value)
    for length in (0, 7, 8 + header // 2, len(good) - 1):
        path.write_bytes(good[:length])
        with pytest.raises(UserError, match=r"bad\.safetensors is not "):
            READERS[kind](path)


def test_the_sizes_are_part_of_the_checksum(files, tmp_path):
    """A file that another program wrote anew, with a size that fits the tensors as well."""
    contents = checkpoint.read(files["quantised"], "quantised")
    config = contents.config | {"heads": 4}
    path = tmp_path / "other.safetensors"
    save_file(contents.tensors, path, contents.metadata | {"config": json.dumps(config)})
    with pytest.raises(UserError, match="do not have its checksum"):
        QuantNetwork.load(path)


def test_files_from_before_there_were_checksums(files, tmp_path):
    for kind, read in READERS.items():
        contents = checkpoint.read(files[kind], kind)
        told = {k: v for k, v in contents.metadata.items() if k not in ("kind", "checksum")}
        save_file(contents.tensors, tmp_path / "old.safetensors", told)
        read(tmp_path / "old.safetensors")
        save_file(contents.tensors, tmp_path / "old.safetensors", told | {"kind": kind})
        with pytest.raises(UserError, match="damaged"):
            read(tmp_path / "old.safetensors")
    old = paths.CHECKPOINTS / "balanced.safetensors"
    assert checkpoint.read(old, "quantised").config["dim"] == 64


@pytest.mark.parametrize("wanted", READERS)
def test_another_kind_is_named_with_the_next_command(files, wanted, tmp_path):
    for kind, path in files.items():
        if kind != wanted:
            with pytest.raises(UserError, match=r" is needed: .*`psf ") as error:
                READERS[wanted](path)
            text = str(error.value)
            assert text.startswith(f"{path} is {checkpoint.KINDS[kind]}, ")
            assert checkpoint.KINDS[wanted] in text


def test_tensors_of_another_type_are_refused(files, tmp_path):
    contents = checkpoint.read(files["quantised"], "quantised")
    path = tmp_path / "float.safetensors"
    wrong = contents.tensors["blocks.0.q.weight"].astype(np.float32)
    tensors = contents.tensors | {"blocks.0.q.weight": wrong}
    checkpoint.write(path, "quantised", tensors, {"config": contents.metadata["config"]})
    with pytest.raises(UserError, match=r"blocks\.0\.q\.weight has values of type float32"):
        QuantNetwork.load(path)


def test_sizes_out_of_range_and_unknown_ones(files, tmp_path):
    contents, path = checkpoint.read(files["float"], "float"), tmp_path / "a.safetensors"
    for change, words in (
        ({"heads": 0}, r"a\.safetensors: network.heads is 0, it must be a whole number from 1"),
        ({"colour": 1}, r"a\.safetensors does not hold the tensors of its own configuration"),
        ({"dim": 32}, r"a\.safetensors does not hold the tensors of its own configuration"),
    ):
        told = {"config": json.dumps(contents.config | change)}
        checkpoint.write(path, "float", contents.tensors, told)
        with pytest.raises(UserError, match=words) as error:
            load_dense(path)
        assert "\n" not in str(error.value)
