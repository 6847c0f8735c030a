import dataclasses
from pathlib import Path

from alframe.experiments.plan import trials
from alframe.experiments.settings import resolve


def test_the_name_says_the_setting_where_there_are_several(registry):
    settings = resolve(registry, {"run": {"strategy": ["margin"], "seeds": [3], "out": "o"}})
    (trial,) = trials(settings)
    assert trial.name == "margin seed 3"
    assert trial.folder == Path("o") / "digits" / settings.setting_folder / "margin" / "seed-3"
    varied = {"data.name": "digits", "run.query_size": "10", "train.epochs": "5"}
    (again,) = trials(dataclasses.replace(settings, varied=varied))
    assert again.name == "digits query_size=10 train.epochs=5: margin seed 3"
    assert again.folder == trial.folder
