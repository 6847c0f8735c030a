import numpy as np
import torch

import alframe


def test_every_sample_is_equally_likely():
    picks = [
        alframe.query("random", features=np.zeros((10, 2)), n=3, seed=s, device="cpu").indices
        for s in range(500)
    ]
    counts = torch.cat(picks).bincount(minlength=10)
    assert (counts - 150).abs().max() < 52  # 500 x 3 / 10 = 150 expected, five standard deviations


def test_it_brings_no_code_of_its_own(registry):
    assert registry.plugin("random").stages == ()
