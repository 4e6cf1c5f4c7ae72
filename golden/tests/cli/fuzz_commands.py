# SPDX-License-Identifier: Apache-2.0
"""Wrong invocations of psf, drawn by hypothesis from its own tree of commands; started by
test_fuzz.py as a program, in a folder of its own and on a copy of the project that is no checkout.

Every value that an option takes is drawn: numbers beside and beyond their ranges, texts, paths of
files that are there, that are not, that are of another kind, damaged ones, configuration files of
any keys and values. What is refused must end in status 2 and one sentence; the user's files must
stay as they were whatever happens; an invocation that is right by chance is stopped when it begins
to work. Arguments: folder, number of examples, seed (or none for always the same ones).
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import shutil
import signal
import subprocess
import sys
import traceback
from collections import Counter
from pathlib import Path
from types import FrameType

import torch
import torch._dynamo  # whole, before an invocation is stopped within it
import typer
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from torch import nn

from golden.cli.main import app, main
from golden.contract import outputs, paths
from golden.contract.network import NetworkConfig
from golden.contract.random_network import random_network
from golden.lab.networks import backbones
from golden.lab.networks.network_config import NetworkConfig as FloatConfig
from golden.lab.train.checkpoint import save_dense

CPU_S = 1.0  # who has computed so long has accepted the invocation
SMALL = dict(depth=1, dim=16, heads=2, timesteps=1, mlp_ratio=1)
DRAWN = "drawn"  # stem of the file whose content is drawn with the invocation


class Works(BaseException):
    """The invocation was accepted: a program, a network or a long calculation was started."""


def stop(*_: object, **__: object) -> None:
    raise Works


def late(_: int, frame: FrameType | None) -> None:
    """Stop, but not in the middle of an import, which would be half done for those that follow."""
    while frame is not None:
        if "importlib._bootstrap" in frame.f_code.co_filename:
            return  # the timer comes again
        frame = frame.f_back
    raise Works


def leaves(command, path: tuple[str, ...] = ()):
    """(names, command) of every command that does something."""
    for name, one in getattr(command, "commands", {}).items():
        yield from leaves(one, (*path, name))
    if not hasattr(command, "commands"):
        yield path, command


COMMANDS = list(leaves(typer.main.get_command(app)))


def make_files(folder: Path) -> None:
    """What a user may have lying about."""
    torch.manual_seed(1)
    random_network(NetworkConfig(**SMALL)).save(folder / "integer.safetensors")
    model = backbones.build(FloatConfig(**SMALL))
    save_dense(folder / "float.safetensors", model, {"accuracy": 0.5})
    shutil.copy(paths.CONFIGS / "default.toml", folder / "good.toml")
    (folder / "notes.txt").write_text("precious\n")
    (folder / "mine.json").write_text('{"mine": [1, 2]}\n')
    (folder / "binary.bin").write_bytes(bytes(range(256)) * 4)
    (folder / "empty").write_bytes(b"")
    (folder / "a folder").mkdir()
    (folder / "a folder" / "höhe.txt").write_text("precious too\n")
    (folder / "link").symlink_to("notes.txt")
    (folder / "dangling").symlink_to("nowhere")


def snapshot(folder: Path) -> dict[str, bytes | str]:
    """Every file below a folder, with its content."""
    found: dict[str, bytes | str] = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


# ---- What is drawn.

NUMBERS = st.sampled_from(
    ["0", "-1", "1", "2", "3", "7", "255", "65536", "-99999999999", "1e9", "0.5", "1.5", "-0.1",
     "nan", "inf", "-inf", "", "x", "1_000", "0x10", "99999999999999999999", "½"]
)  # fmt: skip
WORDS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.sampled_from(
        ["2x8", "4x16,acc_width=12", "4x16,lanes=0", "4x16,banks=3,row_depth=1", "8x8", "4x16,",
         "=,=", "dim=16,depth=1", "dim=-8", "dim=99999999,depth=9999", "fashion_mnist", "cifar10",
         "dvs128_gesture", "verilator", "icarus", "block", "rows", "default", "0x1,2,3,4,5,6",
         "spikingformer", "sdt", "3,4", "9,9", "0.5", "0.5,0.5,0.5", "a folder", "notes.txt",
         "tcp://127.0.0.1:1", "train", "test", "none"]
    ),
)  # fmt: skip
FILES = [
    "notes.txt", "mine.json", "binary.bin", "empty", "a folder", "link", "dangling", ".", "..", "/",
    "integer.safetensors", "float.safetensors", "good.toml", "none.safetensors", "none/none.toml",
    "notes.txt/below.json", "new.json", "new.safetensors", "new.png", "new.nir", "new folder", "",
    "/dev/null", "/dev/full", "/proc/self/mem", "x" * 300 + ".json", "ü" * 90 + ".safetensors",
    "a folder/new.json", "~", "mine.json/",
]  # fmt: skip
SUFFIXES = (".toml", ".safetensors", ".npz", ".bin", ".json", ".pth", ".nir", ".png")
SECTIONS = ["network", "train", "prune", "quant", "finetune", "qat", "codebook", "lottery", "axes"]
KEYS = [
    "epochs", "batch_size", "warmup", "shift", "lanes", "residual_frac_bits", "images", "data",
    "learning_rate", "depth", "dim", "heads", "timesteps", "height", "width", "classes", "start",
    "mlp_ratio", "pooled_stages", "encoder", "head", "backbone", "method", "sparsity", "ramp",
    "importance", "calibration", "entries", "rounds", "fraction", "rewind_epoch", "precision",
    "device", "seed", "early_epochs", "early_timesteps", "base", "dense", "curves", "methods",
    "picture", "tau", "mean", "std", "input_timesteps", "input_bits", "in_channels", "x y",
]  # fmt: skip
VALUES = st.recursive(
    st.one_of(
        st.integers(-(2**40), 2**40), st.sampled_from([0, 1, -1, 2, 8, 16, 10**30]), st.booleans(),
        st.floats(width=32), WORDS, st.sampled_from(FILES),
    ),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)  # fmt: skip


def toml(value) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value) if isinstance(value, str) else repr(value)


@st.composite
def configurations(draw) -> bytes:
    """A TOML file: one that comes with the project with drawn keys, or anything."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=60))
    known = sorted(paths.CONFIGS.rglob("*.toml"))
    lines = draw(st.sampled_from(known)).read_text().splitlines() if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        key, value = draw(st.sampled_from(KEYS)), draw(VALUES)
        ours = [i for i, line in enumerate(lines) if line.partition("=")[0].strip() == key]
        line = f"{json.dumps(key) if ' ' in key else key} = {toml(value)}"
        if ours:
            lines[ours[0]] = line
        elif draw(st.booleans()):
            lines = [line, *lines]
        else:
            lines += [f"[{draw(st.sampled_from(SECTIONS))}]", line]
    return "\n".join(lines).encode("utf-8", "replace")


