import json
import tomllib

import numpy as np
import pytest
import tomli_w

from alframe import PluginError, UsageError
from alframe.experiments.settings import resolve, safe_name
from alframe.experiments.sweep import resolve_sweep


def test_defaults(registry):
    settings = resolve(registry, {})
    assert [pipeline.label for pipeline in settings.pipelines] == ["alfamix"]
    assert settings.dataset.name == "digits"
    assert settings.model.name == "mlp"
    assert settings.run.seeds == (1, 2, 3, 4, 5)
    assert settings.run.rounds == 10


def test_every_value_survives_the_way_through_a_file(registry):
    given = {
        "run": {"strategy": ["margin", "alfamix"], "seeds": [3], "initial": "balanced"},
        "train": {"stop_accuracy": "none", "optimizer": "sgd"},
        "model": {"name": "mlp", "hidden": 32},
        "alfamix": {"cap": 0.5},
        "stages": {"select": "alfamix"},
    }
    settings = resolve(registry, given)
    sections = settings.sections()
    again = resolve(registry, tomllib.loads(tomli_w.dumps(sections)))
    assert again.sections() == sections
    assert again.recipe.stop_accuracy is None
    assert again.setting_folder == settings.setting_folder
    assert [p.label for p in again.pipelines] == [p.label for p in settings.pipelines]


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"run": {"rounds": -1}}, "rounds must not be negative"),
        ({"run": {"query_size": 0}}, "query_size must be at least 1, got 0"),
        ({"run": {"initial_size": "-5"}}, "initial_size must be at least 1, got -5"),
        ({"run": {"query_growth": 0}}, "query_growth must be above 0"),
        ({"run": {"seeds": []}}, "seeds is empty"),
        ({"run": {"seeds": [1, 1]}}, "seeds names one twice"),
        ({"run": {"seeds": ["a"]}}, "run.seeds: expected list of int"),
        ({"run": {"strategy": []}}, "strategy is empty"),
        (
            {"run": {"initial": "lucky"}},
            "run.initial: unknown start 'lucky'. Known: activeft, balanced, centroids, ",
        ),
        ({"run": {"roundz": 1}}, "Did you mean 'rounds'"),
        ({"run": {"log": ["cvs"]}}, "unknown plugin for --log 'cvs'. Did you mean 'csv'"),
        (
            {"run": {"log": ["margin"]}},
            "'margin' has no event hook; csv, mlflow, tensorboard, wandb have one",
        ),
        ({"data": {"name": "digitz"}}, "unknown data set 'digitz'"),
        ({"data": {"name": "digits:x"}}, "takes nothing after a colon"),
        ({"data": {"name": "npz"}}, "needs PATH after a colon: npz:PATH"),
        ({"data": {"colour": 1}}, "unknown option of 'data' 'colour'"),
        ({"model": {"name": "mpl"}}, "unknown model 'mpl'. Did you mean 'mlp'"),
        ({"model": {"name": "mlp:x"}}, "model 'mlp' takes nothing after a colon, got 'mlp:x'"),
        ({"model": {"name": "timm"}}, "model 'timm' needs NAME after a colon: timm:NAME"),
        ({"model": {"hidden": 0}}, "hidden must be at least 1"),
        ({"features": {"name": "mpl"}}, "unknown model 'mpl'. Did you mean 'mlp'"),
        ({"features": {"name": "npy"}}, "features.name=npy needs PATH after a colon: npy:PATH"),
        ({"features": {"name": "mlp", "hiden": 1}}, "unknown option of 'features' 'hiden'. Did you mean"),
        ({"features": {"name": "mlp", "hidden": 0}}, "options of 'features': hidden must be at least 1"),
        ({"features": {"name": "npy:x.npy", "hidden": 1}}, "unknown option of 'features' 'hidden'"),
        ({"features": {"hidden": 1}}, r"options of 'features' are given \(hidden\) and no network: name one"),
        ({"train": {"epochs": "many"}}, "train.epochs: expected int, got 'many'"),
        ({"stages": {"score": "random"}}, "no score stage"),
        ({"alfamx": {"cap": 1}}, "unknown section 'alfamx'. Did you mean 'alfamix'"),
        ({"alfamix": {"capp": 1}}, "unknown option of 'alfamix' 'capp'"),
        ({"alfamix": {"cap": 2.0}}, "cap must lie above 0 and up to 1 or be none, got 2.0"),
    ],
)
def test_mistakes_are_named(registry, sections, message):
    with pytest.raises(UsageError, match=message):
        resolve(registry, sections)


