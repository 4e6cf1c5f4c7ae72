# SPDX-License-Identifier: Apache-2.0
"""Trainings with a limit of time: they end at it, with the learning rate where it belongs."""

from dataclasses import replace

import pytest
import torch

from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.train import clock
from golden.lab.train.clock import Clock
from golden.lab.train.loop import CHECKPOINT, Hooks, fit, refuse_unfinished
from golden.lab.train.training_config import TrainConfig

SMALL = NetworkConfig(depth=1, dim=16, heads=2, timesteps=2)
QUICK = TrainConfig(epochs=40, batch_size=16, monitor_images=8, precision="float32")
STEPS = 3  # of an epoch: 48 images
NONE = Hooks()


class Watch:
    """time.monotonic of a watch that goes on by `tick` seconds whenever it is read."""

    def __init__(self, tick):
        self.now, self.tick = 1000.0, tick

    def monotonic(self):
        self.now += self.tick
        return self.now


def test_position(monkeypatch):
    watch = Watch(0.0)
    monkeypatch.setattr(clock, "time", watch)
    assert [Clock(100, 0).position(done) for done in (0, 7, 100)] == [0, 7, 100]
    limited = Clock(100, 2.0)
    assert limited.position(7) == 7  # ahead of the time
    watch.now += 60
    assert limited.position(7) == 50 and limited.position(70) == 70
    watch.now += 600
    assert limited.position(70) == 100
    assert Clock(100, 2.0, seconds=90.0).position(0) == 75  # before the interruption
    assert limited.seconds == 660


def trained(run, config, monkeypatch, tick, resume=False, hooks=NONE):
    monkeypatch.setattr(clock, "time", Watch(tick))
    torch.manual_seed(0)
    model = Spikingformer(SMALL)
    fit(model, config, run, resume, hooks)
    return model, torch.load(run / CHECKPOINT, weights_only=True)


def test_training_ends_with_the_time_and_the_schedule(data, tmp_path, monkeypatch):
    limited = replace(QUICK, minutes=1.0)  # 60 s; every step takes 4
    epochs = []
    hooks = Hooks(after_step=epochs.append)
    _, state = trained(tmp_path / "a", limited, monkeypatch, 4.0, hooks=hooks)
    assert 10 < len(epochs) < 16 and epochs[-1] == 40.0 and epochs == sorted(epochs)
    assert state["epoch"] == state["epochs"] < 40
    assert state["schedule"]["last_epoch"] == 40 * STEPS
    rate = state["optimiser"]["param_groups"][0]["lr"]
    assert 0 < rate < 1e-3 * QUICK.learning_rate
    refuse_unfinished(tmp_path / "a")  # it is finished: another one may begin
    text = (tmp_path / "a/log.txt").read_text()
    assert f"the 1 minutes are over after {len(epochs)} steps" in text


def test_a_limit_far_away_changes_nothing(data, tmp_path, monkeypatch):
    short = replace(QUICK, epochs=2)
    plain, _ = trained(tmp_path / "a", short, monkeypatch, 1.0)
    limited, _ = trained(tmp_path / "b", replace(short, minutes=1e4), monkeypatch, 1.0)
    for name, tensor in plain.state_dict().items():
        assert torch.equal(tensor, limited.state_dict()[name]), name


def test_resumed_with_the_minutes_that_are_left(data, tmp_path, monkeypatch):
    limited = replace(QUICK, minutes=1.0)

    class Stop(Exception):
        pass

    def stop(epochs):
        if epochs > 20:
            raise Stop

    with pytest.raises(Stop):
        trained(tmp_path, limited, monkeypatch, 4.0, hooks=Hooks(after_step=stop))
    before = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert 0 < before["seconds"] < 35 and before["epochs"] == 40
    epochs = []
    hooks = Hooks(after_step=epochs.append)
    _, state = trained(tmp_path, limited, monkeypatch, 4.0, resume=True, hooks=hooks)
    share = before["schedule"]["last_epoch"] / STEPS
    assert share < epochs[0] < 40 and epochs[-1] == 40.0
    assert 60 <= state["seconds"] < 80  # of both parts together
    trained(tmp_path, limited, monkeypatch, 4.0, resume=True, hooks=Hooks(after_step=stop))  # done
