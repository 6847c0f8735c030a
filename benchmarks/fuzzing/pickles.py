"""Pickles of CIFAR and miniImageNet, and files of weights: forged, damaged, of other things."""

from __future__ import annotations

import collections
import io
import pickle
import pickletools
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from fuzzing.case import DAMAGED, Case, Draw, payload
from fuzzing.material import TRIAL, copy, rows
from fuzzing.runs import Payload
from fuzzing.stores import write
from fuzzing.values import damaged


def pickles(draw: Draw) -> Case:
    """``cifar10``, ``cifar100`` and ``miniimagenet``: pickles that are forged, damaged, of other things."""
    name = draw.random.choice(["cifar10", "cifar10", "cifar100", "miniimagenet"])
    good = _cifar("fine_labels" if name == "cifar100" else "labels")
    write(draw, name, [_mini(part) for part in range(3)] if name == "miniimagenet" else [good] * 6, _forged)
    return Case((*TRIAL, "--dataset", name), codes=DAMAGED, shown=f"alframe run --dataset {name}")


def _cifar(labels: str) -> dict[str, Any]:
    return {"data": np.zeros((12, 3072), np.uint8), labels: [i % 10 for i in range(12)]}


def _mini(part: int) -> dict[str, Any]:
    return {
        "image_data": np.zeros((40, 84, 84, 3), np.uint8),
        "class_dict": {f"n{part}{k}": list(range(20 * k, 20 * k + 20)) for k in range(2)},
    }


def _forged(draw: Draw, good: dict[str, Any]) -> bytes:
    kind = draw.random.choice([0, 1, 2, 3, 3, 3, 4, 5, 6, 7, 8, 9])
    if kind < 2:
        return damaged(draw.random, pickle.dumps(good, protocol=draw.random.randint(0, 5)))
    if kind == 2:
        return pickle.dumps({**good, "data": Payload(draw.box.marker)})
    if kind == 3:  # an array of pointers over raw bytes
        shape = draw.random.choice([(1,), (12,), (12, 3072), (2**40,)])
        raw = draw.random.choice([b"A" * 8 * 64, b"\x00" * 800, struct.pack("<Q", id(good)) * 64])
        return pickle.dumps(
            {
                **good,
                "data": _Reduced(
                    np.ndarray, (shape, np.dtype(draw.random.choice(["O", "O", "O", "V8", "f8", "U2"])), raw)
                ),
            }
        )
    if kind == 4:  # the state of an array, of other types and lengths than it promises
        state = (
            1,
            draw.random.choice([(4,), (2**40,), (-1,), (2**32, 2**32), ()]),
            np.dtype(draw.random.choice(["O", "f8", "u1"])),
            False,
            draw.random.choice([b"x" * 32, b"", [1, 2], None]),
        )
        made = _Reduced(np.zeros(1).__reduce__()[0], (np.ndarray, (0,), b"b"), state)  # type: ignore[arg-type]
        return pickle.dumps({**good, draw.random.choice(sorted(good)): made})
    if kind == 5:  # what is allowed, called with other arguments
        callables: list[Any] = [
            np.dtype,
            np.ndarray,
            collections.OrderedDict,
            np.float64(0).__reduce__()[0],
        ]
        arguments = draw.random.choice(
            [(), (1,), ("O",), ("f8", True, True), ((2**40,),), ([("a", "O")],), (np.dtype("O"), b"x" * 8)]
        )
        return pickle.dumps({**good, "data": _Reduced(draw.random.choice(callables), arguments)})
    if kind == 6:
        return _assembled(draw)
    if kind == 7:
        return pickle.dumps(
            draw.random.choice([[], None, 1, "x", good.get("data", 0), {}, {"data": None}, {1: 2}])
        )
    changed = dict(good)
    key = draw.random.choice(sorted(changed))
    odd: list[Any] = [
        None,
        [],
        -1,
        "x",
        [2**70] * 12,
        [-1] * 12,
        [99] * 12,
        ["a"] * 12,
        np.zeros(5),
        np.zeros((12, 3072), object),
        np.full((12, 3072), np.nan),
        {},
        [[1]] * 12,
    ]
    changed[key] = draw.random.choice(odd)
    return pickle.dumps(changed)