def test_options_of_a_broken_plugin(registry, make_plugin):
    registry.register(make_plugin(alframe_scroe=lambda: None), "broken")
    with pytest.raises(PluginError, match="broken"):
        resolve(registry, {"broken": {"x": 1}})


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"run": {"seeds": [9]}}, True),
        ({"run": {"strategy": ["random"]}}, True),
        ({"run": {"device": "cpu"}}, True),
        ({"run": {"out": "elsewhere"}}, True),
        ({"data": {"dir": "elsewhere"}}, True),
        ({"alfamix": {"cap": 0.1}}, True),
        ({"run": {"rounds": 3}}, False),
        ({"run": {"initial": "balanced"}}, False),
        ({"run": {"initial": "own"}}, False),
        ({"run": {"initial": "coreset"}}, False),
        ({"run": {"pool_size": 50}}, False),
        ({"run": {"retrain_every": 4}}, False),
        ({"run": {"query_growth": 2.0}}, False),
        ({"train": {"weight_decay": 0.1}}, False),
        ({"model": {"hidden": 8}}, False),
        ({"model": {"name": "lenet"}}, False),
        ({"features": {"name": "none"}}, True),
        ({"features": {"name": "mlp"}}, False),
        ({"data": {"test_fraction": 0.5}}, False),
        ({"stages": {"train": "default"}}, False),
    ],
)
def test_what_makes_a_setting(registry, change, same):
    base, changed = resolve(registry, {}), resolve(registry, change)
    assert (base.setting_folder == changed.setting_folder) is same


def test_a_start_by_an_alias_is_the_same_setting(registry):
    by_name, alias = (resolve(registry, {"run": {"initial": name}}) for name in ("coreset", "CoreSet"))
    assert by_name.setting_folder == alias.setting_folder
    assert by_name.start_of(by_name.pipelines[0]).strategy.name == "coreset"


def test_two_files_of_one_name_are_two_settings(registry):
    folders = {resolve(registry, {"data": {"name": f"npz:{d}/x.npz"}}).setting_folder for d in ("a", "b")}
    assert len(folders) == 2
    assert resolve(registry, {"data": {"name": "npz:a/x.npz"}}).dataset_folder == "npz-x"


@pytest.fixture
def two_mounts(tmp_path, monkeypatch):
    """The same files at two places."""
    monkeypatch.chdir(tmp_path)
    for place in ("here", "there"):
        (tmp_path / place / "photos" / "cats").mkdir(parents=True)
        (tmp_path / place / "photos" / "cats" / "1.png").write_text("picture")
        (tmp_path / place / "x.csv").write_text("a,label\n1,2\n")
        np.savez(tmp_path / place / "x.npz", x=np.zeros((40, 3)), y=np.arange(40) % 2)
        np.save(tmp_path / place / "x.npy", np.zeros((40, 3)))


@pytest.mark.parametrize("name", ["npz:{}/x.npz", "csv:{}/x.csv", "imagefolder:{}/photos"])
def test_the_same_data_under_another_mount_point_are_the_same_setting(registry, two_mounts, name):
    here, there = ({"data": {"name": name.format(place)}} for place in ("here", "there"))
    assert resolve(registry, here).folder == resolve(registry, there).folder
    features = [{"features": {"name": f"npy:{place}/x.npy"}} for place in ("here", "there")]
    assert len({resolve(registry, here | one).folder for one in features}) == 1


def test_other_data_of_the_same_name_are_mostly_seen_before_they_are_read(registry, two_mounts, tmp_path):
    (tmp_path / "there" / "photos" / "dogs").mkdir()
    with (tmp_path / "there" / "x.csv").open("a") as file:
        file.write("3,4\n")
    np.save(tmp_path / "there" / "x.npy", np.zeros((41, 3)))
    for name in ("csv:{}/x.csv", "imagefolder:{}/photos"):
        found = {
            resolve(registry, {"data": {"name": name.format(place)}}).folder for place in ("here", "there")
        }
        assert len(found) == 2
    features = [{"features": {"name": f"npy:{place}/x.npy"}} for place in ("here", "there")]
    assert len({resolve(registry, one).folder for one in features}) == 2


