import torch

from alframe.learning.embedding import Embedding
from alframe.ops.geometry import Euclidean


def test_it_is_made_once_when_somebody_reads_it_and_parted():
    x, made = torch.arange(12.0).reshape(6, 2), []

    def make():
        made.append(1)
        return Euclidean(x[:5]), Euclidean(x[5:])

    embedding = Embedding(make, 3)
    assert made == []
    assert torch.equal(embedding.of_pool().x, x[:3])
    assert torch.equal(embedding.of_pending().x, x[3:5])
    assert torch.equal(embedding.of_labelled().x, x[5:])
    assert made == [1]
    whole = Embedding(make, 5)
    assert whole.of_pool() is whole.of_pool()  # nothing is pending: no copy
