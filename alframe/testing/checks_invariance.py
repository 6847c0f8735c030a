"""Checks of what must not matter: order, batches, and whose embedding or scores a selector is given."""

from __future__ import annotations

import dataclasses

import torch

from alframe.testing.checks_answers import close, difference
from alframe.testing.kit import ANSWERS, QUERY, REPEATABLE, CheckFailedError, check
from alframe.testing.problems import ShortBatches
from alframe.testing.strangers import GEOMETRIES, Scorer
from alframe.testing.subject import Subject

TOLERANCE = 1e-4  # of the largest number: sums in another order are other floats


@check("score", "embed", after=(*ANSWERS, *REPEATABLE))
def follows_the_rows(subject: Subject) -> None:
    """With the rows of the pool in another order, scores and embeddings are in that order, too."""
    problem = subject.problem()
    order = torch.randperm(problem.pool_size, generator=torch.Generator().manual_seed(0))
    first, second = subject.ask(problem), subject.ask(subject.problem().permuted(order))
    own_scores = "score" in subject.plugin.stages and first.scores is not None
    if own_scores and not close(first.scores[order], second.scores, TOLERANCE):  # type: ignore[index]
        raise CheckFailedError("scores depend on the order of the rows")
    if first.pool is not None and second.pool is not None:
        norms, distances = first.pool.squared_norms(), first.pool.squared_distances(first.pool)
        same = close(norms[order], second.pool.squared_norms(), TOLERANCE) and close(
            distances[order][:, order], second.pool.squared_distances(second.pool), TOLERANCE
        )
        if not same:
            raise CheckFailedError("distances of the embedding depend on the order of the rows")


@check(*QUERY, after=(*ANSWERS, *REPEATABLE))
def batch_size_does_not_matter(subject: Subject) -> None:
    """The answer is the same whether the samples come in one batch or in many."""
    first = subject.ask(subject.problem())
    second = subject.ask(dataclasses.replace(subject.problem(), rows=ShortBatches))
    if what := difference(first, second, TOLERANCE):
        raise CheckFailedError(f"with the samples in batches of 7 there are other {what}")


@check("score", after=(*ANSWERS, *REPEATABLE))
def scores_each_row_alone(subject: Subject) -> None:
    """Where the plugin says it is rowwise, a part of the pool has the scores that it has in the whole."""
    if "score" not in subject.plugin.info.rowwise:
        return
    whole = subject.ask(subject.problem()).scores
    size = subject.problem().pool_size
    for start, stop in ((0, 1), (0, size // 2), (size // 3, size), (size - 1, size)):
        problem = subject.problem(n=1)
        some = problem.permuted(torch.arange(start, stop))
        part = subject.ask(some).scores
        if whole is not None and (part is None or not torch.equal(whole[start:stop], part)):
            raise CheckFailedError(
                f"rowwise promises that scores don't depend on other samples, and those of rows {start} to "
                f"{stop - 1} are others where they are the whole pool"
            )


@check("select", after=ANSWERS)
def foreign_geometries(subject: Subject) -> None:
    """The selector works on every geometry: vectors of any width, products, distributions, others' own."""
    for name in GEOMETRIES:
        try:
            subject.ask(subject.problem(), pipeline=subject.serving("select", embed=f"kit-{name}"))
        except Exception as error:
            raise CheckFailedError(f"an embedding of the kind {name!r}: {error}") from error


@check("select", after=ANSWERS)
def foreign_scores(subject: Subject) -> None:
    """The selector works with scores of others, never takes what scores -inf, and works without scores."""
    subject.ask(subject.problem(), pipeline=subject.serving("select"))
    for n in (6, 30):  # of 40 samples 20 may be chosen
        answer = subject.ask(subject.problem(n=n), pipeline=subject.serving("select", score="kit-scores"))
        if answer.picks is not None:
            never = int(Scorer.never(answer.picks).sum())
            if never:
                raise CheckFailedError(
                    f"of {len(answer.picks)} picks {never} have a score of -inf, which means never; "
                    "alframe.ops.eligible leaves them out"
                )
