# SPDX-License-Identifier: Apache-2.0
"""TensorBoard reads what a training writes for it."""

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from golden.lab.train.scalars import Scalars


def test_tensorboard_reads_them(tmp_path):
    scalars = Scalars(tmp_path)
    assert not list(tmp_path.iterdir())
    scalars.add(1, {"loss/train": 2.5, "accuracy/monitor": 0.25})
    scalars.add(2, {"loss/train": 1.5})
    found = EventAccumulator(str(tmp_path)).Reload()
    assert [(x.step, x.value) for x in found.Scalars("loss/train")] == [(1, 2.5), (2, 1.5)]
    assert [x.value for x in found.Scalars("accuracy/monitor")] == [0.25]
