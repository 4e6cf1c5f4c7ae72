# SPDX-License-Identifier: Apache-2.0
"""What the whole accelerator is given to do: a network and images, or a list of layers.

A work knows its program, what goes to the image region in every run, and what every hardware layer
must do then. The job folder of a run holds it with its compiled program, so that the bench in the
simulator has both: a run compiles once.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from golden.contract.network import QuantNetwork
from golden.hardware.compile import layer_list
from golden.hardware.compile.compiled import Program
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.hardware.execute.expected import ImageExpectation, expectations, layer_list_expectation
from golden.hardware.workload import layer as bare
from golden.hardware.workload.layer import BareLayer

PROGRAMS = "programs.pickle"  # in a job folder, which is ours alone and lives as long as the run
CHUNK = 8  # images that the golden model runs at a time


class Work(Protocol):
    """``runs`` runs of one program."""

    runs: int

    def program(self, hardware: Hardware, *, coded: bool = True) -> Program: ...

    def image(self, program: Program, run: int) -> bytes: ...

    def images_of(self, program: Program, run: int) -> range: ...

    def expected(self, program: Program, run: int) -> ImageExpectation: ...

    def save(self, folder: Path) -> None: ...


class _Compiled:
    """A work that compiles its program once for a hardware, or finds it in the job folder."""

    def __init__(self, effort: float = 0) -> None:
        self.effort = effort  # seconds of the compiler
        self._programs: dict[tuple[Hardware, bool], Program] = {}

    def compile(self, hardware: Hardware, coded: bool) -> Program:
        raise NotImplementedError

    def program(self, hardware: Hardware, *, coded: bool = True) -> Program:
        key = hardware, coded
        if key not in self._programs:
            self._programs[key] = self.compile(hardware, coded)
        return self._programs[key]

    def save(self, folder: Path) -> None:
        (folder / PROGRAMS).write_bytes(pickle.dumps(self._programs))

    def restore(self, folder: Path) -> None:
        """Take the programs that ``save`` left, in another process of the same run."""
        self._programs = pickle.loads((folder / PROGRAMS).read_bytes())


class NetworkWork(_Compiled):
    """``network`` classifies ``images`` uint8 (N, C, H, W), ``batch`` of them in a run."""

    def __init__(
        self, network: QuantNetwork, images: np.ndarray, effort: float = 0, batch: int = 1
    ):
        super().__init__(effort)
        self.network, self.images, self.batch = network, images, batch
        self.runs = -(-len(images) // batch)
        self._chunk: tuple[int, list[ImageExpectation]] = (-1, [])

    def compile(self, hardware: Hardware, coded: bool) -> Program:
        return compile_network(
            self.network, hardware, coded=coded, effort=self.effort, images=self.batch
        )

    def images_of(self, program: Program, run: int) -> range:
        return range(len(self.images))[run * self.batch : (run + 1) * self.batch]

    def image(self, program: Program, run: int) -> bytes:
        return program.pack_images(self.images[run * self.batch : (run + 1) * self.batch])

    def expected(self, program: Program, run: int) -> ImageExpectation:
        runs = max(1, CHUNK // self.batch)
        chunk = run // runs
        if chunk != self._chunk[0]:
            images = self.images[chunk * runs * self.batch : (chunk + 1) * runs * self.batch]
            self._chunk = chunk, expectations(program, self.network, images)
        return self._chunk[1][run % runs]

    def save(self, folder: Path) -> None:
        super().save(folder)
        self.network.save(folder / "network.safetensors")
        np.savez(folder / "images.npz", images=self.images, batch=self.batch)


class LayerListWork(_Compiled):
    """Independent ``layers``, ``runs`` times the same."""

    def __init__(self, layers: Sequence[BareLayer], runs: int = 1, effort: float = 0):
        super().__init__(effort)
        self.layers, self.runs = layers, runs

    def compile(self, hardware: Hardware, coded: bool) -> Program:
        return layer_list.compile_layers(self.layers, hardware, coded=coded, effort=self.effort)

    def image(self, program: Program, run: int) -> bytes:
        return layer_list.pack(program, self.layers)

    def images_of(self, program: Program, run: int) -> range:
        return range(run, run + 1)

    def expected(self, program: Program, run: int) -> ImageExpectation:
        return layer_list_expectation(program, self.layers)

    def save(self, folder: Path) -> None:
        super().save(folder)
        bare.save(folder / "layers.npz", self.layers)


def load(folder: Path, runs: int = 1) -> Work:
    """The work that ``save`` left in ``folder``; ``runs`` of a list of layers."""
    if (folder / "layers.npz").is_file():
        work: _Compiled = LayerListWork(bare.load(folder / "layers.npz"), runs)
    else:
        network = QuantNetwork.load(folder / "network.safetensors")
        saved = np.load(folder / "images.npz")
        work = NetworkWork(network, saved["images"], batch=int(saved["batch"]))
    work.restore(folder)
    return work
