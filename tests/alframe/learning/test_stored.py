"""A pool in files has the answers of one in memory, to the last bit."""

import itertools
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import alframe
from alframe import UsageError
from alframe.data.shards import open_shards
from alframe.errors import DamagedFileError
from alframe.learning.stored import StoredRows
from alframe.registry.registry import Registry
from doubles import BenchCrew

CPU = torch.device("cpu")
N, D, C = 20_000, 24, 7
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D)).astype(np.float16)
X[300:400] = X[17]  # equal rows: ties
HEAD = (RNG.normal(size=(C, D)), RNG.normal(size=C))
LABELLED = {"labelled_features": RNG.normal(size=(30, D)), "labelled_targets": np.arange(30) % C}
CUTS = [0, 1, 1, 4000, 4001, 11_111, 19_000, N]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("feats")
    for number, (start, stop) in enumerate(itertools.pairwise(CUTS)):
        np.save(folder / f"part-{number:05}.npy", X[start:stop])
    return folder


def ask(strategy, features, **changes):
    arguments = {"features": features, "head": HEAD, "n": 300, "device": "cpu"} | LABELLED
    return alframe.query(strategy, **(arguments | changes))


def by_blocks(strategy, features, **changes):
    result = ask(strategy, features, memory=6e5, **changes)
    assert result.reading is not None
    return result


def same(one, other):
    assert torch.equal(one.indices, other.indices)
    assert (one.scores is None) == (other.scores is None)
    assert one.scores is None or torch.equal(one.scores, other.scores)


@pytest.mark.parametrize("strategy", ["margin", "entropy", "least-confidence", "random", "bald"])
def test_scores_and_picks_by_blocks(strategy, folder):
    same(by_blocks(strategy, folder), ask(strategy, X))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("strategy", ["coreset", "badge", "cdal"])
@pytest.mark.parametrize("labelled", [LABELLED, dict.fromkeys(LABELLED)], ids=["labelled", "none"])
def test_picks_by_distances(strategy, seed, labelled, folder):
    changes = {"seed": seed} | labelled
    same(by_blocks(strategy, folder, **changes), ask(strategy, X, **changes))


@pytest.mark.parametrize("strategy", ["coreset", "badge"])
def test_features_that_lie_far_from_the_origin(strategy, tmp_path):
    far = X[:6000].astype(np.float32) + 500
    np.save(tmp_path / "a.npy", far[:7])
    np.save(tmp_path / "b.npy", far[7:])
    same(by_blocks(strategy, tmp_path), ask(strategy, far))


@pytest.mark.parametrize("strategy", ["coreset", "badge"])
def test_more_picks_than_different_rows(strategy, tmp_path):
    few = np.repeat(X[:5], 40, axis=0)
    np.save(tmp_path / "a.npy", few[:90])
    np.save(tmp_path / "b.npy", few[90:])
    changes = {"n": 60} | dict.fromkeys(LABELLED)
    one = ask(strategy, tmp_path, memory=1e3, **changes)
    assert one.reading is not None
    same(one, ask(strategy, few, **changes))


@pytest.mark.parametrize("strategy", ["margin", "coreset"])
def test_a_mapped_array_and_the_path_of_one(strategy, tmp_path):
    np.save(tmp_path / "pool.npy", X)
    wanted = ask(strategy, X)
    same(by_blocks(strategy, tmp_path / "pool.npy"), wanted)
    same(by_blocks(strategy, str(tmp_path / "pool.npy")), wanted)
    same(by_blocks(strategy, np.load(tmp_path / "pool.npy", mmap_mode="r")), wanted)


def test_a_small_pool_is_read_once(folder):
    result = ask("coreset", folder)
    assert result.reading is None
    same(result, ask("coreset", X))


def test_scores_by_distances_are_combined(folder):
    stages = {"stages": {"select": "coreset"}}
    same(by_blocks("margin", folder, **stages), ask("margin", X, **stages))


