# SPDX-License-Identifier: Apache-2.0
"""Files as strangers may send them: damaged good ones, and well-formed ones that say odd things."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from zlib import crc32

from hypothesis import strategies as st

NUMBERS = (0, 1, -1, 2, 7, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63)
SCALARS = st.sampled_from(
    [*NUMBERS, 0.5, -0.0, 1e300, float("nan"), float("inf"), None, True, "", "x", "\0", "ä" * 300]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
DEEP = 100_000  # brackets


@st.composite
def damaged(draw, good: list[bytes]) -> bytes:
    """One of ``good`` with a few places changed, cut, doubled or filled; or noise."""
    data = bytearray(draw(st.sampled_from(good)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        kind = draw(st.sampled_from(("byte", "byte", "number", "cut", "drop", "double", "insert")))
        if kind == "byte" and data:
            data[at] = draw(st.sampled_from((0, 1, 0x7F, 0x80, 0xFF)) | st.integers(0, 255))
        elif kind == "number":
            size, order = draw(st.sampled_from((2, 4, 8))), draw(st.sampled_from(("little", "big")))
            value = draw(st.sampled_from(NUMBERS)) % (1 << 8 * size)
            data[at : at + size] = value.to_bytes(size, order)
        elif kind == "cut":
            del data[at:]
        elif kind == "drop":
            del data[at : at + draw(st.integers(1, 64))]
        elif kind == "double":
            data[at:at] = data[at : at + draw(st.integers(1, 200))]
        else:
            data[at:at] = draw(st.binary(max_size=40))
    return bytes(data)


@st.composite
def safetensors(draw, good: list[bytes]) -> bytes:
    """A file whose header says something else: names, types, shapes, places, and our metadata."""
    data = draw(st.sampled_from(good))
    size = int.from_bytes(data[:8], "little")
    header, rest = json.loads(data[8 : 8 + size]), data[8 + size :]
    told = header.setdefault("__metadata__", {})
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(
            st.sampled_from(("config", "config", "tensor", "tensor", "told", "drop", "deep"))
        )
        names = sorted(n for n in header if n != "__metadata__")
        if kind == "config" and isinstance(told.get("config"), str):
            for key in ("kind", "checksum"):  # then no checksum is asked for
                told.pop(key, None)
            try:
                config = json.loads(told["config"])
            except (ValueError, RecursionError):
                continue
            if isinstance(config, dict) and config:
                config[draw(st.sampled_from(sorted(config)))] = draw(VALUES)
            told["config"] = json.dumps(config)
        elif kind == "deep":
            told["config"] = "[" * DEEP
        elif kind == "told":
            told[draw(st.sampled_from(("config", "provenance", "kind", "checksum", "other")))] = (
                json.dumps(draw(VALUES)))  # fmt: skip
        elif kind == "drop" and names:
            del header[draw(st.sampled_from(names))]
        elif kind == "tensor" and names:
            entry = header[draw(st.sampled_from(names))]
            part = draw(st.sampled_from(("dtype", "shape", "data_offsets")))
            entry[part] = draw(
                st.sampled_from(("BF16", "F8_E4M3", "F64", "I64", "BOOL", "U8", "C64"))
                if part == "dtype"
                else st.lists(st.sampled_from(NUMBERS), max_size=4)
            )
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + rest


@st.composite
def npz(draw, good: list[bytes]) -> bytes:
    """An archive with an array that its header describes wrongly, or that is mostly zeros."""
    source = zipfile.ZipFile(io.BytesIO(draw(st.sampled_from(good))))
    members = {name: source.read(name) for name in source.namelist()}
    name = draw(st.sampled_from(sorted(members)))
    shape = tuple(draw(st.lists(st.sampled_from(NUMBERS), max_size=4)))
    kind = draw(st.sampled_from(("|u1", "<i8", "|O", "<U9", "<f8", "|V7", "<M8[s]", "x", "|b1")))
    header = (
        draw(
            st.just(repr({"descr": kind, "fortran_order": draw(st.booleans()), "shape": shape}))
            | st.just("(" * 500)
            | st.text(max_size=30)
        ).encode()
        + b"\n"
    )
    packed = struct.pack("<H", min(len(header), 65535))
    members[name] = b"\x93NUMPY\1\0" + packed + header + members[name][-draw(st.integers(1, 99)) :]
    if draw(st.integers(0, 19)) == 0:
        members[name] += bytes(1 << 22)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", draw(st.sampled_from((0, 8)))) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def call(module: str, name: str, argument: str) -> bytes:
    """A pickle that calls ``module.name(argument)``."""
    return b"\x80\2c" + f"{module}\n{name}\n".encode() + pickle.dumps((argument,), 2)[2:-1] + b"R."


@st.composite
def pickles(draw, good: list[bytes], trap: str) -> bytes:
    """A pickle that asks for code; ``trap`` is the file that would be made."""
    module, name, argument = draw(st.sampled_from((
        ("os", "system", f"touch {trap}"), ("builtins", "eval", f"open({trap!r}, 'w')"),
        ("builtins", "exec", f"open({trap!r}, 'w')"), ("subprocess", "getoutput", f"touch {trap}"),
        ("posix", "system", f"touch {trap}"), ("__builtin__", "eval", f"open({trap!r}, 'w')"),
        ("numpy", "load", trap), ("torch", "load", trap),
    )))  # fmt: skip
    tail = draw(st.sampled_from(good))
    return call(module, name, argument)[:-1] + tail[draw(st.integers(0, len(tail))) :]


@st.composite
def toml(draw, good: list[bytes]) -> bytes:
    """Settings with a value that a key does not take, or that no reader likes."""
    lines = draw(st.sampled_from(good)).decode().splitlines()
    at = draw(st.integers(0, len(lines)))
    key = draw(st.sampled_from([line.partition("=")[0].strip() or "x" for line in lines]))
    value = draw(
        VALUES.map(lambda v: json.dumps(v, ensure_ascii=False))
        | st.sampled_from(
            ("[" * DEEP, "9" * 5000, "1979-05-27", "nan", "-inf", "0x" + "f" * 99, "'''")
        )
    )
    lines[at : at + draw(st.integers(0, 1))] = [f"{key.strip('[]')} = {value}"]
    return "\n".join(lines).encode()


@st.composite
def packages(draw, good: list[bytes]) -> bytes:
    """A package with a header word changed and its checksum right again."""
    data = bytearray(draw(st.sampled_from(good)))
    for _ in range(draw(st.integers(1, 3))):
        at = 4 * draw(st.integers(0, 23))
        data[at : at + 4] = (draw(st.sampled_from(NUMBERS)) % 2**32).to_bytes(4, "little")
    data[12:16] = bytes(4)
    data[12:16] = crc32(data).to_bytes(4, "little")
    return bytes(data)
