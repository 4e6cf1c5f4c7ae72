# SPDX-License-Identifier: Apache-2.0
"""The library on the RTL: what it returns is the RTL's and equals the golden model."""

import re

import pytest
from PIL import Image

from golden import api
from golden.cli.main import main
from golden.contract.random_network import random_images, random_network
from tb.system.run import SMALL


@pytest.mark.long
def test_simulate_and_classify(tmp_path, capsys):
    network = random_network(SMALL, 4, lanes=8)
    network.provenance["data"] = {"classes": [f"class {i}" for i in range(10)]}
    network.save(tmp_path / "net.safetensors")
    images = random_images(SMALL, 2, 4)
    trace = api.forward(network, images)
    found = api.simulate(network, images, "2x8", trace.label, seed=1)
    assert found.mismatches == 0 and found.messages == ()
    assert (found.labels == trace.label).all() and (found.logits == trace.logits).all()
    assert (found.cycles > 500).all() and found.figures["correct"] == 2

    path = tmp_path / "one.png"
    Image.fromarray(images[1, 0]).save(path)
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["classify", str(path), "--checkpoint", str(tmp_path / "net.safetensors"), "--rtl",
              "--config", "2x8"])  # fmt: skip
    assert ended.value.code == 0
    line = capsys.readouterr().out
    told = re.search(rf"class {trace.label[1]}  ([\d,]+) cycles  logits class 0 ", line)
    assert told, line
    took = int(told[1].replace(",", ""))  # the arbiter's turn at the start may be another
    assert abs(took - found.cycles[1]) <= 0.01 * took


def test_a_mismatch_is_told(monkeypatch, tmp_path):
    """An RTL that answers otherwise: the run stops, and says so."""
    network = random_network(SMALL, 4, lanes=8)
    images = random_images(SMALL, 2, 4)
    answer = {"label": None, "rtl": 7, "golden": 1, "cycles": 900, "useful": 50,
              "pattern_adds": 50, "logits": []}  # fmt: skip
    results = {
        "images": [answer], "layers": [], "mismatches": 2, "messages": ["image 0: result"],
        "sim_cycles": 1, "wall_s": 1, "cpu_s": 1, "folder": str(tmp_path),
    }  # fmt: skip
    monkeypatch.setattr("tb.system.run.run_system", lambda *_a, **_k: results)
    found = api.simulate(network, images, "2x8")
    assert found.mismatches == 2 and found.messages == ("image 0: result",)
    assert found.labels.tolist() == [7] and found.logits.shape == (1, 10)
