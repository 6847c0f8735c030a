import hashlib

import pytest
import torch

from alframe.ops import digest
from alframe.ops.digest import digest_of


def test_it_is_sha256_of_type_shape_and_bytes():
    tensor = torch.tensor([[1, 2], [3, 4]], dtype=torch.int16)
    wanted = hashlib.sha256(b"torch.int16 [2, 2]\n" + bytes([1, 0, 2, 0, 3, 0, 4, 0])).hexdigest()
    assert digest_of([tensor]) == wanted


@pytest.mark.parametrize(
    "other",
    [
        lambda x: x.flip(0),
        lambda x: x.T,
        lambda x: x.reshape(-1),
        lambda x: x.double(),
        lambda x: x.view(torch.int32),
        lambda x: x[:-1],
        lambda x: torch.nextafter(x, x + 1),
        lambda x: -x,
    ],
    ids=[
        "rows turned",
        "axes swapped",
        "flat",
        "double",
        "the same bytes",
        "a row less",
        "last bit",
        "zero's sign",
    ],
)
def test_what_differs(other):
    x = torch.zeros(4, 4)
    x[0, 1] = 1
    assert digest_of([other(x)]) != digest_of([x])


def test_how_it_lies_in_memory_is_the_same(monkeypatch):
    x = torch.arange(60.0).reshape(5, 3, 4)
    whole = digest_of([x])
    assert digest_of([x.transpose(0, 1).contiguous().transpose(0, 1)]) == whole
    monkeypatch.setattr(digest, "BLOCK", 100)  # two rows at a time
    assert digest_of([x]) == whole
    assert digest_of([x.transpose(0, 1).contiguous().transpose(0, 1)]) == whole


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.bool, torch.uint8, torch.complex64])
def test_any_type(dtype):
    x = torch.tensor([0, 1]).to(dtype)
    assert digest_of([x]) != digest_of([x.flip(0)])


def test_a_number_and_nothing():
    assert digest_of([torch.tensor(3.0)]) != digest_of([torch.tensor(4.0)])
    assert digest_of([torch.zeros(0, 3)]) != digest_of([torch.zeros(0, 4)])
    assert digest_of([]) != digest_of([torch.zeros(0)])
