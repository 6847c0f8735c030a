import pytest
import torch

from alframe.geometry import Euclidean, Geometry, as_geometry


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_distances_are_those_of_cdist(dtype):
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(n, 5, generator=generator, dtype=dtype) for n in (7, 4))
    wanted = torch.cdist(x.double(), y.double()) ** 2
    torch.testing.assert_close(
        Euclidean(x).squared_distances(Euclidean(y)).double(), wanted, atol=1e-5, rtol=1e-5
    )
    torch.testing.assert_close(Euclidean(x).squared_norms(), (x**2).sum(1))


def test_coinciding_points_are_never_at_a_negative_distance():
    x = torch.full((3, 400), 1.1)
    assert (Euclidean(x).squared_distances(Euclidean(x)) >= 0).all()


def test_length_and_indexing():
    points = Euclidean(torch.arange(6.0).reshape(3, 2))
    assert len(points) == 3
    assert torch.equal(points[torch.tensor([2, 0])].x, torch.tensor([[4.0, 5.0], [0.0, 1.0]]))


def test_a_plain_tensor_means_euclidean():
    points = as_geometry(torch.zeros(2, 3))
    assert isinstance(points, Euclidean)
    assert isinstance(points, Geometry)
    assert as_geometry(points) is points


def test_shapes_are_enforced_while_tests_run():
    with pytest.raises(Exception, match="x"):
        Euclidean(torch.zeros(3))
