import json

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB, MultinomialNB

import alframe
from alframe import ActiveLearner, Recipe, TrialError, UsageError
from alframe.experiments.sweep import resolve_sweep
from alframe.registry.registry import installed
from alframe_estimator._fit import seeded
from doubles import Watch, repeatable


def flat(dataset):
    return dataset.inputs.flatten(1).double().numpy(), dataset.targets.numpy()


@pytest.fixture(scope="module")
def digits():
    return alframe.load_dataset("digits", test_fraction=0.2)


BOOSTING = HistGradientBoostingClassifier(max_iter=10, random_state=0)


@pytest.mark.parametrize("estimator", [BOOSTING, GaussianNB()])
def test_picks_are_those_of_a_loop_by_hand(estimator, digits):
    """A loop of scikit-learn's with the margin in float64, on the same first labels."""
    x, y = flat(digits)
    learner = ActiveLearner(digits.hide_labels(), estimator, "margin", seed=1)
    labelled = learner.ask(40)
    for _ in range(3):
        learner.tell(labelled[len(learner.labelled) :], digits.targets[labelled[len(learner.labelled) :]])
        learner.fit()
        by_hand = type(estimator)(**estimator.get_params()).fit(x[labelled], y[labelled])
        pool = np.setdiff1d(np.arange(len(x)), labelled.numpy())
        best = np.sort(by_hand.predict_proba(x[pool]), axis=1)
        margins = dict(zip(pool.tolist(), best[:, -1] - best[:, -2], strict=True))
        picks = learner.ask(20)
        expected = sorted(margins.values())[:20]
        assert np.allclose([margins[pick] for pick in picks.tolist()], expected, atol=1e-6)
        labelled = torch.cat([labelled, picks])
    test = digits.test_inputs.flatten(1).double().numpy()
    right = float((by_hand.predict(test) == digits.test_targets.numpy()).mean())
    assert learner.evaluate().accuracy == pytest.approx(right)


@pytest.mark.parametrize("estimator", [RandomForestClassifier(5), LogisticRegression()])
def test_one_class_and_a_class_that_nobody_has_seen(estimator, toy):
    learner = ActiveLearner(toy.hide_labels(), estimator, "margin")
    of = [torch.where(toy.targets == number)[0][:5] for number in range(3)]
    learner.tell(of[1], toy.targets[of[1]])
    result = learner.fit()
    assert result.accuracy == 1.0
    assert learner.predict(range(10)).tolist() == [1] * 10
    assert len(learner.ask(5)) == 5
    learner.tell(of[2], toy.targets[of[2]])
    learner.fit()
    assert (learner.probabilities(range(50))[:, 0] < 1e-12).all()
    assert set(learner.predict(range(50)).tolist()) == {1, 2}


def test_a_seed_repeats_and_another_does_not(toy):
    def probabilities(seed, state=None):
        learner = ActiveLearner(toy.hide_labels(), RandomForestClassifier(3, random_state=state), seed=seed)
        learner.tell(range(30), toy.targets[:30])
        learner.fit()
        return learner.probabilities(range(60))

    assert torch.equal(probabilities(1), probabilities(1))
    assert not torch.equal(probabilities(1), probabilities(2))
    assert torch.equal(probabilities(1, 7), probabilities(2, 7))  # the user's own stays


def test_every_random_state_is_drawn_and_the_users_stays():
    voting = VotingClassifier(
        [("a", RandomForestClassifier()), ("b", RandomForestClassifier(random_state=3))]
    )
    given = seeded(voting, torch.Generator().manual_seed(0)).get_params()
    assert isinstance(given["a__random_state"], int)
    assert given["b__random_state"] == 3
    assert voting.get_params()["a__random_state"] is None


class Global(ClassifierMixin, BaseEstimator):
    """Draws from NumPy's global state, as an estimator of one's own may."""

    def fit(self, x, y):
        self.classes_ = np.unique(y)
        self.share = np.random.rand(len(self.classes_))  # noqa: NPY002
        return self

    def predict_proba(self, x):
        return np.tile(self.share / self.share.sum(), (len(x), 1))


def test_the_global_state_is_seeded_and_put_back(toy):
    def probabilities():
        learner = ActiveLearner(toy.hide_labels(), Global(), "margin", seed=1)
        learner.tell(range(9), toy.targets[:9])
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        learner.fit()
        assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
        return learner.probabilities(range(3))

    first = probabilities()
    np.random.rand()  # noqa: NPY002
    assert torch.equal(probabilities(), first)


