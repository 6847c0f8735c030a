import pytest
import torch
from torch.nn.functional import normalize

from alframe import Euclidean
from alframe.ops import Kernel, blocks, cover_greedy, cover_onward, kernels
from alframe.ops.gains import Gains

KERNELS = [Kernel("gaussian", 0.7), Kernel("laplace", 0.5), Kernel("top-hat", 0.6)]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def rows():
    x = torch.randn(160, 6, generator=generator(1))
    x[40:60] = x[20:40]  # copies: equal gains
    return x


@pytest.fixture(params=["stored", "blocks"])
def _anyhow(request, monkeypatch):
    if request.param == "blocks":
        monkeypatch.setattr(kernels, "STORED_BYTES", 0)
        monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 500)


class Queries:
    """Queries one after the other, each on what the others left."""

    def __init__(self, x, kernel, labelled=()):
        self.x, self.kernel, self.labelled = x, kernel, list(labelled)
        self.state, self.cache = {}, {}

    def ask(self, n, cache=None, state=None):
        on = self.x.device
        at = torch.tensor(self.labelled, dtype=torch.int64, device=on)
        pool = torch.ones(len(self.x), dtype=torch.bool, device=on).index_fill_(0, at, False).nonzero()[:, 0]
        cover = cover_onward(
            (self.x[pool], pool),
            (self.x[at], at),
            n,
            generator(len(at)),
            kernel=self.kernel,
            state=self.state if state is None else state,
            cache=self.cache if cache is None else cache,
        )
        return pool[cover.picks].tolist(), cover.values

    def label(self, n, **kept):
        picks, values = self.ask(n, **kept)
        self.labelled += picks
        return picks, values


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.shape)
@pytest.mark.parametrize("labelled", [(), (5, 100, 3)])
@pytest.mark.usefixtures("_anyhow")
def test_the_first_query_is_that_of_cover_greedy(rows, kernel, labelled):
    queries = Queries(rows, kernel, labelled)
    pool = [row for row in range(len(rows)) if row not in labelled]
    x = Euclidean(normalize(rows[pool])), Euclidean(normalize(rows[list(labelled)]))
    alone = cover_greedy(*x, 12, generator(len(labelled)), kernel=kernel)
    picks, values = queries.ask(12)
    assert picks == [pool[pick] for pick in alone.picks.tolist()]
    assert torch.equal(values, alone.values)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.shape)
@pytest.mark.parametrize("labelled", [(), (5, 100, 3)])
@pytest.mark.usefixtures("_anyhow")
def test_a_cache_that_is_lost_changes_no_bit(rows, kernel, labelled):
    kept, lost = Queries(rows, kernel, labelled), Queries(rows, kernel, labelled)
    for _ in range(5):
        (picks, values), (again, its_values) = kept.label(9), lost.label(9, cache={})
        assert picks == again
        assert torch.equal(values, its_values)
    assert str(kept.state) == str(lost.state)
    fresh = {}
    lost.ask(9, cache=fresh)
    kept.ask(9)
    assert fresh["key"] == kept.cache["key"]
    for (order, sums), (its_order, its_sums) in zip(kept.cache["sums"], fresh["sums"], strict=True):
        assert torch.equal(order, its_order)
        assert all(torch.equal(a, b) for a, b in zip(sums, its_sums, strict=True))


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.shape)
def test_picks_are_greedy_in_every_query(rows, kernel):
    queries = Queries(rows, kernel, (5, 100, 3))
    x = normalize(rows.double())
    k = kernel(torch.cdist(x, x).square_().fill_diagonal_(0))
    covered = k[[5, 100, 3]].amax(dim=0)
    for _ in range(4):
        for pick in queries.label(8)[0]:
            gains = (k - covered).clamp(min=0).sum(dim=1)
            assert gains[pick] >= gains.max() - 1e-3
            covered = torch.maximum(covered, k[pick])


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.shape)
def test_later_queries_sum_no_pairs_anew(rows, kernel, monkeypatch):
    sums = []
    whole = Gains._sum_all
    monkeypatch.setattr(Gains, "_sum_all", lambda gains: sums.append(1) or whole(gains))
    queries = Queries(rows, kernel, range(0, 160, 10))
    queries.label(8)
    assert len(sums) == 1
    queries.label(8)
    assert len(sums) == 1


def test_an_answer_is_the_same_until_it_is_labelled(rows):
    queries = Queries(rows, KERNELS[0], (5, 100, 3))
    queries.label(8)
    first = queries.ask(8)[0]
    assert queries.ask(8)[0] == first
    assert queries.ask(12)[0][:8] == first
    assert queries.label(8)[0] == first


def test_a_part_of_the_picks_may_be_labelled(rows):
    def asked(cache):
        queries = Queries(rows, KERNELS[0], (5, 100, 3))
        picks, _ = queries.ask(8)
        queries.labelled += picks[:3]
        return queries.ask(8, cache=cache)[0]

    assert asked(None) == asked({})


@pytest.mark.parametrize("change", ["another order", "another label", "fewer", "other rows", "a kernel"])
def test_whatever_else_has_changed_it_begins_anew(rows, change):
    queries = Queries(rows, KERNELS[0], (5, 100, 3))
    queries.label(8)
    if change == "another order":
        queries.labelled[-2:] = queries.labelled[:-3:-1]
    elif change == "another label":
        queries.labelled[5] = next(row for row in range(160) if row not in queries.labelled)
    elif change == "fewer":
        queries.labelled = queries.labelled[:2]
    elif change == "other rows":
        queries.x = torch.cat([rows, rows[:1]])
    else:
        queries.kernel = KERNELS[1]
    alone = queries.ask(8, cache={}, state={})
    picks, values = queries.ask(8)
    assert picks == alone[0]
    assert torch.equal(values, alone[1])
    assert queries.state["base"] == len(queries.labelled)


def test_where_rounding_decides_among_most_it_begins_anew(rows, monkeypatch):
    def asked(cache):
        queries = Queries(rows, KERNELS[0], (5, 100, 3))
        queries.label(8)
        monkeypatch.setattr(Gains, "are_doubtful", True)
        found = queries.ask(8, cache=cache)[0], queries.state["base"]
        monkeypatch.undo()
        return found

    assert asked(None) == asked({})
    assert asked(None)[1] == 11


def test_nothing_left(rows):
    queries = Queries(rows, KERNELS[0], range(160))
    assert queries.ask(3)[0] == []
    queries = Queries(rows, KERNELS[0], range(159))
    assert queries.ask(3)[0] == [159]


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.shape)
def test_on_a_gpu_a_lost_cache_changes_no_bit(rows, kernel):
    kept, lost = Queries(rows.cuda(), kernel, (5, 3)), Queries(rows.cuda(), kernel, (5, 3))
    for _ in range(4):
        assert kept.label(9)[0] == lost.label(9, cache={})[0]