def test_passes_and_bytes_are_counted(folder):
    reading = by_blocks("margin", folder).reading
    assert 2 <= reading.passes < 2.01  # one to look at the numbers, one to score
    assert reading.bytes == reading.rows * D * 2
    assert by_blocks("coreset", folder).reading.passes < 12


@pytest.mark.parametrize("strategy", ["maxherding", "uherding", "probcover", "typiclust"])
@pytest.mark.parametrize("labelled", [LABELLED, dict.fromkeys(LABELLED)], ids=["labelled", "none"])
def test_pairs_by_blocks(strategy, labelled, tmp_path, monkeypatch):
    few = X[:500]
    for number, part in enumerate(np.split(few, [3, 3, 300, 301])):
        np.save(tmp_path / f"{number}.npy", part)
    monkeypatch.setattr("alframe.ops.kernels.STORED_BYTES", 0)  # else a small pool's kernel is kept
    monkeypatch.setattr("alframe.ops.geometry.FEW_ELEMENTS", 0)
    monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", 20_000)
    changes = {"n": 20, "num_classes": C, **labelled}
    found, wanted = ask(strategy, tmp_path, memory=2e4, **changes), ask(strategy, few, **changes)
    same(found, wanted)
    assert found.logged == wanted.logged


class WholePool:
    @alframe.hookimpl
    def alframe_info(self):
        return alframe.PluginInfo(summary="reads all", rowwise=self.rowwise, api=3)

    @alframe.hookimpl
    def alframe_score(self, pool):
        sizes.append(len(pool))
        return 1 - pool.probs.square().sum(dim=1)


sizes: list[int] = []


def with_rowwise(rowwise):
    registry, plugin = Registry(), WholePool()
    plugin.rowwise = rowwise
    registry.register(plugin, "gini")
    return registry


def test_an_unchanged_scorer_that_is_rowwise_is_given_blocks(folder):
    sizes.clear()
    found = ask("gini", folder, memory=1e5, registry=with_rowwise(("score",)))
    same(found, ask("gini", X, registry=with_rowwise(())))


def test_what_needs_the_whole_pool_is_refused_in_one_line(folder):
    message = r"whole pool's probabilities at once, 0.6 MB in float32, and memory allows 0.1 MB"
    with pytest.raises(UsageError, match=message):
        ask("gini", folder, memory=1e5, registry=with_rowwise(()))
    with pytest.raises(UsageError, match=r"whole pool's features at once, 1.9 MB in float32"):
        ask("coregcn", folder, memory=1e5)
    message = r"typiclust holds the features of one cluster at a time, and one has [0-9,]+ samples, 0.0 GB"
    with pytest.raises(UsageError, match=message):
        ask("typiclust", folder, memory=1e5, n=5, **dict.fromkeys(LABELLED))


@pytest.mark.parametrize("variant", ["closed-form", "learned", "random"])
@pytest.mark.parametrize("most", [None, 1000])
def test_candidates_of_alfamix_are_clustered_by_blocks(variant, most, folder):
    changes = {"options": {"variant": variant, "candidates_at_most": most}, "n": 100}
    wanted = ask("alfamix", X, **changes)
    assert wanted.logged["alfamix"]["candidates"] > 600
    for memory in (3e6, 1e5):  # all candidates are held, or none
        found = ask("alfamix", folder, memory=memory, **changes)
        same(found, wanted)
        assert found.logged == wanted.logged


def test_blocks_whose_sizes_are_odd(folder, monkeypatch):
    from alframe.ops import blocks

    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 50_001)
    monkeypatch.setattr("alframe.learning.stored.SCORED", 50_001)
    for strategy in ("margin", "coreset", "badge"):
        same(by_blocks(strategy, folder), ask(strategy, X))
    sizes.clear()
    same(
        by_blocks("gini", folder, registry=with_rowwise(("score",))),
        ask("gini", X, registry=with_rowwise(())),
    )
    assert sizes == [2083] * 8 + [N - 8 * 2083, N]  # the last block is no shorter than the others


