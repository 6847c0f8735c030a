import copy

import numpy as np
import pytest
import torch
from torch import nn

import alframe
from alframe import UsageError
from alframe_deepfool._coordinates import in_fewer_coordinates
from alframe_deepfool._deepfool import deepfool
from alframe_deepfool._perceptron import Perceptron


def network(inputs=6, classes=4, seed=0, dtype=torch.float64):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(inputs, 16), nn.Tanh(), nn.Linear(16, classes)).to(dtype)


def samples(n=40, d=6, seed=1, dtype=torch.float64):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def published(model, x, steps, classes, overshoot):
    """Algorithm 2 of Moosavi-Dezfooli et al., one sample at a time, one class at a time, in float64."""
    model = model.double()
    x = x.double()
    order = model(x[None])[0].argsort(descending=True, stable=True)
    label, others = int(order[0]), order[1 : classes + 1].tolist()
    r = torch.zeros_like(x)
    for _ in range(steps):
        point = (x + (1 + overshoot) * r).requires_grad_()
        logits = model(point[None])[0]
        if int(logits.argmax()) != label:
            break
        best = None
        for c in others:
            (w,) = torch.autograd.grad(logits[c] - logits[label], point, retain_graph=True)
            f = float(logits[c].detach() - logits[label].detach())
            if best is None or abs(f) / float(w.norm()) < best[0]:
                best = (abs(f) / float(w.norm()), abs(f) / float(w.norm()) ** 2 * w)
        r = r + best[1]
    return float((r**2).sum())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("classes", [2, 4, 100])
@pytest.mark.parametrize("d", [1, 6, 512])
def test_is_the_algorithm_in_float64(classes, d, dtype):
    model, x = network(d, classes), samples(20, d)
    wanted = [published(model, row, 50, 10, 0.02) for row in x]
    found = deepfool(model.to(dtype), x.to(dtype), 50, 10, 0.02)
    np.testing.assert_allclose(found.squared_norms, wanted, rtol=2e-3 if dtype == torch.float32 else 1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_on_a_linear_network_it_is_the_distance_to_the_nearest_boundary(seed):
    """In one step. Trap: published code takes the last class's boundary, up to 15 times too far."""
    model, x = nn.Linear(6, 5).double(), samples(seed=seed)
    with torch.no_grad():
        logits = model(x)
        y = logits.argmax(1)
        gaps = logits.gather(1, y[:, None]) - logits
        lengths = (model.weight[y][:, None] - model.weight[None]).norm(dim=2)
        distances = (gaps / lengths).nan_to_num(torch.inf)
    found = deepfool(model, x, 1, 10, 0.02)
    torch.testing.assert_close(found.squared_norms, distances.amin(1) ** 2)
    assert found.flipped.all()
    last = torch.where(y == 4, distances[:, 3], distances[:, 4])
    assert (last**2 > 2 * found.squared_norms).any()


def test_samples_do_not_disturb_each_other():
    """The active mask: alone or in company, whatever the others need."""
    model, x = network(), samples()
    together = deepfool(model, x, 50, 10, 0.02).squared_norms
    alone = torch.cat([deepfool(model, row[None], 50, 10, 0.02).squared_norms for row in x])
    torch.testing.assert_close(together, alone)


def test_most_steps_are_kept_and_reported():
    model, x = network(), 3 * samples()
    one, many = deepfool(model, x, 1, 10, 0.0), deepfool(model, x, 50, 10, 0.02)
    assert not one.flipped.all()
    assert many.flipped.all()
    wanted = [published(model, row, 1, 10, 0.0) for row in x]
    np.testing.assert_allclose(one.squared_norms, wanted)


def test_fewer_classes_look_no_nearer():
    model, x = network(classes=30), samples()
    few, all_ = (deepfool(model, x, 50, classes, 0.02).squared_norms for classes in (1, 29))
    assert (few >= all_ * (1 - 1e-6)).float().mean() > 0.8
    assert not torch.allclose(few, all_)


def test_no_gradient_is_never_and_a_tie_is_at_no_distance():
    class Flat(nn.Module):
        def forward(self, x):
            slope = torch.stack([x[:, 0] * 0 + 1, x[:, 0] * 0], dim=1)
            return torch.where((x[:, 1] > 0)[:, None], slope, x[:, :2] * 0)

    found = deepfool(Flat(), torch.tensor([[0.3, 1.0], [0.3, -1.0]]), 50, 10, 0.02)
    assert found.squared_norms.tolist() == [torch.inf, 0.0]
    assert found.flipped.tolist() == [False, True]


class TestFewerCoordinates:
    def perceptron(self, *before, inputs=20, hidden=5):
        with torch.random.fork_rng():
            torch.manual_seed(2)
            body = nn.Sequential(*before, nn.Linear(inputs, hidden), nn.Tanh())
            return alframe.Classifier(body, nn.Linear(hidden, 4)).double()

    @pytest.mark.parametrize("before", [(), (nn.Flatten(),)])
    def test_the_network_and_its_perturbations_are_the_same(self, before):
        model = self.perceptron(*before)
        x = samples(d=20).reshape(-1, *((2, 2, 5) if before else (20,)))
        project, network = in_fewer_coordinates(model)
        assert project(x).shape == (40, 5)
        torch.testing.assert_close(network(project(x)), model(x))
        found = deepfool(network, project(x), 50, 10, 0.02)
        torch.testing.assert_close(found, deepfool(model, x, 50, 10, 0.02))
        wanted = [published(model, row.flatten(), 50, 10, 0.02) for row in x[:5]] if not before else []
        np.testing.assert_allclose(found.squared_norms[: len(wanted)], wanted)

    def test_weights_of_lower_rank(self):
        model, x = self.perceptron(), samples(d=20)
        with torch.no_grad():
            model.body[0].weight[3:] = 0
        project, network = in_fewer_coordinates(model)
        found = deepfool(network, project(x), 50, 10, 0.02)
        torch.testing.assert_close(found, deepfool(model, x, 50, 10, 0.02))

    def test_what_cannot_be_split_stays(self):
        class Shifted(alframe.Classifier):
            def forward(self, x):
                return super().forward(x + x.mean())

        wide = self.perceptron(hidden=30)
        convolution = alframe.Classifier(nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten()), nn.Linear(4, 2))
        own = Shifted(self.perceptron().body, nn.Linear(5, 4))
        empty = alframe.Classifier(nn.Sequential(), nn.Linear(20, 4))
        for model in (wide, convolution, own, empty, network()):
            project, same = in_fewer_coordinates(model)
            assert same is model
            assert type(project) is nn.Identity


