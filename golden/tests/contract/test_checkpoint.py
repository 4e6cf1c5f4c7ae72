# SPDX-License-Identifier: Apache-2.0
"""The files of networks: what was written is read, and what is not as it was written is refused."""

import json
import random
import re
import struct
from functools import partial

import numpy as np
import pytest
from msgspec import inspect
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from golden.contract import checkpoint, paths
from golden.contract.errors import UserError
from golden.contract.network import NetworkConfig, QuantNetwork
from golden.contract.random_network import random_network
from golden.contract.settings import keys
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.lab.networks import backbones
from golden.lab.networks.network_config import NetworkConfig as FloatConfig
from golden.lab.spikezip import spikezip_checkpoint
from golden.lab.spikezip.spikezip_config import VitConfig
from golden.lab.spikezip.text_config import TextConfig
from golden.lab.spikezip.text_encoder import QuantTextEncoder
from golden.lab.spikezip.vit import QuantViT
from golden.lab.spikezip.vocabulary import Vocabulary
from golden.lab.train.checkpoint import load_dense, save_dense

SIZES = {"depth": 1, "dim": 16, "heads": 2, "timesteps": 2}
HARDWARE = Hardware.named("2x8")
CONFIGS = {"quantised": NetworkConfig, "float": FloatConfig, "vit": VitConfig, "text": TextConfig}
READERS = {
    "quantised": QuantNetwork.load, "float": load_dense,
    "vit": partial(spikezip_checkpoint.load, kind="vit"),
    "text": partial(spikezip_checkpoint.load, kind="text"),
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    paths_ = {kind: folder / f"{kind}.safetensors" for kind in READERS}
    random_network(NetworkConfig(**SIZES)).save(paths_["quantised"])
    save_dense(paths_["float"], backbones.build(FloatConfig(**SIZES)), {})
    vit = QuantViT(VitConfig(patch=7, dim=16, depth=1, heads=4, level=4))
    spikezip_checkpoint.save(paths_["vit"], vit, {})
    sizes = TextConfig(dim=16, depth=1, heads=4, level=4, length=6)
    text = QuantTextEncoder(sizes, Vocabulary(("good", "bad")))
    spikezip_checkpoint.save(paths_["text"], text, {})
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


def test_the_committed_files_have_checksums():
    """A flipped bit in one of them is refused, as in new ones."""
    committed = sorted(paths.CHECKPOINTS.rglob("*.safetensors"))
    assert len(committed) > 50
    for path in committed:
        with safe_open(path, "numpy") as stream:
            told = stream.metadata()
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        assert told["checksum"] == checkpoint.checksum(tensors, told), path
        assert told["kind"] in READERS, path


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


def test_values_beyond_their_type_are_not_saved(tmp_path):
    """And not compiled. The limits themselves are saved and read."""
    encoded = NetworkConfig(**SIZES, encoder_channels=8, head="avgpool_fc")
    layers = {
        "tokenizer.0": lambda n: n.tokenizer[0],
        "tokenizer.4": lambda n: n.patch,
        "blocks.0.proj": lambda n: n.blocks[0].proj,
        "blocks.0.q": lambda n: n.blocks[0].q,
        "encoder": lambda n: n.encoder,
    }
    int32 = -(2**31), 2**31 - 1
    cases = [(f"{name}.weight", get, "weight", (-128, 127)) for name, get in layers.items()]
    cases += [(f"{name}.bias", get, "bias", int32) for name, get in layers.items()]
    cases += [("blocks.0.q.theta2", layers["blocks.0.q"], "theta2", int32)]
    cases += [("blocks.0.proj.shift", layers["blocks.0.proj"], "shift", (0, 31))]
    own = {"head.weight": (-128, 127), "head.bias": int32, "head.shift": (0, 31)}
    own["encoder.charge"] = (0, 65535)
    cases += [(n, lambda n: n, n.replace(".", "_"), limits) for n, limits in own.items()]
    path = tmp_path / "n.safetensors"
    for name, get, attribute, (least, most) in cases:
        for value in (least, most, least - 1, most + 1, 1 << 40, 0.5, float("nan")):
            network = random_network(encoded)
            old = getattr(get(network), attribute)
            new = np.array(old, np.result_type(np.array(value), np.int64))
            new.flat[-1] = value
            setattr(get(network), attribute, new if new.ndim else new.item())
            if value in (least, most):
                network.save(path)
                assert np.array_equal(np.ravel(getattr(get(QuantNetwork.load(path)), attribute)),
                                      new.ravel()), name  # fmt: skip
                path.unlink()
                continue
            words = rf"^{re.escape(name)}\[[\d, ]+\] is {value}, .* from {least} to {most}$"
            with pytest.raises(UserError, match=words):
                network.save(path)
            assert not path.exists()
            with pytest.raises(UserError, match=words):
                compile_network(network, HARDWARE)


def test_a_file_with_a_shift_or_charge_out_of_range(tmp_path):
    """Their type holds more than they may be."""
    path = tmp_path / "n.safetensors"
    random_network(NetworkConfig(**SIZES, encoder_channels=8, head="avgpool_fc")).save(path)
    contents = checkpoint.read(path, "quantised")
    told = {"config": contents.metadata["config"]}
    for name, value in (
        ("blocks.0.mlp2.shift", -1), ("tokenizer.4.shift", 32), ("head.shift", -1),
        ("encoder.charge", -1), ("encoder.charge", 65536),
    ):  # fmt: skip
        bad = contents.tensors | {name: np.array([value], np.int32)}
        checkpoint.write(path, "quantised", bad, told)
        with pytest.raises(UserError, match=rf"n\.safetensors: {name}\[0\] is {value}, it must"):
            QuantNetwork.load(path)


@pytest.mark.parametrize("kind", READERS)
def test_every_size_in_a_file_is_bounded_below(files, kind, tmp_path):
    """And is a UserError of one sentence in Python, too, whatever it is in place of a number."""
    path = tmp_path / "a.safetensors"
    contents, config = checkpoint.read(files[kind], kind), CONFIGS[kind]
    bounded = 0
    for name, key in keys(config).items():
        form = inspect.type_info(key.kind)
        form = form.type if isinstance(form, inspect.Metadata) else form
        wrong = [[[]], {"a": 1}]
        if isinstance(form, inspect.IntType):
            bounded += 1
            assert form.ge is not None, name
            wrong += [form.ge - 1, -(2**70), 0.5, "1"]
        for value in wrong:
            told = contents.config | {name: value}
            with pytest.raises(UserError, match=name) as error:
                config(**{k: v for k, v in told.items() if k != "provenance"})
            assert "\n" not in str(error.value)
            checkpoint.write(path, kind, contents.tensors, {"config": json.dumps(told)})
            with pytest.raises(UserError, match=rf"a\.safetensors: .*{name}"):
                READERS[kind](path)
    assert bounded >= 4


def test_a_provenance_that_is_no_table(files, tmp_path):
    contents, path = checkpoint.read(files["quantised"], "quantised"), tmp_path / "a.safetensors"
    for value in (None, 3, "x", [1]):
        told = json.dumps(contents.config | {"provenance": value})
        checkpoint.write(path, "quantised", contents.tensors, {"config": told})
        with pytest.raises(UserError, match=r"a\.safetensors: provenance is .*, it must be a tab"):
            QuantNetwork.load(path)
