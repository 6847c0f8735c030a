import pytest
import torch

import alframe
from alframe.contract.views import LabelledView, PoolView, UnknownLabelsError
from alframe.data.samples import Samples
from alframe.learning.rows import FeatureRows, NetworkRows
from alframe.ops import LazyRows, lazy
from alframe.ops.geometry import Euclidean


def test_numbers_are_the_networks(view_of, linear_model, inputs):
    positions = torch.tensor([4, 2, 9])
    pool = view_of(linear_model, inputs, positions)
    assert len(pool) == 3
    assert torch.equal(pool.features, inputs[positions])
    torch.testing.assert_close(pool.logits, linear_model(inputs[positions]))
    torch.testing.assert_close(pool.probs, linear_model(inputs[positions]).softmax(1))
    assert torch.equal(torch.cat(list(pool.inputs(2))), inputs[positions])
    assert [len(batch) for batch in pool.inputs(2)] == [2, 1]


def test_fixed_features_are_the_features_where_none_are_named(linear_model, inputs):
    samples = Samples(inputs, torch.device("cpu"))
    other = inputs.flip(1) + 1
    positions = torch.tensor([4, 2, 9])
    alone, beside = (
        PoolView(NetworkRows(linear_model.eval(), samples, positions, seed=0, fixed=fixed))
        for fixed in (None, other)
    )
    assert alone.fixed is alone.features
    assert torch.equal(beside.fixed, other[positions])
    assert beside.fixed is beside.fixed
    assert torch.equal(beside.features, inputs[positions])
    of_query = PoolView(FeatureRows(inputs, None))
    assert of_query.fixed is of_query.features


def test_a_sample_keeps_its_position_in_all_views(view_of, linear_model, inputs):
    positions = torch.tensor([4, 2, 9])
    assert torch.equal(view_of(linear_model, inputs, positions).positions, positions)
    assert PoolView(FeatureRows(inputs[:3], None, first=7)).positions.tolist() == [7, 8, 9]


def test_whose_features_stay(linear_model, inputs):
    samples = Samples(inputs, torch.device("cpu"))

    def view(**kept):
        return PoolView(NetworkRows(linear_model, samples, torch.arange(3), 0, **kept))

    assert not view().is_fixed
    assert view(fixed=inputs).is_fixed
    assert view(known=inputs).is_fixed
    assert not PoolView(FeatureRows(inputs, None)).is_fixed


def test_nothing_is_computed_until_read_and_then_once(view_of, linear_model, inputs, count_calls):
    linear_model.features = counted = count_calls(linear_model.features)
    pool = view_of(linear_model, inputs)
    len(pool)
    assert counted.counter.calls == 0
    _ = pool.probs, pool.logits, pool.features, pool.probs
    assert counted.counter.calls == 1


def test_tensors_carry_no_graph_but_can_enter_one(view_of, linear_model, inputs):
    features = view_of(linear_model, inputs).features
    assert not features.requires_grad
    leaf = features.clone().requires_grad_()
    linear_model.head(leaf).sum().backward()
    assert leaf.grad is not None


def test_labels_of_the_pool_cannot_be_read(view_of, linear_model, inputs):
    with pytest.raises(UnknownLabelsError, match="unknown"):
        _ = view_of(linear_model, inputs).targets


def test_the_labelled_set_has_its_labels(linear_model, inputs):
    rows = NetworkRows(linear_model, Samples(inputs, torch.device("cpu")), torch.arange(2), seed=0)
    assert LabelledView(rows, torch.tensor([1, 2])).targets.tolist() == [1, 2]


def test_the_embedding_is_made_when_read(view_of, linear_model, inputs):
    made = []
    pool = view_of(linear_model, inputs, embed=lambda: made.append(1) or Euclidean(inputs))
    assert made == []
    assert pool.embedding is pool.embedding
    assert made == [1]


def test_an_embedder_cannot_read_its_own_answer(view_of, linear_model, inputs):
    with pytest.raises(RuntimeError, match="embedder"):
        _ = view_of(linear_model, inputs).embedding


