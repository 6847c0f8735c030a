import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import alframe
from alframe import ActiveLearner, Classifier, ImageModelOptions, ModelRequest, UsageError
from alframe_mixup import Options
from alframe_mixup._mixup import Mixup, stages
from alframe_vision._models import build


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def called(mixup, model, x, y, random):
    return mixup(model, x, y, *mixup.draws(len(y), random))


def network():
    torch.manual_seed(0)
    return Classifier(nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4)), nn.Linear(4, 3))


class TestFormula:
    """In float64, with the share and the partners that the object drew."""

    @pytest.fixture
    def batch(self):
        x = torch.randn(10, 6, generator=generator(), dtype=torch.float64)
        return network().double(), x, torch.arange(10) % 3

    def test_inputs(self, batch):
        model, x, y = batch
        mixup = Mixup(model, 0.7, manifold=False, generator=generator(1))
        rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator(1))))
        for seed in range(5):
            share = rng.beta(0.7, 0.7)
            rng.integers(1)
            partner = torch.randperm(10, generator=generator(seed))
            loss, right = called(mixup, model, x, y, generator(seed))
            logits = model(torch.stack([share * x[i] + (1 - share) * x[partner[i]] for i in range(10)]))
            soft = share * functional.one_hot(y, 3) + (1 - share) * functional.one_hot(y[partner], 3)
            wanted = -(soft * logits.log_softmax(1)).sum(1).mean()
            torch.testing.assert_close(loss, wanted)
            hits = logits.argmax(1)
            expected = sum(
                share * (hits[i] == y[i]).item() + (1 - share) * (hits[i] == y[partner[i]]).item()
                for i in range(10)
            )
            assert right.item() == pytest.approx(expected, rel=1e-6)

    def test_every_stage_is_mixed_in_turn(self, batch):
        model, x, y = batch
        first, tanh, second = model.body
        mixup = Mixup(model, 1.0, manifold=True, generator=generator(2))
        rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator(2))))
        places = set()
        for seed in range(30):
            share, place = rng.beta(1.0, 1.0), int(rng.integers(3))
            partner = torch.randperm(10, generator=generator(seed))

            def mix(values, share=share, partner=partner):
                return share * values + (1 - share) * values[partner]

            loss, _ = called(mixup, model, x, y, generator(seed))
            if place == 0:
                logits = model(mix(x))
            elif place == 1:
                logits = model.head(second(tanh(mix(first(x)))))
            else:
                logits = model.head(mix(second(tanh(first(x)))))
            wanted = share * functional.cross_entropy(logits, y)
            wanted += (1 - share) * functional.cross_entropy(logits, y[partner])
            torch.testing.assert_close(loss, wanted)
            places.add(place)
        assert places == {0, 1, 2}
        assert not any(module._forward_hooks for module in model.modules())


def test_shares_follow_the_beta_distribution(monkeypatch):
    model, x, y = network(), torch.ones(2, 6), torch.tensor([0, 1])
    x[1] = 0
    seen = []
    model.register_forward_pre_hook(lambda module, given: seen.append(given[0][0, 0].item()))
    for alpha, deviation in ((0.2, 0.25), (5.0, 0.03)):
        seen.clear()
        mixup = Mixup(model, alpha, manifold=False, generator=generator())
        random = generator()
        for _ in range(1000):
            called(mixup, model, x, y, random)
        shares = [value for value in seen if value < 1]  # 1: the sample is its own partner
        assert np.mean((np.array(shares) - 0.5) ** 2) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.2)
        assert abs(np.mean(shares) - 0.5) < deviation / 5


def test_a_hook_is_taken_away_even_after_an_error():
    model = network()
    mixup = Mixup(model, 1.0, manifold=True, generator=generator())
    for _ in range(20):
        with pytest.raises(RuntimeError):
            called(mixup, model, torch.ones(4, 7), torch.zeros(4, dtype=torch.int64), generator())
    assert not any(module._forward_hooks for module in model.modules())


def test_stages_of_networks():
    resnet = build("resnet18", ModelRequest(torch.Size((3, 32, 32)), 5, ImageModelOptions(embedding_size=8)))
    inner, linear = resnet.body
    wanted = [inner.conv1, inner.bn1, inner.layer1, inner.layer2, inner.layer3, inner.layer4, linear]
    assert [id(stage) for stage in stages(resnet.body)] == [id(stage) for stage in wanted]
    vgg = build("vgg11", ModelRequest(torch.Size((3, 32, 32)), 5, ImageModelOptions()))
    assert [type(stage) for stage in stages(vgg.body)] == [nn.Sequential, nn.Sequential]


@pytest.mark.parametrize("mix", ["input", "manifold"])
def test_it_learns_and_repeats(mix):
    digits = alframe.load_dataset("digits")
    weights = []
    for _ in range(2):
        learner = ActiveLearner(
            digits.hide_labels(),
            "mlp",
            "random",
            stages={"train": "mixup"},
            options={"mixup": {"mix": mix}},
            recipe=alframe.Recipe(epochs=50, stop_accuracy=None),
            device="cpu",
        )
        learner.tell(torch.arange(300), digits.targets[:300])
        result = learner.fit()
        assert result.epochs == 50
        assert result.accuracy < 0.95  # of mixtures
        assert learner.evaluate().accuracy > 0.85
        weights.append(learner.model.head.weight.clone())
    assert torch.equal(*weights)


def test_alpha_outside_its_range():
    with pytest.raises(ValueError, match="alpha must be above 0"):
        Options(alpha=0)


def test_bytes_of_texts_are_not_mixed():
    """Mixtures of letters are other letters, not something in between."""
    x = torch.zeros(4, 9, dtype=torch.uint8)
    with pytest.raises(UsageError, match="bytes of these samples, as texts are, mean nothing when mixed"):
        called(
            Mixup(network(), 0.7, manifold=False, generator=generator()),
            network(),
            x,
            x[:, 0].long(),
            generator(),
        )
