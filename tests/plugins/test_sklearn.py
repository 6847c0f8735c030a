import pytest
import torch
from sklearn import datasets

import alframe
import alframe_sklearn


@pytest.mark.parametrize("file", [alframe_sklearn.FILE, "moved/elsewhere.csv.gz"])
def test_the_digits_are_those_of_scikit_learn(file, monkeypatch):
    """Read from its file, and by its function where a later version has the file elsewhere."""
    monkeypatch.setattr(alframe_sklearn, "FILE", file)
    bunch = datasets.load_digits()
    digits = alframe_sklearn.load_digits(None)
    assert torch.equal(digits.inputs, torch.tensor(bunch.images, dtype=torch.float32)[:, None] / 16)
    assert torch.equal(digits.targets, torch.tensor(bunch.target))
    assert digits.inputs.is_contiguous()


def test_they_are_read_without_importing_scikit_learn(forks):
    code = "import sys, alframe; alframe.load_dataset('digits'); sys.exit('sklearn' in sys.modules)"
    assert forks.run(code).returncode == 0


def test_digits():
    digits = alframe.load_dataset("digits")
    everything = torch.cat([digits.inputs, digits.test_inputs])
    assert everything.shape == (1797, 1, 8, 8)
    assert everything.min() == 0
    assert everything.max() == 1
    assert digits.targets.unique().tolist() == list(range(10))
