import sys

import pytest
import torch

from alframe import ActiveLearner, UsageError
from alframe_lightgbm import options_at

OPTIONS = {"n_estimators": 10, "max_depth": 3}


def learner(toy, **others):
    pytest.importorskip("lightgbm", reason="an extra's")
    return ActiveLearner(toy.hide_labels(), "lightgbm", "margin", model_options=OPTIONS, **others)


def test_it_learns(toy, capfd):
    one = learner(toy)
    for _ in range(2):
        picks = one.ask(40)
        one.tell(picks, toy.targets[picks])
        one.fit()
    assert one.evaluate().accuracy > 0.8
    assert one.model.head.fitted.estimator.n_jobs == torch.get_num_threads()
    assert capfd.readouterr() == ("", "")


def test_classes_may_have_gaps(toy):
    one = learner(toy)
    seen = torch.where(toy.targets != 1)[0][:60]
    one.tell(seen, toy.targets[seen])
    one.fit()
    assert (one.probabilities(range(50))[:, 1] < 1e-12).all()
    assert set(one.predict(seen).tolist()) == {0, 2}


def test_without_the_library_it_says_what_to_install(toy, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(UsageError, match=r'lightgbm is not installed: pip install "alframe\[lightgbm\]"'):
        ActiveLearner(toy.hide_labels(), "lightgbm", "margin")
    with pytest.raises(UsageError, match="is not installed"):
        options_at("")


def test_what_it_can_not_use_is_refused_before_anything_is_trained(toy):
    pytest.importorskip("lightgbm", reason="an extra's")
    with pytest.raises(UsageError, match="LGBMClassifier can't be fitted as it is: .*num_leaves"):
        ActiveLearner(toy.hide_labels(), "lightgbm", "margin", model_options={"num_leaves": -3})