@st.composite
def damaged(draw, content: bytes) -> bytes:
    """A file with some bytes changed, or cut off, or something behind it."""
    data = bytearray(content)
    kind = draw(st.sampled_from(["flip", "head", "cut", "longer"]))
    if kind == "longer":
        return content + draw(st.binary(min_size=1, max_size=9))
    if kind == "cut":
        return content[: draw(st.integers(0, len(content) - 1))]
    most = 400 if kind == "head" else len(data)
    for _ in range(draw(st.integers(1, 4))):
        data[draw(st.integers(0, min(most, len(data)) - 1))] = draw(st.integers(0, 255))
    return bytes(data)


def right(parameter) -> str:
    """A value that is not wrong by itself."""
    told = parameter.help or ""
    if parameter.name == "out":
        known = (".json", ".safetensors", ".nir", ".png")
        return "new" + next((suffix for suffix in known if suffix in told), "")
    kind = str(parameter.type_descriptor.annotation)
    if "Path" in kind:
        return "float.safetensors" if "loat" in told else "integer.safetensors"
    return "1" if "int" in kind or "float" in kind else "fashion_mnist"


@st.composite
def invocations(draw) -> tuple[list[str], dict[str, bytes]]:
    """Arguments, and the files that are drawn with them."""
    names, command = draw(st.sampled_from(COMMANDS))
    line, files = list(names), {}

    def path() -> str:
        if draw(st.booleans()):
            return draw(st.sampled_from(FILES))
        suffix = draw(st.sampled_from(SUFFIXES))
        if suffix == ".toml":
            content = draw(configurations())
        else:
            source = draw(st.sampled_from(["integer.safetensors", "float.safetensors"]))
            content = draw(damaged(Path(source).read_bytes()))
        files[DRAWN + suffix] = content
        return DRAWN + suffix

    def value(parameter) -> str:
        kind = str(parameter.type_descriptor.annotation)
        if draw(st.integers(0, 19)) == 0:
            return draw(WORDS)
        if "Path" in kind:
            return path()
        return draw(NUMBERS if "int" in kind or "float" in kind else WORDS)

    if draw(st.booleans()):  # one thing alone, so that nothing else is refused before it
        one = draw(st.sampled_from(command.params)) if command.params else None
        for parameter in command.params:
            if parameter.required or parameter is one:
                line += [] if parameter.param_type_name == "argument" else parameter.opts[-1:]
                if parameter.type_descriptor.annotation is not bool:
                    line += [value(parameter) if parameter is one else right(parameter)]
        return line, files
    if draw(st.integers(0, 14)) == 0:
        line.insert(draw(st.integers(0, len(line))), draw(WORDS))
    for parameter in command.params:
        annotation = parameter.type_descriptor.annotation
        if parameter.param_type_name == "argument":
            if draw(st.integers(0, 9)):
                line += [value(parameter) for _ in range(draw(st.integers(1, 2)))]
        elif draw(st.integers(0, 2)) == 0 or parameter.required:
            line += [draw(st.sampled_from(parameter.opts))]
            line += [] if annotation is bool else [value(parameter)]
    return line, files