def test_the_validation_part_is_judged(toy):
    learner = ActiveLearner(toy.hide_labels(), GaussianNB(), recipe=Recipe(validation=0.3))
    learner.tell(range(40), toy.targets[:40])
    result = learner.fit()
    assert learner.validation_size == 12
    assert result.validation_accuracy > 0.8
    assert (result.epochs, result.accuracy > 0.9, result.loss < 0.5) == (1, True, True)


def test_what_did_not_converge_is_logged_and_not_warned_of(toy):
    learner = ActiveLearner(toy.hide_labels(), LogisticRegression(max_iter=1), "margin")
    learner.tell(range(40), toy.targets[:40])
    assert learner.fit().logged == {"estimator": {"not_converged": 1}}
    with pytest.warns(ConvergenceWarning):
        LogisticRegression(max_iter=1).fit(*(part[:40] for part in flat(toy)))


def test_who_can_not_be_fitted_says_why_in_a_line(toy):
    learner = ActiveLearner(toy.hide_labels(), MultinomialNB(), "margin")
    learner.tell(range(40), toy.targets[:40])
    with pytest.raises(
        TrialError, match="MultinomialNB can't be fitted to 40 samples of 3 classes: ValueError"
    ):
        learner.fit()


def test_nobody_named_a_strategy(toy, tmp_path):
    """The default of networks needs weights; the one of estimators suits them all."""
    assert ActiveLearner(toy.hide_labels(), GaussianNB()).pipeline.asked_for == "margin"
    (settings,) = resolve_sweep(installed(), {"model": {"name": "sklearn:GaussianNB"}})
    assert settings.run.strategy == ("margin",)


def test_a_model_is_a_name_a_network_or_an_estimator(toy):
    with pytest.raises(UsageError, match="or an estimator with fit and predict_proba, got int"):
        ActiveLearner(toy, 3)
    with pytest.raises(
        UsageError, match="model_options are for a network by name, and model is a GaussianNB"
    ):
        ActiveLearner(toy, GaussianNB(), model_options={"a": 1})


def read(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
def run(tmp_path):
    """Runs two strategies; records by strategy."""

    def run(out, watch=None, **options):
        sizes = {"rounds": 2, "initial_size": 30, "query_size": 10, "device": "cpu"}
        trials = {"strategy": ["margin", "qbc"], "seeds": [1], "out": str(tmp_path / out)}
        sections = {"run": trials | sizes | options, "data": {"name": "digits"}}
        model = {"name": "sklearn:RandomForest", "n_estimators": 5}
        alframe.run(sections | {"model": model}, listener=watch)
        files = sorted((tmp_path / out).rglob("rounds.jsonl"))
        return {file.parent.parent.name: repeatable(read(file)) for file in files}

    return run


@pytest.mark.parametrize("stop_after", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_a_run_that_was_interrupted_goes_on_as_if_it_never_was(run, stop_after):
    whole = run("whole")
    assert whole.keys() == {"margin", "qbc"}
    with pytest.raises(KeyboardInterrupt):
        run("parts", Watch(stop_after))
    assert run("parts") == whole


@pytest.mark.slow
def test_processes_have_the_same_records(run):
    assert run("parts", jobs=2) == run("whole")


def test_the_options_and_the_trainer_are_the_settings(tmp_path):
    def folder(model="sklearn:RandomForest", **options):
        given = {"run": {"out": str(tmp_path)}, "model": {"name": model, **options}}
        given["stages"] = {"train": "estimator"} if options.pop("asked", False) else {}
        (settings,) = resolve_sweep(installed(), given)
        return settings.setting_folder

    assert folder() == folder(max_depth="none")
    assert folder() != folder(max_depth=3)
    assert folder() != folder("sklearn:ExtraTrees")


def test_lists_of_values_make_settings(tmp_path):
    given = {"model": {"name": "sklearn:RandomForest", "max_depth": "3,5", "max_features": "sqrt"}}
    settings = resolve_sweep(installed(), given)
    assert [one.model_options.max_depth for one in settings] == [3, 5]


def test_calibration_scales_weights_and_asks_for_another_model_where_there_are_none(toy):
    recipe = Recipe(validation=0.4, calibrate="temperature")
    learner = ActiveLearner(toy.hide_labels(), LogisticRegression(), "badge", recipe=recipe)
    learner.tell(range(60), toy.targets[:60])
    learner.fit()
    assert learner.temperature != 1
    message = r"GaussianNB is none: leave it at none, or give CalibratedClassifierCV\(GaussianNB\(...\)\)"
    with pytest.raises(UsageError, match=message):
        ActiveLearner(toy.hide_labels(), GaussianNB(), "margin", recipe=recipe)
