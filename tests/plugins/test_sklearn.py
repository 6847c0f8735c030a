import torch

import alframe


def test_digits():
    digits = alframe.load_dataset("digits")
    everything = torch.cat([digits.inputs, digits.test_inputs])
    assert everything.shape == (1797, 1, 8, 8)
    assert everything.min() == 0
    assert everything.max() == 1
    assert digits.targets.unique().tolist() == list(range(10))
