# SPDX-License-Identifier: Apache-2.0
"""Pictures to PNG without a display."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

DPI = 100


def png(
    draw: Callable[[Figure, dict[str, Any]], None], data: dict[str, Any], size: tuple[float, float]
) -> bytes:
    """The picture that `draw` makes of `data`; size in inches."""
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure, data)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DPI)
    return stream.getvalue()
