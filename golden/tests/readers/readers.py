# SPDX-License-Identifier: Apache-2.0
"""Every reader of files that strangers may send: good files for it, how it is called, what else
to draw for it."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from golden.contract import settings
from golden.contract.network import NetworkConfig, QuantNetwork
from golden.contract.paths import CONFIGS
from golden.contract.random_network import random_network
from golden.hardware.workload import recording
from golden.lab import data
from golden.lab.authors import example
from golden.lab.authors import state as authors
from golden.lab.data import cifar, cifar10, mr
from golden.lab.data.idx import read_idx
from golden.lab.data.own.pixels import read_image
from golden.lab.interchange import nir_export, nir_import
from golden.lab.networks import backbones
from golden.lab.networks.network_config import NetworkConfig as FloatConfig
from golden.lab.spikezip import spikezip_checkpoint
from golden.lab.spikezip.text_config import TextConfig
from golden.lab.spikezip.text_encoder import QuantTextEncoder
from golden.lab.spikezip.vocabulary import Vocabulary
from golden.lab.train.checkpoint import load_dense, save_dense
from golden.lab.train.training_config import RunConfig
from golden.tests.lab.test_data_cifar import dumped
from golden.tests.readers import damage

CIFAR10 = replace(cifar10.FACTS, needs=())
SMALL = dict(depth=1, dim=8, heads=1, timesteps=1, mlp_ratio=1, height=4, width=4, classes=2)


@dataclass(frozen=True)
class Reader:
    """good(folder): files that it takes.  read(path): raises UserError or nothing.  odd: a strategy
    of damage beside ``damaged``, given the good files."""

    suffix: str
    good: Callable[[Path], list[bytes]]
    read: Callable[[Path], Any]
    odd: Callable[[list[bytes], str], Any] | None = None


def network(folder: Path) -> list[bytes]:
    random_network(NetworkConfig(**SMALL), lanes=8).save(folder / "n.safetensors")
    other = NetworkConfig(**SMALL, encoder_channels=2, head="avgpool_fc")
    random_network(other, lanes=8).save(folder / "m.safetensors")
    return [(folder / name).read_bytes() for name in ("n.safetensors", "m.safetensors")]


def model(folder: Path) -> Path:
    torch.manual_seed(1)
    path = folder / "f.safetensors"
    save_dense(path, backbones.build(FloatConfig(**SMALL)), {})
    return path


def authors_file(folder: Path) -> list[bytes]:
    path = folder / "a.pth.tar"
    example.write(path, example.spikingformer(1, 32, 4, timesteps=2, classes=5, size=8))
    weights = torch.load(path, weights_only=False)["state_dict"]
    weights = {name: weights[name][:1].clone() for name in list(weights)[:4]}
    found = []
    for new in (True, False):  # zip files, and the pickles of old versions
        stream = io.BytesIO()
        torch.save({"state_dict": weights}, stream, _use_new_zipfile_serialization=new)
        found.append(stream.getvalue())
    return found


def graph(folder: Path) -> list[bytes]:
    nir_export.export(model(folder), folder / "g.nir")
    return [(folder / "g.nir").read_bytes()]


def import_graph(path: Path) -> None:
    nir_import.network_of(nir_import.read(path), path, {}, path.with_name("f.safetensors"))


def own_arrays(_: Path) -> list[bytes]:
    rng, files = np.random.default_rng(1), []
    pixels, labels = rng.integers(256, size=(6, 4, 4), dtype=np.uint8), np.arange(6) % 2
    for save in (np.savez, np.savez_compressed):
        stream = io.BytesIO()
        save(stream, images=pixels, labels=labels, classes=np.array(["a", "b"]))
        files.append(stream.getvalue())
    return files


def load_own(path: Path) -> None:
    data.load(f"npz:{path}", "train")


def trace(folder: Path) -> list[bytes]:
    spikes = np.random.default_rng(1).integers(0, 2, (2, 3, 4, 4), np.uint8)
    recording.write(folder / "t.npz", [recording.Recording("a", spikes, 5, 3)])
    return [(folder / "t.npz").read_bytes()]


def text_encoder(folder: Path) -> list[bytes]:
    sizes = TextConfig(dim=8, depth=1, heads=2, mlp_ratio=1, length=4, level=4)
    encoder = QuantTextEncoder(sizes, Vocabulary(("good", "bad")))
    spikezip_checkpoint.save(folder / "e.safetensors", encoder, {})
    return [(folder / "e.safetensors").read_bytes()]


def sentences(_: Path) -> list[bytes]:
    return ["\n".join(f"caf\xe9 {i} ." for i in range(30)).encode("latin-1")]


def read_sentences(path: Path) -> None:
    for (name,) in mr.FACTS.needs:
        (path.parent / name).write_bytes(path.read_bytes())
    mr.load("train", 0, path.parent)


def idx(_: Path) -> list[bytes]:
    return [b"\0\0\x08\3" + np.array([2, 3, 3], ">u4").tobytes() + bytes(range(18))]


def read_packed_idx(path: Path) -> None:
    read_idx(path, 3)


def batch(_: Path) -> list[bytes]:
    pixels = np.zeros((2, 3072), np.uint8)
    return [dumped({b"data": pixels, b"labels": [1, 2]})]


def read_batch(path: Path) -> None:
    cifar.read(CIFAR10, path.parent.parent, "none", path.parent.name, (path.name,), b"labels")


def archive(folder: Path) -> list[bytes]:
    out, content = io.BytesIO(), batch(folder)[0]
    with tarfile.open(fileobj=out, mode="w:gz") as packed:
        member = tarfile.TarInfo("batches/x")
        member.size = len(content)
        packed.addfile(member, io.BytesIO(content))
    return [out.getvalue()]


def read_archive(path: Path) -> None:
    cifar.read(CIFAR10, path.parent, path.name, "batches", ("x",), b"labels")


def pictures(_: Path) -> list[bytes]:
    pixels, files = np.random.default_rng(1).integers(256, size=(9, 7, 4), dtype=np.uint8), []
    for kind, mode in (
        ("PNG", "RGBA"),
        ("PNG", "L"),
        ("PNG", "P"),
        ("PNG", "I;16"),
        ("JPEG", "RGB"),
    ):
        stream = io.BytesIO()
        Image.fromarray(pixels).convert("RGB").convert("L" if "I" in mode else mode).convert(
            mode if mode != "I;16" else "I;16").save(stream, kind)  # fmt: skip
        files.append(stream.getvalue())
    return files


def configurations(_: Path) -> list[bytes]:
    return [(CONFIGS / name).read_bytes() for name in ("default.toml", "cifar10/dense.toml")]


def read_configuration(path: Path) -> None:
    settings.load(path, RunConfig)


READERS = {
    "network": Reader(".safetensors", network, QuantNetwork.load,
                      lambda good, _: damage.safetensors(good)),
    "float checkpoint": Reader(".safetensors", lambda folder: [model(folder).read_bytes()],
                               load_dense, lambda good, _: damage.safetensors(good)),
    "text encoder": Reader(".safetensors", text_encoder, spikezip_checkpoint.load,
                           lambda good, _: damage.safetensors(good)),
    "sentences": Reader("", sentences, read_sentences),
    "authors' checkpoint": Reader(".pth", authors_file, authors.read, damage.pickles),
    "NIR graph": Reader(".nir", graph, import_graph),
    "arrays": Reader(".npz", own_arrays, load_own, lambda good, _: damage.npz(good)),
    "trace": Reader(".npz", trace, recording.read, lambda good, _: damage.npz(good)),
    "IDX": Reader("-idx3-ubyte", idx, read_packed_idx),
    "packed IDX": Reader("-idx3-ubyte.gz", lambda folder: [gzip.compress(idx(folder)[0])],
                         read_packed_idx),
    "CIFAR batch": Reader("", batch, read_batch, damage.pickles),
    "CIFAR archive": Reader(".tar.gz", archive, read_archive),
    "image": Reader(".png", pictures, read_image),
    "settings": Reader(".toml", configurations, read_configuration,
                       lambda good, _: damage.toml(good)),
}  # fmt: skip