def test_numbers_that_are_none_are_named_with_their_file(tmp_path):
    broken = X[:2000].copy()
    broken[1500, 3] = np.nan
    np.save(tmp_path / "a.npy", broken[:900])
    np.save(tmp_path / "b.npy", broken[900:])
    with pytest.raises(UsageError, match=r"the first in .*b.npy, row 600, column 3"):
        ask("margin", tmp_path, memory=1e3)


def test_a_part_that_changes_while_it_is_read(tmp_path):
    np.save(tmp_path / "a.npy", X)
    rows = StoredRows(open_shards(tmp_path), CPU, 1e3)
    os.utime(tmp_path / "a.npy", ns=(1, 1))
    with pytest.raises(DamagedFileError, match=r"a.npy was changed"):
        rows.reading()


def test_a_memory_that_is_none(folder):
    with pytest.raises(UsageError, match="memory must be a number of bytes above 0"):
        ask("margin", folder, memory=0)


# What looks at the whole pool's features or probabilities at once; all others are exact by blocks.
WHOLE = {"bait", "balanced", "coregcn", "direct", "falcun", "galaxy", "uncertaingcn"}
FEW = {  # else it takes long
    "activeft": {"steps": 20},
    "batchbald": {"samples": 5, "configurations": 100},
    "epig": {"samples": 5, "targets": 20},
    "selectal": {"repeats": 1, "draws": 1},
    "refine": {"first_size": 100, "depth": 1, "subsets": 1},
    **{name: {"neighbours": 5} for name in ("anchoral", "seals")},  # what others are asked about is held
}
OF_NETWORKS = {"deepfool", "leaves", "qbc", "variationratio"}  # no query on features serves them


@pytest.mark.parametrize("strategy", sorted({plugin.name for plugin in Registry().strategies} - OF_NETWORKS))
def test_every_strategy_is_exact_or_refused(strategy, tmp_path, monkeypatch):
    """In memory, in seven uneven parts, and by three workers of whom one is lost."""
    monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", 200 * D)
    few = X[:1500]
    for number, part in enumerate(np.split(few, [3, 3, 700, 701, 1200, 1400])):
        np.save(tmp_path / f"{number}.npy", part)
    if strategy not in WHOLE:
        asked = {"n": 25, "options": FEW.get(strategy)}
        wanted = ask(strategy, few, **asked)
        same(ask(strategy, tmp_path, memory=3e4, **asked), wanted)
        same(ask(strategy, tmp_path, memory=3e4, workers=BenchCrew(3, (2,)), **asked), wanted)
        return
    with pytest.raises(
        UsageError, match=r"looks at the whole pool's (features|probabilities) at once|on \d+ rows"
    ):
        ask(strategy, tmp_path, n=25, memory=3e4)


def test_the_guide_says_which_strategies_work_by_blocks(registry):
    page = (Path(__file__).parents[3] / "docs" / "guide" / "large-pools.md").read_text()
    said = {
        name: row[-1]
        for row in (line.strip("| ").split(" | ") for line in page.splitlines())
        if row[-1] in ("yes", "no")
        for name in re.findall(r"`([\w-]+)`", row[0])
    }
    refused = WHOLE | OF_NETWORKS
    assert said == {plugin.name: "no" if plugin.name in refused else "yes" for plugin in registry.strategies}


def test_a_block_is_read_once_for_two_factors_and_the_whole_is_not_kept(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(40_000, dtype=np.float32).reshape(20_000, 2))
    rows = StoredRows(open_shards(tmp_path / "x.npy"), CPU, 1e3)
    before = rows.reading().rows
    assert torch.equal(rows[0:100], rows[0:100])
    assert rows[100:200][0].tolist() == [200, 201]
    assert rows[0:100][0].tolist() == [0, 1]
    assert rows.reading().rows - before == 300
    made = rows.each(lambda block: block + 1)
    assert made[0:100][0].tolist() == [1, 2]
    assert rows.reading().rows - before == 300
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", 2 * 1000)
        assert len(rows[0:5000]) == 5000
    assert rows._latest is None
