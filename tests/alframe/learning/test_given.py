import numpy as np
import pytest
import torch

from alframe import UsageError
from alframe.contract.views import View
from alframe.learning import given
from alframe.learning.given import GivenRows, Lacking, Whole
from alframe.learning.tables import Table

RNG = np.random.default_rng(0)
SEVERAL = RNG.dirichlet(np.ones(3), (4, 30)).astype(np.float32)
X = torch.arange(60.0).view(30, 2)
ROWS = torch.tensor([4, 9, 2])


def rows_of(values=SEVERAL, rows=None):
    asked = []

    def points():
        asked.append(1)
        return X, 60.0

    whole = Whole(30, Table(values, "probs", torch.device("cpu")), points)
    return GivenRows(whole, rows, Lacking("probs"), first=5), asked


def test_a_view_has_the_rows_numbers_and_features_are_made_once_if_anybody_reads_them():
    rows, asked = rows_of(rows=ROWS)
    view = View(rows)
    torch.testing.assert_close(view.probs, torch.tensor(SEVERAL.mean(axis=0))[ROWS])
    assert view.positions.tolist() == [5, 6, 7]
    assert not asked
    assert torch.equal(view.features, X[ROWS])
    assert torch.equal(View(rows.part(slice(1, 3))).features, X[ROWS[1:]])
    assert View(rows.part(slice(1, 3))).positions.tolist() == [6, 7]
    assert len(asked) == 1


@pytest.mark.parametrize("chunk", [given.CHUNK, 12 * 7])
def test_members_by_blocks_and_one_by_one(chunk, monkeypatch):
    monkeypatch.setattr(given, "CHUNK", chunk)
    monkeypatch.setattr(given, "rows_per_block", lambda *_: 4)
    for chosen in (None, ROWS):
        view = View(rows_of(rows=chosen)[0])
        wanted = torch.tensor(SEVERAL) if chosen is None else torch.tensor(SEVERAL)[:, chosen]
        assert view.members == 4
        torch.testing.assert_close(torch.stack(list(view.member_probs())), wanted)
        torch.testing.assert_close(
            view.members_by_rows(lambda them: torch.stack(list(them), 1)), wanted.transpose(0, 1)
        )
        # passes are samples that there are: all of them, whatever the number asked for
        for passes in (2, 10):
            found = view.mc_by_rows(lambda them: torch.stack(list(them), 1), passes)
            torch.testing.assert_close(found, wanted.transpose(0, 1))
        torch.testing.assert_close(torch.stack(list(view.sample_probs(2))), wanted[:2])


def test_what_is_not_there_is_one_line():
    with pytest.raises(UsageError, match="10 passes were asked for|passes were asked for, and probs has 4"):
        list(View(rows_of()[0]).mc_probs(10))
    with pytest.raises(UsageError, match=r"5 posterior samples were asked for, .* 4 members"):
        list(View(rows_of()[0]).sample_probs(5))
    alone = View(rows_of(SEVERAL[0])[0])
    for ask in (
        lambda: list(alone.member_probs()),
        lambda: list(alone.mc_probs(2)),
        lambda: list(alone.sample_probs(2)),
    ):
        with pytest.raises(UsageError, match=r"pass probs=\[T, N, C\]"):
            ask()
    with pytest.raises(UsageError, match="asks the head about features that it makes up"):
        Lacking("probs")(X)
