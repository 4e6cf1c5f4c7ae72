# SPDX-License-Identifier: Apache-2.0
"""Every number that a command takes has a range; at its limits it is taken, beyond them a sentence
names option, value and range. The cases are made from the commands themselves."""

import math
import typing

import pytest
import typer

from golden.cli.main import app, main
from golden.contract.errors import UserError

OPEN = {"tau"}  # without an upper limit: inf is a value
ROOT = typer.main.get_command(app)
SUFFIXES = ("", ".safetensors", ".json", ".png", ".nir")


def commands(group, path=()):
    for item in group.registered_commands:
        yield (*path, item.name or item.callback.__name__), item.callback
    for item in group.registered_groups:
        yield from commands(item.typer_instance, (*path, item.name))


def numbers():
    for path, function in commands(app):
        for name, hint in typing.get_type_hints(function, include_extras=True).items():
            plain, *rest = typing.get_args(hint) if hasattr(hint, "__metadata__") else (hint,)
            kinds = {int, float} & {plain, *typing.get_args(plain)}
            if kinds:
                yield path, name, kinds.pop(), rest[0] if rest else None


def command(path):
    found = ROOT
    for name in path:
        found = found.commands[name]
    return found


def line(path, place):
    """What the command needs, as words; no command has been called when they are read."""
    for suffix in SUFFIXES:  # what a file must be called
        words = []
        for param in (p for p in command(path).params if p.required):
            option = [] if param.param_type_name == "argument" else [param.opts[-1]]
            words += [*option, str(place / f"x{suffix}")]
        try:
            command(path).make_context("psf", list(words))
        except (typer.BadParameter, UserError):  # another suffix, then
            continue
        return words
    raise AssertionError(f"no command line for {path}")


def refused(path, words):
    """The parameter that is refused, None when all are taken."""
    try:
        command(path).make_context("psf", list(words))
    except typer.BadParameter as error:
        return error.param.name
    return None


@pytest.mark.parametrize(
    ("path", "name", "kind", "info"),
    list(numbers()),
    ids=lambda x: "-".join(x) if isinstance(x, tuple) else x if isinstance(x, str) else "",
)
def test_a_number_at_and_beyond_its_limits(path, name, kind, info, tmp_path, capsys):
    option = next((d for d in info.param_decls or () if d.startswith("--")),
                  "--" + name.replace("_", "-"))  # fmt: skip
    low, high = info.min, info.max
    assert low is not None, "no lower limit"
    assert high is not None or name in OPEN, "no upper limit"
    words = line(path, tmp_path)
    for value in (low, math.inf if high is None else high):
        assert refused(path, [*words, option, str(value)]) is None, value
    step = 1 if kind is int else abs(low) / 2 or 0.5
    wrong = [low - step, "many"] + ([] if high is None else [high + step])
    wrong += [low + 0.5, True] if kind is int else ["nan"]
    for value in wrong:
        assert refused(path, [*words, option, str(value)]) == name, value
    with pytest.raises(SystemExit) as end:
        main([*path, *words, f"{option}={wrong[0]}"])
    said = capsys.readouterr().err
    limits = f"at least {low}" if high is None else f"from {low} to {high}"
    wanted = f"{'whole ' * (kind is int)}number {limits}"
    assert said == f"error: {option} is {wrong[0]}, it must be a {wanted}\n"
    assert end.value.code == 2
