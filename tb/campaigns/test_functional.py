# SPDX-License-Identifier: Apache-2.0
"""Functional coverage counts what ran, and only that."""

from collections import Counter

from golden.contract.random_network import random_network
from golden.hardware import isa
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from tb.campaigns import functional
from tb.lib import functional_coverage as model
from tb.system.run import SMALL, run_small


def hits():
    model.samplers()
    items = (k for k, v in model.coverage_db.items() if hasattr(v, "_hits"))
    return {name: dict(model.coverage_db[name].detailed_coverage) for name in items}


def test_of_a_program():
    """Every completed layer and load once, by its mode or target, with the right neighbours."""
    hardware = Hardware.named("2x8")
    program = compile_network(random_network(SMALL, 1, "rows"), hardware).program
    layers = [f for op, f in model.descriptors(program) if op == isa.OP_LAYER]
    loads = [f for op, f in model.descriptors(program) if op == isa.OP_LOAD]
    before = hits()
    context = model.Context(stalls=True, queued=False, hardware="2x8")
    model.completed(program, len(layers) - 1, 3, context)
    model.failed(program, isa.ERROR_PARITY, 0, context)
    new = {k: Counter(v) - Counter(before[k]) for k, v in hits().items()}
    want = Counter(model.MODES[f["mode"]] for f in layers[:-1])
    assert new["layer.mode"] == want and new["layer.pace"] == {"stalls": want.total()}
    assert new["load.target"] == Counter(model.TARGETS[f["target"]] for f in loads[:3])
    shifts = Counter(f["shift"] for f in layers[:-1] if f["mode"] == isa.MODE_RESIDUAL)
    assert new["layer.field.shift"].total() == shifts.total() > 0
    assert set(new["layer.cross.kernel3"]) == {
        (model.MODES[f["mode"]], str(f["kernel3"]), "stalls")
        for f in layers[:-1]
        if f["mode"] != isa.MODE_KEY_VALUE
    }
    place = model.TARGETS[loads[0]["target"]]
    assert new["error.of"] == {("parity", place, "stalls"): 1}


def test_bins_cover_what_is_legal():
    """Each legal value lies in one bin; nothing else lies in any."""
    for descriptor in model.table.DESCRIPTORS:
        for field in descriptor.fields:
            least, most = model.LEGAL.get(field.name, (0, model.ANY))
            for value in {*range(300), least, (1 << min(field.bits, 16)) - 1}:
                found = sum(a <= value <= b for a, b in model.bins(field))
                legal = least <= value <= most and value < 1 << field.bits
                assert found == legal or (found and field.bits > 8), (field.name, value)


def test_of_a_simulation(tmp_path, monkeypatch):
    """A simulation leaves what it met: jobs of a ring, no error, one hardware."""
    monkeypatch.setenv(model.FOLDER, str(tmp_path))
    run_small("tb.system.test_jobs", "per_job")
    (path,) = tmp_path.glob("*.xml")
    data = functional.figures(items := functional.read(path))
    found = {item.name: item.hits for item in items}
    assert found["layer.start"]["ring"] > 0 and found["layer.mode"]["key_value"] > 0
    assert data["kinds"]["error"] == [0, sum(len(v) for k, v in found.items() if "error" in k)]
    assert found["layer.hardware"]["4x32"] == 0 < found["layer.hardware"]["2x8"]
    assert "4x32" in data["missed"]["layer.hardware"]
    assert data["reached"] == sum(hits > 0 for item in found.values() for hits in item.values())
