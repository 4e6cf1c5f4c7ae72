# SPDX-License-Identifier: Apache-2.0
"""The pictures of the report on tiny networks: nothing that is written lies on something else."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from golden.lab.report import plot
from golden.lab.report.build import SECTIONS
from golden.lab.report.inputs import Inputs
from golden.lab.train import source
from golden.tests.report_inputs import COUNT, fill, load


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    fill(root)
    found = Inputs(root, root / "cache", COUNT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "load", load)
        assert found.networks
    return found


def test_apart():
    """As near as possible to what is wanted, and never nearer to each other than the room."""
    assert plot.apart([0.0, 0.5, 1.0], 0.1) == [0.0, 0.5, 1.0]
    assert plot.apart([0.5, 0.5], 0.2) == pytest.approx([0.4, 0.6])
    assert plot.apart([0.1, 0.5, 0.5, 0.55], 0.2) == pytest.approx([0.1, 0.3167, 0.5167, 0.7167],
                                                                   abs=1e-4)  # fmt: skip
    rng = np.random.default_rng(4)
    for _ in range(50):
        wanted = np.sort(rng.random(9)).tolist()
        found = plot.apart(wanted, 0.07)
        assert np.min(np.diff(found)) >= 0.07 - 1e-9
        assert np.mean(found) == pytest.approx(np.mean(wanted))


@pytest.mark.parametrize("section", SECTIONS)
def test_labels_do_not_overlap(inputs, section, monkeypatch):
    """No two texts of a picture lie on each other, as the page shows them; on the real report the
    pictures were looked at."""
    found = SECTIONS[section].section(inputs)
    drawn, draw = [], Text.draw
    monkeypatch.setattr(Text, "draw", lambda text, *given: (drawn.append(text), draw(text, *given)))
    if section == "networks":
        found.pictures.append(close_by(found.pictures[0]))
    for picture in found.pictures:
        drawn.clear()
        figure = Figure(figsize=picture.size, layout="constrained", dpi=plot.DPI)
        FigureCanvasAgg(figure)
        picture.draw(figure, picture.data)
        figure.canvas.draw()
        texts = {id(text): text for text in drawn if text.get_visible() and text.get_text()}
        boxes = [(text, corners(text)) for text in texts.values()]
        assert boxes, picture.name
        for number, (one, first) in enumerate(boxes):
            for other, second in boxes[:number]:
                assert not cross(first, second), (picture.name, one, other)


def close_by(picture):
    """Eleven networks of nearly one accuracy and energy."""
    row = {"energy": 2e6, "data": "fashion_mnist", "group": "backbone"}
    data = {f"network_{i}": row | {"accuracy": 0.8 + i % 4 / 1e4} for i in range(11)}
    return replace(picture, data=data)


def corners(text):
    """(4, 2) of a text as it is drawn, turned by its angle."""
    renderer = text.figure.canvas.get_renderer()
    angle, place = text.get_rotation(), text.get_transform().transform(text.get_unitless_position())
    text.set_rotation(0)
    box = Text.get_window_extent(text, renderer)  # of an annotation without its line
    box = box.shrunk(0.98, 0.7)  # the letters, without their leading
    text.set_rotation(angle)
    mode = text.get_rotation_mode()
    turn = np.deg2rad(angle)
    points = box.corners()[[0, 1, 3, 2]]
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    assert mode == "anchor" or angle % 90 == 0, text
    return (points - place) @ matrix.T + place


def cross(one, other):
    """Whether two rectangles share a point: no side of either has them on two sides of it."""
    for shape in (one, other):
        for side in np.roll(shape, -1, 0) - shape:
            normal = np.array([-side[1], side[0]])
            a, b = one @ normal, other @ normal
            if a.max() <= b.min() or b.max() <= a.min():
                return False
    return True
