import numpy as np
import torch

from alframe_learningloss._module import LossModule, averaged, pair_losses


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_example_of_four():
    """Pairs are first and last, second and last but one."""
    predicted, losses = torch.tensor([0.2, 0.9, 0.4, 0.1]), torch.tensor([1.0, 0.3, 0.2, 0.5])
    found = pair_losses(predicted, losses, 1.0)
    torch.testing.assert_close(found, torch.tensor([0.9, 0.5]))
    torch.testing.assert_close(found.mean(), torch.tensor(0.7))


def test_pairs_are_the_formula_in_float64():
    rng = np.random.default_rng(0)
    for size, margin in ((2, 1.0), (9, 0.5), (64, 0.0)):
        p, losses = rng.normal(size=size), rng.integers(3, size=size).astype(float)
        wanted = []
        for i in range(size // 2):
            j = size - 1 - i
            sign = 1 if losses[i] > losses[j] else -1
            wanted.append(max(0, -sign * (p[i] - p[j]) + margin))
        found = pair_losses(torch.tensor(p), torch.tensor(losses), margin)
        np.testing.assert_allclose(found, wanted)


def test_equal_losses_have_the_sign_minus_one():
    """Trap: sign(0) is 0 in torch, and then such pairs would cost the margin whatever is predicted."""
    equal = torch.ones(2)
    assert pair_losses(torch.tensor([0.0, 3.0]), equal, 1.0).tolist() == [0.0]
    assert pair_losses(torch.tensor([3.0, 0.0]), equal, 1.0).tolist() == [4.0]


def test_the_middle_of_an_odd_batch_has_no_partner():
    """Trap: the pairs of a last batch of odd size."""
    predicted = torch.tensor([0.0, 5.0, 1.0], requires_grad=True)
    found = pair_losses(predicted, torch.tensor([1.0, 9.0, 0.0]), 1.0)
    assert found.tolist() == [2.0]
    found.sum().backward()
    assert predicted.grad.tolist() == [-1.0, 0.0, 1.0]
    assert len(pair_losses(predicted[:1], torch.ones(1), 1.0)) == 0


def test_no_gradient_flows_into_the_losses():
    losses = torch.rand(6, generator=generator(), requires_grad=True)
    predicted = torch.rand(6, generator=generator(1), requires_grad=True)
    pair_losses(predicted, losses, 1.0).sum().backward()
    assert losses.grad is None
    assert predicted.grad.abs().sum() > 0


def test_the_module_is_the_papers_in_float64():
    """Means over places or tokens, a layer and ReLU each, one layer of all; and its state gives it back."""
    outputs = [torch.randn(5, *shape, generator=generator()) for shape in ((3, 4, 4), (7, 6), (9,))]
    module = LossModule([3, 6, 9], 8, generator())
    state = {name: value.double().numpy() for name, value in module.state_dict().items()}
    means = [outputs[0].mean(dim=(2, 3)), outputs[1].mean(dim=1), outputs[2]]
    parts = [
        np.maximum(
            x.double().numpy() @ state[f"layers.{i}.weight"].T + state[f"layers.{i}.bias"],
            0,
        )
        for i, x in enumerate(means)
    ]
    wanted = np.concatenate(parts, axis=1) @ state["out.weight"][0] + state["out.bias"][0]
    np.testing.assert_allclose(module(outputs).detach(), wanted, atol=1e-6)
    again = LossModule.of_state(module.state_dict())
    assert torch.equal(again(outputs), module(outputs))
    assert [averaged(output).shape[1] for output in outputs] == [3, 6, 9]


def test_weights_are_drawn_as_torch_draws_them():
    module = LossModule([400], 128, generator())
    torch.manual_seed(0)
    usual = torch.nn.Linear(400, 128)
    for ours, theirs in zip(module.layers[0].parameters(), usual.parameters(), strict=True):
        assert abs(ours.std() / theirs.std() - 1) < 0.2
        assert ours.abs().max() <= 1 / 20
