# SPDX-License-Identifier: Apache-2.0
"""The report on tiny networks: self-contained, every number in report.json, absent inputs named."""

from __future__ import annotations

import base64
import csv
import json
import re
import shutil
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from golden.contract.energy.synaptic import AC, MAC
from golden.contract.errors import UserError
from golden.contract.network import NetworkConfig as IntegerConfig
from golden.contract.random_network import random_network
from golden.lab.report import lanes, measure, values, zoo
from golden.lab.report.build import SECTIONS, report
from golden.lab.report.inputs import Inputs
from golden.lab.train import source
from golden.lab.train.checkpoint import load_dense
from golden.lab.train.evaluate import firing_rates
from golden.tests.report_inputs import COUNT, NETWORKS, fill, load, write
from golden.tests.tiny_networks import all_spikes


class Page(HTMLParser):
    """sources: of all images.  numbers: cells, by section.  absent: paragraphs."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.sources, self.links, self.numbers = set(), [], [], {}
        self.section, self.cell, self.absent = None, False, 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.add(tag)
        self.sources += [found["src"]] if "src" in found else []
        self.links += [found["href"]] if "href" in found else []
        self.section = found["id"] if tag == "section" else self.section
        self.cell = tag == "td" and found.get("class") == "number"
        self.absent += found.get("class") == "absent"

    def handle_data(self, text):
        if self.cell and text != "–":
            self.numbers.setdefault(self.section, []).append(text)
        self.cell = False


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(root, page, report.json) of everything."""
    root = tmp_path_factory.mktemp("root")
    fill(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "load", load)
        report(root / "out", root / "report.json", COUNT, "golden report", root, root / "cache")
    html = (root / "out/index.html").read_text()
    return root, html, json.loads((root / "report.json").read_text())


def test_self_contained(made):
    root, html, _ = made
    page = Page(html)
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    beside = {link for link in page.links if not link.startswith("#")}
    assert beside == {path.name for path in (root / "out").iterdir()} - {"index.html", ".psf.json"}
    assert not page.tags & {"script", "link", "iframe", "object", "base"}
    assert not re.search(r"https?:|@import|url\(", html)
    pictures = [base64.b64decode(source.partition(",")[2]) for source in page.sources]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert sorted(pictures) == sorted(path.read_bytes() for path in (root / "out").glob("*.png"))
    assert len(pictures) >= len(SECTIONS)


def leaves(value):
    """All numbers of a JSON value."""
    if isinstance(value, dict | list):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from leaves(entry)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def test_pictures_are_pdfs_too(made):
    root, _, figures = made
    names = {name for s in figures["sections"].values() for name in s["pictures"]}
    assert names == {path.stem for path in (root / "out").glob("*.pdf")}
    for path in (root / "out").glob("*.pdf"):
        content = path.read_bytes()
        assert content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")
        assert b"/Subtype /Image" not in content or path.stem == "pe_load"  # lines, not pixels


