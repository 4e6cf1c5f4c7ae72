# SPDX-License-Identifier: Apache-2.0
"""Curves for TensorBoard, written at once and by this thread: a full disk is told where it is met.

torch's SummaryWriter writes from a thread of its own, which reports a failure as it likes."""

from __future__ import annotations

import io
import socket
import time
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter


class Scalars:
    """An event file in the folder ``run``; it is made with the first values."""

    def __init__(self, run: Path) -> None:
        self._path = run / f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}"

    def add(self, step: int, values: dict[str, float]) -> None:
        """Append values by name."""
        stream = io.BytesIO()
        records, now = RecordWriter(stream), time.time()
        if not self._path.exists():
            records.write(Event(wall_time=now, file_version="brain.Event:2").SerializeToString())
        summary = Summary(
            value=[Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        )
        records.write(Event(wall_time=now, step=step, summary=summary).SerializeToString())
        with self._path.open("ab") as file:
            file.write(stream.getvalue())