class TestByRows:
    @pytest.mark.parametrize("of", ["features", "logits", "probs"])
    def test_is_the_function_of_the_whole(self, of, view_of, linear_model, inputs):
        got = view_of(linear_model, inputs).by_rows(lambda block: block.square().sum(dim=1), of=of)
        assert torch.equal(got, getattr(view_of(linear_model, inputs), of).square().sum(dim=1))

    def test_is_of_probabilities_and_keeps_none(self, view_of, linear_model, inputs):
        pool = view_of(linear_model, inputs)
        assert torch.equal(pool.by_rows(lambda probs: probs), linear_model(inputs).softmax(dim=1))
        assert not {"probs", "logits"} & vars(pool).keys()

    @pytest.mark.parametrize("known", ["logits", "probs"])
    def test_what_was_read_before_is_not_computed_again(
        self, known, view_of, linear_model, inputs, count_calls
    ):
        pool = view_of(linear_model, inputs)
        wanted = getattr(pool, known)
        linear_model.head.forward = counted = count_calls(linear_model.head.forward)
        assert torch.equal(pool.by_rows(lambda block: block, of=known), wanted)
        assert torch.equal(pool.by_rows(lambda probs: probs), pool.probs)
        assert counted.counter.calls == 0

    def test_many_rows_come_in_blocks_of_the_width_of_classes(self, view_of, linear_model, monkeypatch):
        monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", 3000)
        linear_model.head = torch.nn.Linear(3, 20)
        sizes = []
        pool = view_of(linear_model, torch.randn(2000, 3))
        pool.by_rows(lambda probs: sizes.append(probs.numel()) or probs.amax(dim=1))
        assert max(sizes) == 3000
        assert sum(sizes) == 40_000

    def test_passes_that_a_function_leaves_do_not_move_the_next_masks(
        self, view_of, linear_model, monkeypatch
    ):
        monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", 300)
        linear_model.dropout.p = 0.5
        pool = view_of(linear_model, torch.randn(2000, 3))
        first = pool.mc_by_rows(lambda passes: next(passes), 3)
        assert torch.equal(first, next(pool.mc_probs(1)))

    def test_no_dropout_is_an_error(self, view_of, linear_model, inputs):
        with pytest.raises(alframe.UsageError, match="needs a network with dropout"):
            view_of(linear_model, inputs).mc_by_rows(lambda passes: next(passes), 3)


class TestLazyRows:
    @pytest.mark.parametrize("of", ["features", "logits", "probs"])
    def test_of_few_rows_are_a_tensor(self, of, view_of, linear_model, inputs, monkeypatch):
        monkeypatch.setattr(lazy, "KEPT_ELEMENTS", 0)
        pool = view_of(linear_model, inputs)
        assert torch.equal(pool.lazy_rows(lambda block, rows: block.exp(), of), getattr(pool, of).exp())

    @pytest.mark.parametrize("of", ["features", "logits", "probs"])
    def test_of_many_are_made_again_and_are_the_same(self, of, view_of, linear_model, monkeypatch):
        linear_model.head = torch.nn.Linear(3, 20)
        pool = view_of(linear_model, torch.randn(2000, 3))
        kept = pool.lazy_rows(lambda block, rows: block.exp(), of)
        monkeypatch.setattr(lazy, "KEPT_ELEMENTS", 0)
        rows = pool.lazy_rows(lambda block, rows: block.exp(), of)
        assert isinstance(kept, torch.Tensor)
        assert isinstance(rows, LazyRows)
        assert not {"probs", "logits"} & vars(pool).keys()
        for positions in (slice(5, 900), torch.tensor([1999, 0, 3])):
            torch.testing.assert_close(rows[positions], kept[positions])

    def test_are_kept_where_features_are_as_many(self, view_of, linear_model, monkeypatch):
        monkeypatch.setattr(lazy, "KEPT_ELEMENTS", 0)
        pool = view_of(linear_model, torch.randn(2000, 3))
        assert isinstance(pool.lazy_rows(lambda probs, rows: probs), torch.Tensor)

    def test_the_function_knows_which_rows_they_are(self, view_of, linear_model, monkeypatch):
        monkeypatch.setattr("alframe.ops.blocks.BLOCK_ELEMENTS", 3000)
        linear_model.head = torch.nn.Linear(3, 20)
        pool = view_of(linear_model, torch.randn(2000, 3))
        number = torch.arange(2000.0)[:, None].expand(2000, 20)
        assert torch.equal(pool.lazy_rows(lambda probs, rows: number[rows]), number)
        monkeypatch.setattr(lazy, "KEPT_ELEMENTS", 0)
        positions = torch.tensor([4, 1500, 1])
        assert torch.equal(pool.lazy_rows(lambda probs, rows: number[rows])[positions], number[positions])

    @pytest.mark.parametrize("known", ["logits", "probs"])
    def test_of_what_was_read_before_are_not_computed_again(
        self, known, view_of, linear_model, inputs, count_calls
    ):
        pool = view_of(linear_model, inputs)
        wanted = getattr(pool, known).softmax(dim=1) if known == "logits" else pool.probs
        linear_model.head.forward = counted = count_calls(linear_model.head.forward)
        assert torch.equal(pool.lazy_rows(lambda probs, rows: probs), wanted)
        assert counted.counter.calls == 0