def test_what_a_reader_leaves_in_a_folder_makes_no_other_setting(registry, two_mounts, tmp_path):
    data = {"data": {"name": "imagefolder:here/photos"}}
    before = resolve(registry, data).folder
    (tmp_path / "here" / "photos" / "cache-1.arrow").touch()
    (tmp_path / "here" / "photos" / ".cache").mkdir()
    assert resolve(registry, data).folder == before


def test_a_data_set_with_a_number_is_the_same_from_every_folder(registry, tmp_path, monkeypatch):
    found = set()
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        monkeypatch.chdir(tmp_path / place)
        found.add(resolve(registry, {"data": {"name": "openml:61"}}).setting_folder)
    assert len(found) == 1
    assert resolve(registry, {"data": {"name": "openml:62"}}).setting_folder not in found


def test_a_setting_that_an_earlier_alframe_began_goes_on(registry, two_mounts):
    """Its hash has the place of the data in it; this is what version 0.1.0 made of a place."""
    settings = resolve(registry, {"data": {"name": "npz:here/x.npz"}})
    earlier = settings._named(settings._setting())
    assert settings.setting_folder != earlier
    (settings.folder.parent / earlier).mkdir(parents=True)
    assert resolve(registry, {"data": {"name": "npz:here/x.npz"}}).setting_folder == earlier
    assert resolve(registry, {"data": {"name": "npz:there/x.npz"}}).folder == settings.folder


def test_a_setting_is_found_when_its_data_are_gone(registry, two_mounts, tmp_path):
    settings = resolve(registry, {"data": {"name": "npz:here/x.npz"}, "model": {"name": "linear"}})
    trial = settings.folder / "margin" / "seed-1"
    trial.mkdir(parents=True)
    names = {"strategy": "margin", "seed": "1", "setting": settings.setting_folder, "kind": settings.kind}
    (trial / "environment.json").write_text(json.dumps({"trial": names, "data": {"content": "1"}}))
    (tmp_path / "here" / "x.npz").unlink()
    again = resolve(registry, {"data": {"name": "npz:here/x.npz"}, "model": {"name": "linear"}})
    assert again.folder == settings.folder
    other = resolve(registry, {"data": {"name": "npz:here/x.npz"}, "model": {"name": "mlp"}})
    assert other.folder != settings.folder


def test_a_network_with_a_location(registry):
    one, other = (resolve(registry, {"model": {"name": f"timm:{name}"}}) for name in ("resnet10t", "a/b"))
    assert one.model_name == one.sections()["model"]["name"] == "timm:resnet10t"
    assert one.setting_folder.startswith("timm-resnet10t-100+10x100-")
    assert other.setting_folder.startswith("timm-a-b-")
    again = resolve(registry, one.sections())
    assert again.setting_folder == one.setting_folder
    as_options = {"model": {"name": "timm:resnet10t", "image_size": 64}}
    assert resolve(registry, as_options).setting_folder != one.setting_folder


def test_the_digest_of_a_network_without_a_location_stays(registry):
    """Runs of earlier versions are found again; the README shows this folder."""
    assert resolve(registry, {}).setting_folder == "mlp-100+10x100-94cc1558"


@pytest.mark.parametrize(
    ("arrays", "network"),
    [
        ({"x_train": np.zeros((4, 3))}, "linear"),
        ({"x_train": np.zeros((4, 3), np.float16)}, "linear"),
        ({"x_train": np.zeros((4, 3), np.uint8)}, "mlp"),
        ({"x_train": np.zeros((4, 8, 8))}, "mlp"),
        ({"other": np.zeros((4, 3))}, "mlp"),
        ({"x_train": np.array([None])}, "mlp"),
    ],
)
def test_features_in_a_file_get_a_linear_head_unless_another_network_is_named(
    registry, tmp_path, arrays, network
):
    np.savez(tmp_path / "some.npz", **arrays)
    data = {"data": {"name": f"npz:{tmp_path / 'some.npz'}"}}
    settings = resolve(registry, data)
    assert settings.model_name == settings.sections()["model"]["name"] == network
    assert resolve(registry, data | {"model": {"name": "cnn"}}).model_name == "cnn"
    (swept,) = resolve_sweep(registry, data | {"model": {"dropout": 0.5}})
    assert (swept.model_name, swept.model_options.dropout) == (network, 0.5)


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04" + bytes(40), None])
def test_a_file_that_is_none_leaves_it_to_the_reader_to_say_so(registry, tmp_path, content):
    path = tmp_path / "some.npz"
    if content is not None:
        path.write_bytes(content)
    wanted = "linear" if content is None else "mlp"  # what was run on a file that is gone is still found
    assert resolve(registry, {"data": {"name": f"npz:{path}"}}).model_name == wanted


