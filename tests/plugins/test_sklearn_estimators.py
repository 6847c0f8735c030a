import pytest
import torch
from sklearn.neighbors import NearestCentroid
from sklearn.utils import all_estimators

import alframe
from alframe import ActiveLearner, UsageError
from alframe_sklearn._estimators import classifiers

WITHOUT = {  # no probabilities, or made of others; each is refused in a line
    *("LinearSVC", "NuSVC", "SVC", "PassiveAggressiveClassifier", "Perceptron", "RidgeClassifier"),
    *("RidgeClassifierCV", "SGDClassifier", "ClassifierChain", "MultiOutputClassifier", "OneVsOneClassifier"),
    *("OneVsRestClassifier", "OutputCodeClassifier", "StackingClassifier", "VotingClassifier"),
    *("FixedThresholdClassifier", "TunedThresholdClassifierCV", "SelfTrainingClassifier"),
    *(() if hasattr(NearestCentroid, "predict_proba") else ("NearestCentroid",)),  # since 1.6
}
OPTIONS = {"RadiusNeighborsClassifier": {"radius": 4.0, "outlier_label": "most_frequent"}}
COUNTS = {"CategoricalNB", "ComplementNB", "MultinomialNB"}  # take no negative numbers


def named():
    return [name for name, kind in all_estimators("classifier")]


def learner_of(name, toy):
    options = OPTIONS.get(name, {})
    return ActiveLearner(toy.hide_labels(), f"sklearn:{name}", "margin", model_options=options)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(WITHOUT & set(named())))
def test_who_has_no_probabilities_is_refused_in_a_line(name, toy):
    with pytest.raises(UsageError, match="gives no prob|is made of other|unknown class") as raised:
        learner_of(name, toy)
    assert "\n" not in str(raised.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(named()) - WITHOUT - COUNTS))
@pytest.mark.filterwarnings("ignore::FutureWarning")  # of what the next version has another default of
def test_every_other_classifier_learns(name, toy):
    learner = learner_of(name, toy)
    learner.tell(range(60), toy.targets[:60])
    learner.fit()
    assert len(learner.ask(10)) == 10
    assert learner.evaluate().accuracy > (0.2 if name == "DummyClassifier" else 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(COUNTS))
def test_who_takes_counts_alone_says_so(name, toy):
    learner = learner_of(name, toy)
    learner.tell(range(60), toy.targets[:60])
    with pytest.raises(alframe.TrialError, match=f"{name} can't be fitted to 60 samples .*[Nn]egative"):
        learner.fit()


@pytest.mark.parametrize("name", ["HistGradientBoosting", "GaussianNB", "KNeighborsClassifier"])
def test_names_with_and_without_their_end(name, toy):
    model = ActiveLearner(toy.hide_labels(), f"sklearn:{name}", "margin").model
    assert type(model.head.prototype).__name__.removesuffix("Classifier") == name.removesuffix("Classifier")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "RandomForrest",
            "unknown classifier of scikit-learn 'RandomForrest'. Did you mean sklearn:RandomForest",
        ),
        ("zzz", "unknown classifier of scikit-learn 'zzz'. Known: AdaBoost, "),
        (
            "SVC",
            r"sklearn:SVC gives no probabilities: take .*CalibratedClassifierCV\(SVC\(\)\)",
        ),
        ("SGD", "sklearn:SGD gives no probabilities: -o model.loss=log_loss"),
        ("Perceptron", "sklearn:Perceptron gives no probabilities: take sklearn:CalibratedClassifierCV"),
        (
            "Voting",
            r"sklearn:Voting is made of other estimators, .*ActiveLearner\(dataset, VotingClassifier",
        ),
        ("", "model 'sklearn:' needs NAME after a colon: sklearn:NAME"),
    ],
)
def test_what_is_refused(name, message, toy):
    with pytest.raises(UsageError, match=message):
        ActiveLearner(toy.hide_labels(), f"sklearn:{name}", "margin")


def test_options_are_the_parameters(toy):
    learner = ActiveLearner(
        toy.hide_labels(), "sklearn:SGD", "margin", model_options={"loss": "log_loss", "alpha": 0.01}
    )
    assert (learner.model.head.prototype.loss, learner.model.head.prototype.alpha) == ("log_loss", 0.01)


def test_the_table_is_standardised_for_them(tmp_path):
    """Neighbours by a column of metres and one of millimetres, as in a table of numbers."""
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    rows = [f"{a * 1000},{b},{'yes' if b > 0 else 'no'}" for a, b in x.tolist()]
    (tmp_path / "t.csv").write_text("\n".join(["millimetres,metres,kind", *rows]))
    data = alframe.load_dataset(f"csv:{tmp_path / 't.csv'}", target="kind")
    learner = ActiveLearner(data.hide_labels(), "sklearn:KNeighbors", "margin")
    learner.tell(range(100), data.targets[:100])
    learner.fit()
    assert learner.evaluate().accuracy > 0.8


def test_nothing_else_is_a_classifier():
    public = {name for name, _ in all_estimators("classifier")}
    assert set(classifiers()) <= public