def lines(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_csv_of_tables(made):
    """Every row of report.json, every key a column, numbers without loss."""
    root, _, figures = made
    tables = {}
    for section in figures["sections"].values():
        tables |= section["tables"]
    assert tables.keys() == {
        path.stem.removeprefix("table_") for path in (root / "out").glob("table_*.csv")
    }
    for name, rows in tables.items():
        found = lines(root / f"out/table_{name}.csv")
        wanted = [{k: "" if v is None else str(v) for k, v in row.items()} for row in rows]
        filled = [{key: row.get(key, "") for key in found[0]} for row in wanted]
        assert found == filled and all(row.keys() <= found[0].keys() for row in rows), name


def test_csv_of_pictures(made):
    """Its numbers are those of report.json, each behind the keys that lead to it there."""
    root, _, figures = made
    for section in figures["sections"].values():
        for name, data in section["pictures"].items():
            found = lines(root / f"out/{name}.csv")
            assert found, name
            for line in found:
                value = line.pop("value")
                there = data
                for key in (key for key in line.values() if key):
                    there = there[int(key) if isinstance(there, list) else key]
                assert value == ("" if there is None else str(there)), (name, line)
            numbers = Counter(map(str, leaves(data)))
            with (root / f"out/{name}.csv").open(newline="") as stream:
                told = Counter(row[-1] for row in csv.reader(stream))
            assert numbers <= told, name


def test_every_number_has_its_command(made):
    """A section says which commands made it, or its tables do, row by row."""
    _, html, figures = made
    for name, section in figures["sections"].items():
        told = any("command" in row for rows in section["tables"].values() for row in rows)
        assert section["made"] or told, name
        for command in section["made"]:
            assert f"<code>{command}</code>" in html


def test_tables_do_not_widen_the_page(made):
    """Each is alone in a box that scrolls by itself."""
    html = made[1]
    assert html.count("<table>") == html.count('<div class="wide"><table>') > 10
    assert re.search(r"\.wide \{[^}]*overflow-x: auto", html)
    assert re.search(r"body \{[^}]*overflow-wrap: anywhere", html)


def test_every_number_of_the_page_is_in_report_json(made):
    _, html, figures = made
    page = Page(html)
    assert set(page.numbers) == set(SECTIONS) == set(figures["sections"])
    for section, cells in page.numbers.items():
        known = np.array(list(leaves(figures["sections"][section])))
        for cell in cells:
            value = float(cell.replace(",", ""))
            mantissa, _, exponent = cell.partition("e")
            digits = len(mantissa.partition(".")[2]) - int(exponent or 0)
            near = [np.abs(known * scale - value) for scale in (1, 100, 1e-6)]
            assert np.min(near) <= 0.5001 * 10.0**-digits, (section, cell)


def test_networks(made):
    root, _, figures = made
    tables = figures["sections"]["networks"]["tables"]
    (seeds,) = tables.pop("seeds")
    assert (seeds["network"], seeds["seeds"]) == ("spikformer", "1, 3")
    pair = 0.5 + 1 / 32, 0.5 + 3 / 32
    assert (seeds["accuracy_least"], seeds["accuracy_most"]) == pair
    assert seeds["accuracy"] == pytest.approx(0.5 + 2 / 32)
    made_by = {row["network"]: row for row in tables.pop("trainings")}
    rows = {row["network"]: row for rows in tables.values() for row in rows}
    assert made_by.keys() == rows.keys()
    assert made_by["spikformer"]["command"] == "train spikformer"
    assert set(rows) == {name.rpartition("/")[2] for name in NETWORKS}
    assert {row["network"] for row in tables["networks_head"]} == {
        "head_sn_fc_avgpool", "head_fc_avgpool"
    }  # fmt: skip
    assert rows["dense"]["accuracy"] == 0.5 and rows["dense"]["command"] == "train dense"
    assert rows["spikformer"]["kind"] == "spikformer-1-16"
    assert rows["spikformer"]["seed"] == 1 and rows["spikformer"]["encoder"] == "direct"
    assert rows["encoder_rate"]["encoder"] == "rate"
    assert rows["spikingformer_events"]["encoder"] == "none"
    model = load_dense(root / "golden/checkpoints/dense.safetensors")
    assert rows["dense"]["parameters"] == sum(p.numel() for p in model.parameters())
    first = 28 * 28 * 9 * 2
    assert rows["dense"]["mac"] == first
    assert rows["encoder_rate"]["mac"] == 0
    for row in rows.values():
        if row["network"] != "spikingformer_elsewhere":
            assert row["energy"] == pytest.approx(row["mac"] * MAC + row["sop"] * AC)
    tokens = 7 * 7
    assert rows["head_fc_avgpool"]["mac"] == first + tokens * 2 * 16 * 10
    assert rows["head_sn_fc_avgpool"]["mac"] == first


def test_rates_are_those_of_the_network(made):
    root, _, figures = made
    pictures = figures["sections"]["firing"]["pictures"]
    model = load_dense(root / "golden/checkpoints/dense.safetensors")
    images = torch.from_numpy(load("fashion_mnist", "test").images[:COUNT])
    wanted = firing_rates(model, images)
    got = pictures["firing_fashion_mnist"]["dense"]
    assert got == pytest.approx(wanted, abs=1e-6) and max(wanted.values()) > 0
    spikes = all_spikes(model, images / 255)[1].values()
    mean = sum(float(x.detach().sum()) for x in spikes) / sum(x.numel() for x in spikes)
    table = figures["sections"]["networks"]["tables"]["networks_backbone"]
    assert table[0]["mean_rate"] == pytest.approx(mean) and table[0]["network"] == "dense"
    assert next(iter(got)) == "tokenizer.lifs.0" and list(got)[-1] == "head.lif"
    assert set(pictures["firing_means"]) == {"fashion_mnist", "events_fashion_mnist"}
    assert set(pictures["firing_fashion_mnist"]) == {"dense", "spikformer", "spikformer_again"}
    frames = load("events_fashion_mnist", "test").images[:COUNT]
    found = measure.run(
        load_dense(root / "golden/checkpoints/zoo/spikingformer_events.safetensors"),
        torch.from_numpy(frames),
    )
    assert found.input_rate == pytest.approx((frames != 0).mean()) and found.input_binary


def test_inputs_of_convolutions(made):
    figures = made[2]["sections"]["values"]
    kinds = {row["network"]: row for row in figures["tables"]["input_kinds"]}
    assert kinds["dense"]["integer"] == 0 and kinds["dense"]["real"] == 1  # the image
    assert kinds["spikformer"]["integer"] > 0
    blocks = figures["pictures"]["input_values_fashion_mnist"]["dense"]
    assert list(figures["pictures"]["input_values_events_fashion_mnist"]) == [
        "spikingformer_events"
    ]  # fmt: skip
    assert list(blocks) == ["first layer", "tokenizer", "blocks.0", "head"]
    assert blocks["first layer"]["kind"] == "real" and blocks["tokenizer"]["kind"] == "binary"


def test_curves_of_spiking_networks(made):
    """Images and text in a section each."""
    _, html, told = made
    for name, network, what in (
        ("spikezip", "bit4", "77 test images"), ("spikezip_text", "mr", "78 test sentences"),
    ):  # fmt: skip
        found = told["sections"][name]
        (row,) = found["tables"][name]
        assert row["network"] == network and row["last"] == 0.84375
        assert row["within"] == 3  # 0.84375 is the first within a point of 0.85
        assert found["pictures"][name][network]["accuracy"] == [0.125, 0.5, 0.84375]
        assert what in html


def test_blocks_add_up():
    one = {"kind": "binary", "integers": [3, 1], "reals": [], "edges": [-8, 8]}
    two = {"kind": "integer", "integers": [1, 1, 2], "reals": [], "edges": [-8, 8]}
    three = {"kind": "real", "integers": [4, 0], "reals": [0, 4], "edges": [-8, 8]}
    layers = {"stem": three, "blocks.0.q": one, "blocks.0.mlp.1": two, "blocks.1.q": one}
    blocks = values.by_block(layers, ["stem"])
    assert list(blocks) == ["first layer", "blocks.0", "blocks.1"]
    assert blocks["blocks.0"]["integers"] == [4, 2, 2] and blocks["blocks.0"]["kind"] == "integer"
    assert values.shares(three) == {"zeros": 0.5, "ones": 0.0, "more": 0.0, "others": 0.5}


def test_lanes():
    """Against counting one by one; a layer with as many weights everywhere has no idle lane."""
    network = random_network(IntegerConfig(depth=1, dim=32, heads=2), 4, sparsity="unstructured")
    found = lanes.work(network, 16)
    block = network.blocks[0]
    wanted = np.zeros((32, 16), int)
    for weight in (block.q.weight, block.k.weight, block.v.weight):
        for output, row in np.argwhere(weight):
            wanted[row, output % 16] += 1
    assert (found["blocks.0.qkv"] == wanted).all() and wanted.sum() > 0
    patch = np.zeros((9 * 32, 16), int)
    for output, channel, y, x in np.argwhere(network.patch.weight):
        patch[(3 * y + x) * 32 + channel, output % 16] += 1
    assert (found["tokenizer.4"] == patch).all()
    assert lanes.cost(np.array([[2, 2], [1, 1]])) == {"weights": 6, "cycles": 3, "idle": 0}
    assert lanes.cost(np.array([[4, 0], [1, 1]]))["idle"] == 1 - 6 / 10


def test_absent_inputs_are_named(made):
    _, html, figures = made
    absent = figures["sections"]["networks"]["absent"]
    assert [entry["what"] for entry in absent] == [
        "what spikingformer_elsewhere does on cifar10: "
        "CIFAR-10 is not there: put it into the folder"
    ]
    assert Page(html).absent == 1


def test_nothing_there(tmp_path, capsys):
    (tmp_path / "golden/configs/zoo").mkdir(parents=True)
    (tmp_path / "golden/configs/zoo/sdt.toml").touch()
    places = {"root": tmp_path, "cache": tmp_path / "cache"}
    sections = report(tmp_path / "out", tmp_path / "report.json", COUNT, **places)
    html, printed = (tmp_path / "out/index.html").read_text(), capsys.readouterr().out
    for name, section in sections.items():
        assert section.absent and not section.pictures and not section.tables, name
        for entry in section.absent:
            assert f"<code>{entry.command.replace('<', '&lt;').replace('>', '&gt;')}</code>" in html
            assert entry.what in printed and entry.command in printed
    commands = [entry.command for entry in sections["networks"].absent]
    assert any("--config golden/configs/zoo/sdt.toml" in command for command in commands)


def test_second_run_reads_the_cache(made, monkeypatch):
    root, _, figures = made
    monkeypatch.setattr(source, "load", lambda *_, **_o: pytest.fail("measured again"))
    (root / "golden/checkpoints/zoo/spikingformer_elsewhere.safetensors").unlink()
    found = {n.name: n.measured for n in Inputs(root, root / "cache", COUNT).networks}
    assert (
        found["dense"]["rates"]
        == figures["sections"]["firing"]["pictures"]["firing_fashion_mnist"]["dense"]
    )
    monkeypatch.setattr(source, "load", lambda *_, **_o: (_ for _ in ()).throw(UserError("again")))
    more = Inputs(root, root / "cache", COUNT + 1).networks
    assert all(network.measured is None for network in more)


def test_measurements_of_another_machine(made, tmp_path, monkeypatch):
    """Without the data, what was recorded of a network is shown, but not of another file."""
    root = made[0]
    monkeypatch.setattr(zoo, "AT_HAND", ("fashion_mnist",))
    monkeypatch.setattr(source, "load", load)
    there = Inputs(root, root / "cache", COUNT)
    kept = zoo.record(there, "psf report", "2026-11-30")
    assert list(kept["networks"]) == ["spikingformer_events"]
    monkeypatch.setattr(source, "load", lambda *_, **_o: (_ for _ in ()).throw(UserError("none")))
    shutil.copytree(root / "golden", tmp_path / "golden")
    here = {n.name: n for n in Inputs(tmp_path, tmp_path / "cache", COUNT).networks}
    assert all(network.measured is None for network in here.values())
    write(tmp_path / "golden/results/networks.json", kept)
    name = "spikingformer_events"
    here = {n.name: n for n in Inputs(tmp_path, tmp_path / "cache", COUNT).networks}
    wanted = {n.name: n.measured for n in there.networks}[name]
    assert here[name].recorded and here[name].measured == wanted
    assert here["dense"].measured is None
    folder = tmp_path / "golden/checkpoints/zoo"
    shutil.copy(folder / "encoder_rate.safetensors", folder / f"{name}.safetensors")
    assert Inputs(tmp_path, tmp_path / "cache", COUNT).networks[-1].measured is None


@pytest.mark.parametrize(
    "name", ["pruning", "encoders", "spikes", "spikezip", "spikezip_text", "ddp"]
)
def test_damaged_results(tmp_path, name):
    path = tmp_path / f"golden/results/{name}.json"
    write(path, {"another": 1})
    with pytest.raises(UserError, match="run `psf"):
        SECTIONS[name].section(Inputs(tmp_path, tmp_path / "cache", COUNT))
    path.write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        SECTIONS[name].section(Inputs(tmp_path, tmp_path / "cache", COUNT))