class TestPerceptron:
    """The gradients of classes that are farther are not made, and nothing else changes."""

    def perceptron(self, inputs=12, hidden=30, classes=8, seed=0, dtype=torch.float64):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            body = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU())
            return alframe.Classifier(body, nn.Linear(hidden, classes)).to(dtype).eval()

    def plain(self, model, x, *args):
        """By autograd, all gradients."""
        return deepfool(nn.Sequential(model), x, *args)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize(("classes", "looked_at"), [(2, 10), (8, 10), (8, 3), (40, 10)])
    @pytest.mark.parametrize("seed", range(3))
    def test_is_the_algorithm_in_float64(self, seed, classes, looked_at, dtype):
        model, x = self.perceptron(classes=classes, seed=seed, dtype=dtype), samples(60, 12, dtype=dtype)
        assert Perceptron.of(model) is not None
        found = deepfool(model, x, 50, looked_at, 0.02)
        wanted = [published(copy.deepcopy(model), row, 50, looked_at, 0.02) for row in x]
        rtol = 2e-3 if dtype == torch.float32 else 1e-9
        np.testing.assert_allclose(found.squared_norms, wanted, rtol=rtol)
        assert found.flipped.all()

    @pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
    def test_weights_of_any_size(self, scale):
        model, x = self.perceptron(), samples(60, 12)
        with torch.no_grad():
            model.head.weight *= scale
            model.head.bias *= scale
        found, wanted = deepfool(model, x, 5, 10, 0.02), self.plain(model, x, 5, 10, 0.02)
        torch.testing.assert_close(found, wanted)

    def test_most_classes_are_left_out(self, monkeypatch):
        made = []
        original = Perceptron._gradients
        monkeypatch.setattr(
            Perceptron, "_gradients", lambda *args: made.append(len(args[1])) or original(*args)
        )
        x = samples(100, 12)
        deepfool(self.perceptron(classes=40), x, 1, 39, 0.02)
        assert 100 <= sum(made) < 0.7 * 39 * 100

    def test_the_bound_holds(self):
        """Also of classes whose rows are all but the same. Trap: lengths by products lose their digits."""
        model, x = self.perceptron(dtype=torch.float32), samples(200, 12, dtype=torch.float32)
        with torch.no_grad():
            model.head.weight[1:4] = model.head.weight[0] * (1 + 1e-5 * torch.arange(1, 4))[:, None]
        perceptron = Perceptron.of(model)
        on = (model.body[0](x) > 0).float()
        label = model(x).argmax(dim=1)
        longest = perceptron._longest(on, label[:, None])
        for other in range(8):
            lengths = perceptron._gradients(on, label, torch.full_like(label, other)).norm(dim=1)
            assert (lengths <= longest[:, other]).all()

    def test_no_gradient_ties_and_classes_alike(self):
        """A sample without an active unit, two classes with one row, and a sample on a boundary."""
        model, x = self.perceptron(), samples(60, 12)
        with torch.no_grad():
            model.head.weight[1] = model.head.weight[0]
            model.head.bias[1] = model.head.bias[0] - 1  # never nearer, in no direction
            model.body[0].bias -= 2.0
            model.body[0].weight[0] = 0
        found, wanted = deepfool(model, x, 50, 10, 0.02), self.plain(model, x, 50, 10, 0.02)
        torch.testing.assert_close(found, wanted)
        with torch.no_grad():
            model.body[0].bias.fill_(-1e3)  # no unit is active
        assert deepfool(model, x, 50, 10, 0.02).squared_norms.isinf().all()
        with torch.no_grad():
            model.head.bias.zero_()  # all logits are 0
        assert deepfool(model, x, 50, 10, 0.02).squared_norms.tolist() == [0.0] * 60

    def test_what_is_another_network(self):
        class Own(alframe.Classifier):
            pass

        one = self.perceptron()
        others = [
            nn.Sequential(*one.body, one.head),
            Own(one.body, one.head),
            alframe.Classifier(nn.Sequential(one.body[0], nn.Tanh()), one.head),
            alframe.Classifier(nn.Sequential(nn.Flatten(), *one.body), one.head),
            alframe.Classifier(one.body, nn.Sequential(one.head)),
        ]
        assert [Perceptron.of(model) for model in others] == [None] * 5