class TestParts:
    """Views of some of the samples."""

    POSITIONS = torch.tensor([4, 2, 9, 7])

    @pytest.mark.parametrize(
        ("which", "rows"),
        [
            (torch.tensor([3, 0]), [3, 0]),
            (torch.tensor([True, False, False, True]), [0, 3]),
            (slice(1, 3), [1, 2]),
            (slice(None, None, 2), [0, 2]),
            (torch.tensor([], dtype=torch.int64), []),
        ],
    )
    @pytest.mark.parametrize("read", [(), ("probs",), ("features", "logits", "positions")])
    def test_a_part_has_the_numbers_of_its_samples(self, linear_model, inputs, which, rows, read):
        samples = Samples(inputs, torch.device("cpu"))
        of_network = NetworkRows(linear_model.eval(), samples, self.POSITIONS, seed=0)
        of_query = FeatureRows(inputs[self.POSITIONS], linear_model.head, first=5)
        for whole, places in ((of_network, self.POSITIONS), (of_query, torch.arange(5, 9))):
            pool = PoolView(whole)
            for name in read:
                getattr(pool, name)
            part = pool[which]
            x = inputs[self.POSITIONS][rows]
            assert isinstance(part, PoolView)
            assert len(part) == len(rows)
            assert torch.equal(part.features, x)
            torch.testing.assert_close(part.probs, linear_model(x).softmax(1))
            torch.testing.assert_close(part.by_rows(lambda p: p[:, 0]), linear_model(x).softmax(1)[:, 0])
            assert part.positions.tolist() == places[rows].tolist()
            assert torch.equal(part[:1].features, x[:1])
            with pytest.raises(UnknownLabelsError):
                part.targets  # noqa: B018

    def test_of_the_labelled_set_it_has_the_labels(self, linear_model, inputs):
        samples = Samples(inputs, torch.device("cpu"))
        rows = NetworkRows(linear_model, samples, self.POSITIONS, seed=0)
        part = LabelledView(rows, torch.tensor([0, 1, 2, 1]))[torch.tensor([2, 1])]
        assert part.targets.tolist() == [2, 1]
        assert torch.equal(part.features, inputs[[9, 2]])

    def test_its_embedding_is_the_wholes(self, inputs):
        pool = PoolView(FeatureRows(inputs, None), lambda: Euclidean(inputs + 1))
        assert torch.equal(pool[torch.tensor([3, 1])].embedding.x, inputs[[3, 1]] + 1)

    def test_what_is_known_is_not_computed_again(self, view_of, linear_model, inputs, count_calls):
        linear_model.features = counted = count_calls(linear_model.features)
        pool = view_of(linear_model, inputs)
        parts = pool[:5], pool[torch.tensor([1, 7])]
        for part in parts:
            part.probs  # noqa: B018
        assert counted.counter.calls == 1  # of all, for whichever part asks next

    @pytest.mark.parametrize("which", [3, [1, 2], torch.tensor([0.5]), torch.tensor([[1]])])
    def test_what_is_no_part(self, inputs, which):
        with pytest.raises(TypeError, match="int64 positions, booleans, or a slice"):
            PoolView(FeatureRows(inputs, None))[which]
