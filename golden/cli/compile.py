# SPDX-License-Identifier: Apache-2.0
"""``psf compile``: images for the hardware and everything it must answer, and
``psf check``: would the hardware take these images?"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from golden.contract.errors import UserError
from golden.contract.narrow import narrow
from golden.contract.network import QuantNetwork
from golden.contract.progress import over
from golden.contract.silence import warn
from golden.hardware import isa
from golden.hardware.check import check_program, from_capabilities
from golden.hardware.compile.package import c_source, hexadecimal, package
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.hardware.execute.expected import expectations
from golden.lab.data import shown

FORMS = {
    "bin": lambda whole: whole,
    "c": lambda whole: c_source(whole, "psf_network").encode(),
    "hex": lambda whole: hexadecimal(whole).encode(),
}


def vectors(
    checkpoint: Path,
    hardware: str,
    images: int,
    out: Path,
    coded: bool = True,
    data: str = "",
    forms: Sequence[str] = (),
    effort: float = 0,
    batch: int = 1,
) -> str:
    """Write program, weights, packed images and the expected trace to the folder ``out``.

    Per image, or batch of images, ``image<i>.bin`` is what IMAGE_BASE points to and
    ``expected<i>.npz`` holds, per hardware layer, ``<name>.value`` and ``<name>.spikes`` (units,
    steps, words, lanes), and ``logits`` and ``label``, those of a batch (images, classes) and
    (images,). manifest.json has the shapes and checksums. ``coded``: code the loads that can be
    coded. ``data``: in place of the data set that the network was trained on. ``forms``: of
    :data:`FORMS`, for the driver in sw/, each one file with all of it. ``effort``: seconds to look
    for a better program. ``batch``: images of a job, 0 for as many as take the
    fewest cycles each. Returns what to print.
    """
    network = QuantNetwork.load(checkpoint)
    warn(network)
    program = compile_network(
        network, Hardware.named(hardware), coded=coded, effort=effort, images=batch or None
    )
    test = shown(network.config, network.provenance.get("data", {}), data, count=images)
    files = {}
    useful, logits = [], []
    each = program.images
    jobs = [test.images[i : i + each] for i in range(0, len(test.images), each)]
    for i, job in enumerate(over(jobs, "compiling", "jobs", len(jobs))):
        (expected,) = expectations(program, network, job)
        arrays = {"logits": expected.logits, "label": np.int64(expected.label)}
        if each > 1:
            labels, stored = zip(*expected.stored, strict=True)
            arrays = {"logits": np.stack(stored), "label": np.array(labels, np.int64)}
        for compiled, layer in zip(program.layers, expected.layers, strict=True):
            name = f"{compiled.name}.value"
            arrays[name] = narrow(layer.value, np.int32, name)
            if layer.spikes is not None:
                arrays[f"{compiled.name}.spikes"] = layer.spikes
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        files[f"image{i}.bin"] = program.pack_images(job)
        files[f"expected{i}.npz"] = buffer.getvalue()
        useful.append([layer.useful for layer in expected.layers])
        logits.append(arrays["logits"])
    if forms:
        whole = package(program, [files[f"image{i}.bin"] for i in range(len(logits))], logits)
        files |= {f"network.{form}": FORMS[form](whole) for form in forms}
    program.save(
        out,
        files,
        checkpoint=str(checkpoint),
        labels=[int(x) for x in test.labels],
        useful_adds=useful,
    )
    found = "" if program.search is None else f"{program.search}\n"
    return (
        f"{found}{out}: {images} images for {hardware}"
        f"{f' in jobs of {each}' if each > 1 else ''}, {len(program.layers)} layers, "
        f"PROGRAM_COUNT {program.count}"
    )


def check(
    program: Path, hardware: str, capabilities: str | None, count: int | None, weights: Path | None
) -> str:
    """Hold a program file (and its weight image) against hardware by name, or against the words of
    the registers CAP0 to CAP6, separated by commas. Returns one line to print.
    """
    data = _read(program)
    count = len(data) // isa.DESCRIPTOR_BYTES if count is None else count
    target = Hardware.named(hardware)
    if capabilities is not None:
        try:
            target = from_capabilities([int(word, 0) for word in capabilities.split(",")])
        except ValueError:
            raise UserError(
                f"--capabilities '{capabilities}' is not seven numbers with commas between, as in "
                "0x08081004,..."
            ) from None
    check_program(target, data, count, None if weights is None else _read(weights))
    return f"{program}: {count} descriptors, legal on hardware {target.name}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); write it with `make vectors`"
        ) from None
