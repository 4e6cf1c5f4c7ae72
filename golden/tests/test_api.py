# SPDX-License-Identifier: Apache-2.0
"""The library without a simulator (tb/measure/test_api.py has that), and `psf classify`."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from golden import api
from golden.cli.main import main
from golden.contract.errors import UserError
from golden.contract.network import NetworkConfig
from golden.contract.paths import ROOT
from golden.contract.random_network import random_images, random_network

CONFIG = NetworkConfig(
    depth=1, dim=16, heads=2, timesteps=2, height=8, width=8, mlp_ratio=1, classes=3
)


@pytest.fixture
def network(tmp_path):
    network = random_network(CONFIG, seed=2, lanes=8)
    network.provenance["data"] = {"name": "nowhere", "classes": ["ape", "bee", "cow"]}
    network.save(tmp_path / "net.safetensors")
    return api.load(tmp_path / "net.safetensors")


def save(path, array):
    Image.fromarray(array if array.ndim == 2 else array.transpose(1, 2, 0)).save(path)
    return path


def test_importing_it_is_quick():
    code = (
        "import sys, golden.api; heavy = {'torch', 'PIL', 'cocotb', 'typer', 'matplotlib'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_example_of_the_reference(capsys):
    page = (ROOT / "docs/reference/python_api.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    exec(compile(code, "python_api.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "['Boot', 'Pullover'] (2, 10)" and lines[1] == "(2, 4, 49, 64)"
    assert lines[-1] == "0 spikes differ"
    for name in api.__all__:
        assert f"`{name}" in page or f"`{name.lower()}" in page, name


def test_forward_compile_estimate(network):
    images = random_images(CONFIG, 3, 1)
    trace = api.forward(network, images)
    assert trace.logits.shape == (3, 3) and (trace.label == trace.logits.argmax(1)).all()
    program = api.compile(network, "2x8")
    assert program.hardware.name == "2x8" and program.count > 5
    found = api.estimate(network, images, "2x8")
    assert len(found) == 3 and all(one.total > one.start > 0 for one in found)
    with pytest.raises(UserError, match="'wide' is not known"):
        api.compile(network, "wide")


def test_compare_finds_the_first_difference(network):
    trace = api.forward(network, random_images(CONFIG, 2, 1))
    assert all(row.different == 0 and row.first is None for row in api.compare(trace, trace))
    wrong = trace.spike["blocks.0.q"].copy()
    wrong[1, 0, 2, 3] ^= 1
    wrong[1, 1, 0, 0] ^= 1
    (row,) = api.compare(trace, {"blocks.0.q": wrong})
    assert (row.layer, row.values, row.different) == ("blocks.0.q", wrong.size, 2)
    assert row.first == (1, 0, 2, 3)
    with pytest.raises(UserError, match=r"no layer 'q' fires; known are tokenizer.0"):
        api.compare(trace, {"q": wrong})
    with pytest.raises(UserError, match="have shape"):
        api.compare(trace, {"blocks.0.q": wrong[:1]})


def test_images_are_brought_to_the_input(network, tmp_path):
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    same = save(tmp_path / "same.png", grey)
    colour = save(tmp_path / "colour.png", np.stack([grey * 0 + 250, grey, grey]))
    large = save(tmp_path / "large.png", np.kron(grey, np.ones((3, 3), np.uint8)))
    images, changed = api.read_images(network, [same, str(colour), large])
    assert images.dtype == np.uint8 and images.shape == (3, 1, 8, 8)
    assert changed == ("", "8x8 colour -> 8x8 grey", "24x24 grey -> 8x8 grey")
    assert (images[0, 0] == grey).all()
    luma = np.rint(0.299 * 250 + 0.701 * grey)
    assert np.abs(images[1, 0] - luma).max() <= 1
    assert np.abs(images[2, 0].astype(int) - grey).max() <= 2
    wide = save(tmp_path / "wide.png", np.zeros((8, 17), np.uint8))
    with pytest.raises(UserError, match=r"wide.png is 8x17 grey, the network takes 8x8 grey"):
        api.read_images(network, [wide])
    api.read_images(network, [save(wide, np.zeros((8, 16), np.uint8))])
    with pytest.raises(UserError, match="no image to read"):
        api.read_images(network, [])
    events = random_network(
        NetworkConfig(**vars(CONFIG) | {"in_channels": 2, "input_timesteps": 2}), lanes=8
    )
    with pytest.raises(UserError, match="takes 2 frames of 2 channels, not an image"):
        api.read_images(events, [same])


def test_names_of_classes(network):
    assert api.classes(network) == ("ape", "bee", "cow")
    assert api.classes(random_network(CONFIG)) == ("0", "1", "2")


def run(capsys, *line):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in line])
    return ended.value.code, *capsys.readouterr()


def test_classify(network, tmp_path, capsys, monkeypatch):
    images = random_images(CONFIG, 2, 5)
    paths = [save(tmp_path / f"{i}.png", image[0]) for i, image in enumerate(images)]
    trace = api.forward(network, images)
    line = ("classify", *paths, "--checkpoint", tmp_path / "net.safetensors")
    out = tmp_path / "answers.json"
    code, text, _ = run(capsys, *line, "--out", out)
    assert code == 0
    names, rows = ("ape", "bee", "cow"), text.splitlines()
    for i, row in enumerate(rows[:2]):
        logits = ", ".join(f"{n} {v}" for n, v in zip(names, trace.logits[i], strict=True))
        assert row == f"{paths[i]}  {names[trace.label[i]]}  logits {logits}"
    found = json.loads(out.read_text())
    assert [x["logits"] for x in found["images"]] == trace.logits.tolist()

    def simulate(network, images, hardware, **options):
        assert hardware == "2x8" and options == {"sim": "icarus"}
        logits = trace.logits[:, ::-1]
        return api.Simulation(logits.argmax(1), logits, np.array([70, 80]), 3, ("bad",), {})

    monkeypatch.setattr(api, "simulate", simulate)
    code, text, error = run(capsys, *line, "--rtl", "--config", "2x8", "--sim", "icarus")
    assert code == 1 and "differs from the golden model in 3 places" in error
    assert f"{names[2 - trace.label[0]]}  70 cycles  logits ape {trace.logits[0, 2]}" in text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "does not exist"), (b"GIF89a", "cannot be read as PNG or JPEG")],
)
def test_images_that_cannot_be_classified(network, tmp_path, capsys, content, sentence):
    path = tmp_path / "one.png"
    if content is not None:
        path.write_bytes(content)
    line = ("classify", path, "--checkpoint", tmp_path / "net.safetensors")
    code, text, error = run(capsys, *line)
    assert code == 2 and not text and error.count("\n") == 1
    assert "one.png" in error and sentence in error