# ---- What is asked of them.


def run(line: list[str]) -> tuple[str, str]:
    """How an invocation ends: refused, accepted, or a fault; with what it said."""
    error, out = io.StringIO(), io.StringIO()
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_S, CPU_S)  # where Python ignores it: once more
    try:
        with contextlib.redirect_stderr(error), contextlib.redirect_stdout(out):
            main(line)
    except Works:
        return "accepted", ""
    except SystemExit as ended:
        said = error.getvalue()
        if ended.code in (0, 1) or "raise Works" in said:
            return "accepted", said
        if ended.code == 2:
            sentence = [x for x in said.splitlines() if x.strip()]
            if not sentence:  # the help
                return ("refused", "") if out.getvalue() else ("fault", f"silent: {line}")
            if sentence[-1].startswith("error: ") and len(sentence) == 1:
                return "refused", said
        return "fault", f"status {ended.code}: {said}"
    except BaseException:
        return "fault", traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return "fault", "no exit"


def fuzz(folder: Path, examples: int, number: int | None) -> dict:
    """Draw and run; what was found."""
    make_files(folder)
    before, count, faults = snapshot(folder), Counter(), {}
    signal.signal(signal.SIGVTALRM, late)
    subprocess.Popen.__init__ = stop
    nn.Module.__call__ = stop
    refused = set()

    @given(invocations())
    def one(drawn: tuple[list[str], dict[str, bytes]]) -> None:
        line, files = drawn
        for name, content in files.items():
            Path(name).write_bytes(content)
        ends, said = run(line)
        after = snapshot(folder)
        expected = before | files
        lost = [name for name, content in expected.items() if after.get(name) != content]
        left = [
            name for name in after.keys() - expected.keys()
            if Path(name).name not in (outputs.MARK, outputs.LOCK) or ".part" in name
        ]  # fmt: skip
        count["runs"] += 1
        if ends == "refused":
            refused.add(tuple(line))
            if left:
                ends, said = "fault", f"refused, and left {left}"
        if lost:
            ends, said = "fault", f"lost {lost}"
        count[ends] += 1
        if ends == "fault":
            key = "\n".join(said.strip().splitlines()[-3:])
            shown = {k: v[:300].decode("latin-1") for k, v in files.items()}
            if faults.setdefault(key[-300:], [line, shown, said[-2500:]])[0] is line:
                print(f"psf {line}\n{shown}\n{said[-2500:]}", file=sys.stderr, flush=True)
        for name in after:
            if name not in before:
                Path(name).unlink()
        for path in sorted(folder.glob("*")):
            if path.is_dir() and not path.is_symlink() and path.name != "a folder":
                shutil.rmtree(path)
        if lost:
            shutil.rmtree(folder / "a folder", ignore_errors=True)
            for path in folder.iterdir():
                path.unlink()
            make_files(folder)

    one = settings(
        max_examples=examples, deadline=None, database=None, derandomize=number is None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )(one)  # fmt: skip
    (one if number is None else seed(number)(one))()
    return {"refused": len(refused), "counts": dict(count), "faults": faults}


if __name__ == "__main__":
    where, examples, number = sys.argv[1:]
    found = fuzz(Path(where), int(examples), int(number) if number else None)
    print(json.dumps(found))