def test_fixed_features_are_part_of_the_setting(registry):
    named = [{"name": "mlp"}, {"name": "mlp", "hidden": 8}, {"name": "npy:a/x.npy"}, {"name": "npy:b/x.npy"}]
    found = [resolve(registry, {"features": section}) for section in named]
    assert len({one.setting_folder for one in found}) == 4
    assert len({one.kind for one in found}) == 3  # a file may have been moved
    assert found[0].setting_folder.startswith("mlp+mlp-100+10x100-")
    assert found[2].setting_folder.startswith("mlp+npy-x-100+10x100-")
    for one, given in zip(found, named, strict=True):
        assert one.sections()["features"].items() >= given.items()
        assert resolve(registry, one.sections()).setting_folder == one.setting_folder
    assert resolve(registry, {}).sections()["features"] == {"name": "none"}


def test_what_changes_no_result_is_no_part_of_the_digest(registry):
    run = {"jobs": 2, "device": "cpu", "out": "elsewhere", "keep_features": True, "seeds": [9]}
    assert resolve(registry, {"run": run}).setting_folder == resolve(registry, {}).setting_folder


def test_growing_queries(registry):
    run = resolve(registry, {"run": {"query_size": 10, "query_growth": 1.5}}).run
    assert [run.size_of_query(number) for number in (1, 2, 3)] == [10, 15, 22]


def test_options_that_nobody_uses_are_noticed(registry):
    settings = resolve(registry, {"run": {"strategy": ["random"]}, "alfamix": {"cap": 0.1}})
    assert settings.unused_sections() == ["alfamix"]


def test_safe_names():
    assert safe_name("npz:a b/c+x=0.1") == "npz-a-b-c+x=0.1"
    assert len(safe_name("x" * 500)) < 130
    assert safe_name("x" * 500) != safe_name("x" * 501)


def test_all_is_every_strategy_once(registry):
    settings = resolve(registry, {"run": {"strategy": ["all", "alfamix"]}})
    assert [p.label for p in settings.pipelines] == registry.worth_running
    assert settings.asks_for_all
    sections = settings.sections()
    assert sections["run"]["strategy"] == ["all"]
    assert [p.label for p in resolve(registry, sections).pipelines] == [p.label for p in settings.pipelines]
    assert settings.sections(settings.pipelines[:1])["run"]["strategy"] == ["activeft"]


def test_a_part_for_others_is_run_where_it_is_asked_for(registry):
    def labels(*strategies):
        return [p.label for p in resolve(registry, {"run": {"strategy": strategies}}).pipelines]

    assert "stochastic" not in labels("all")
    assert labels("stochastic") == ["stochastic"]
    assert labels("all", "stochastic") == [*labels("all"), "stochastic"]
    sections = resolve(registry, {"run": {"strategy": ["all", "stochastic", "margin"]}}).sections()
    assert sections["run"]["strategy"] == ["all", "stochastic"]


def test_of_all_those_whose_scores_do_not_suit_are_no_error_yet(registry):
    """They are left out later, with the reason; who asks by name is told at once."""
    stages = {"select": "maxherding"}
    settings = resolve(registry, {"run": {"strategy": ["all"]}, "stages": stages})
    assert "margin" in {p.strategy.name for p in settings.pipelines}
    with pytest.raises(UsageError, match="^maxherding needs scores of at least 0, and those of margin"):
        resolve(registry, {"run": {"strategy": ["random", "margin"]}, "stages": stages})


def test_a_strategy_and_its_alias_are_one_folder(registry):
    settings = resolve(registry, {"run": {"strategy": ["CoreSet", "coreset", "RandomSampling"]}})
    assert [p.label for p in settings.pipelines] == ["coreset", "random"]