class _Reduced:
    """Pickled as a call."""

    def __init__(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], state: object = None
    ) -> None:
        self.call = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> Any:
        return self.call


def _assembled(draw: Draw) -> bytes:
    """Opcodes put together at random, some of them of a payload: by name, by extension, by stack."""
    code = f"cbuiltins\nexec\n(V{payload(draw.box.marker)}\ntR.".encode()
    stacked = b"\x80\x04\x8c\x08builtins\x8c\x04exec\x93\x8c" + bytes(
        [min(255, len(payload(draw.box.marker)))]
    )
    stacked += payload(draw.box.marker).encode()[:255] + b"\x85R."
    dotted = b"\x80\x04\x8c\x05numpy\x8c" + b"\x15" + b"ctypeslib.ctypes.CDLL" + b"\x93)R."
    nested = b"(" * draw.random.choice([100, 100_000]) + b"t."
    deep = b"]" * 3 + b"".join(b"(l" for _ in range(draw.random.choice([10, 50_000]))) + b"."
    noise = b"".join(draw.random.choice(pickletools.opcodes).code.encode("latin-1") for _ in range(30)) + b"."
    memo = b"\x80\x04]" + b"r\xff\xff\xff\x7f" + b"."
    lengths = b"\x80\x05\x8e" + b"\xff" * 7 + b"\x7f" + b"x."
    return draw.random.choice(
        [
            code,
            stacked,
            dotted,
            nested,
            deep,
            noise,
            memo,
            lengths,
            b"\x80\x04\x82\x01.",
            b"P1\n.",
            b"cos\nsystem\n(Vtrue\ntR.",
        ]
    )


def weights(draw: Draw) -> Case:
    """``-o model.weights=`` of torch and safetensors files that are forged, damaged or of another network."""
    import torch

    copy(draw.templates, draw.work, "data.npz", "weights.pt")
    x, y = rows(60, 3 * 32 * 32)
    pixels = (x.reshape(60, 3, 32, 32) * 20 + 128).clip(0, 255).astype("u1")
    np.savez(draw.work / "images.npz", x_train=pixels, y_train=y)
    state: Any = torch.load(draw.work / "weights.pt", weights_only=True)
    key = draw.random.choice(sorted(state))
    odd: list[Any] = [
        None,
        "x",
        torch.zeros(0),
        torch.zeros(3, dtype=torch.complex64),
        torch.full((4,), float("nan")),
        {},
        [1],
        state,
        Payload(draw.box.marker),
        torch.nn.Linear(2, 2),
        torch.zeros(2).to_sparse(),
        torch.empty(3, device="meta"),
    ]
    if draw.chance(0.6):
        state[draw.random.choice([key, "\x1b[31m", "", 1, "x" * 5000])] = draw.random.choice(odd)
    if draw.chance(0.1):
        state = draw.random.choice(odd)
    name = draw.random.choice(["w.pt", "w.pth", "w.safetensors", "w"])
    if name == "w.safetensors":
        content = _safetensors(draw)
    else:
        file = io.BytesIO()
        torch.save(state, file, _use_new_zipfile_serialization=draw.chance(0.7))
        content = file.getvalue()
        if draw.chance(0.1):
            content = pickle.dumps(Payload(draw.box.marker))
    if draw.chance(0.4):
        content = damaged(draw.random, content)
    (draw.work / name).write_bytes(content)
    model = draw.random.choice(["resnet18-cifar", "resnet18-cifar", "resnet18"])
    where = ("--dataset", "npz:images.npz", "--model", model, "-o", f"model.weights={name}")
    command = (*TRIAL, "--rounds", "0", *where)
    return Case(command, codes=DAMAGED)


def _safetensors(draw: Draw) -> bytes:
    head = draw.random.choice(
        [
            b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
            b'{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,8]}}',
            b'{"a":{"dtype":"X","shape":[-1],"data_offsets":[8,0]}}',
            b"{" * 50_000,
            b"[]",
            b'{"__metadata__":{"x":1}}',
            b"",
        ]
    )
    length = draw.random.choice([len(head)] * 4 + [0, 2**63, 2**64 - 1, 100])
    return struct.pack("<Q", length) + head + bytes(8)