class TestLearner:
    @pytest.fixture
    def learner(self, toy):
        learner = alframe.ActiveLearner(toy.hide_labels(), "mlp", "deepfool", device="cpu")
        picks = learner.ask(20)
        learner.tell(picks, toy.targets[picks])
        learner.fit()
        return learner

    def test_scores_are_minus_the_squared_norms_of_the_pool(self, learner, toy):
        query = learner.query(10)
        x = toy.inputs[learner.unlabelled]
        torch.testing.assert_close(query.scores, -deepfool(learner.model, x, 50, 10, 0.02).squared_norms)
        assert query.logged["deepfool"]["not_flipped"] == 0

    def test_the_network_and_the_inputs_stay(self, learner, toy):
        inputs = toy.inputs.clone()
        before = {name: value.clone() for name, value in learner.model.state_dict().items()}
        learner.model.zero_grad(set_to_none=True)
        learner.query(10)
        assert all(torch.equal(value, before[name]) for name, value in learner.model.state_dict().items())
        assert all(parameter.grad is None for parameter in learner.model.parameters())
        assert torch.equal(toy.inputs, inputs)

    def test_a_convolutional_network_with_batch_norm(self):
        digits = alframe.load_dataset("digits")
        body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        model = alframe.Classifier(body, nn.Linear(36, 10))
        learner = alframe.ActiveLearner(digits.hide_labels(), model, "deepfool", device="cpu")
        picks = learner.ask(50)
        learner.tell(picks, digits.targets[picks])
        learner.fit()
        scores = learner.query(10).scores
        x = digits.inputs[learner.unlabelled][:5]
        wanted = [-published(model, row, 50, 10, 0.02) for row in x]
        np.testing.assert_allclose(scores[:5], wanted, rtol=1e-2)


def test_a_query_on_features_says_what_it_needs(make):
    with pytest.raises(UsageError, match="needs the network and its inputs"):
        alframe.query("deepfool", **make().query)


@pytest.mark.parametrize("options", [{"steps": 0}, {"classes": 0}, {"overshoot": -0.1}])
def test_options_outside_their_range(options, make):
    with pytest.raises(UsageError, match="options of 'deepfool'"):
        alframe.query("deepfool", options=options, **make().query)
