"""For each check a plugin with one fault, which fails there and nowhere else."""

import dataclasses
import random
import sys

import numpy as np
import pytest
import torch

from alframe import (
    Classifier,
    Dataset,
    DatasetInfo,
    Embeddings,
    ModelInfo,
    PluginInfo,
    PresetInfo,
    UsageError,
    option,
    train_supervised,
)
from alframe.registry.registry import Registry
from alframe.testing import CHECKS, checks_of, outcome_of
from bad_trainers import deviation_in_training, no_validation, numpy_in_training, thaws, trains_nothing

MEMORY = {}
ROWWISE = {"alframe_info": lambda: PluginInfo(summary="bad", rowwise=("score",), api=3)}


def sums(pool):
    return pool.features.sum(dim=1)


def wanted(pool, scores):  # not samples whose score says never
    return sums(pool) if scores is None else sums(pool).where(scores > -torch.inf, -torch.inf)


def top(scores, n):
    best, picks = scores.topk(n)
    return picks[best > -torch.inf]


def among_others(pool):
    return pool.features.abs().sum(dim=1) / pool.features.abs().sum(dim=1).amax().clamp(min=1)


# -- plugins that ask torch what it is not ready for ---------------------------------------------


@dataclasses.dataclass(frozen=True)
class Refused:
    power: float = option(0.5, "exponent")

    def __post_init__(self):
        if self.power < 1:
            raise ValueError("power must be at least 1")


@dataclasses.dataclass(frozen=True)
class NoData:
    columns: int = option(3, "columns")


def forgets_to_return(pool):
    sums(pool)


def column_of_scores(pool):
    return pool.features.sum(dim=1, keepdim=True)


def logarithm_of_negatives(pool):
    return (pool.features.sum(dim=1) - 5).log()


def unseeded(pool):
    return torch.tensor(np.random.default_rng().random(len(pool)))


def global_seed_read(pool):
    with torch.random.fork_rng(devices=[]):
        return torch.rand(len(pool))


def global_seed_moved(pool):
    np.random.seed(random.randrange(10))  # noqa: NPY002 (the fault)
    return sums(pool)


def sets_the_dtype(pool):
    torch.set_default_dtype(torch.float64)
    return sums(pool)


def sets_the_threads(model, labelled, validation, recipe, ctx):
    result = train_supervised(model, labelled, validation, recipe, ctx)
    torch.set_num_threads(torch.get_num_threads() + 1)
    return result


def exits(pool):
    sys.exit(0)


def exits_at_one_label(pool, labelled):
    if len(labelled) == 1:
        sys.exit(0)
    return sums(pool)


def hook_left_behind(pool, ctx):
    ctx.model.head.register_forward_hook(lambda module, inputs, output: output * 2)
    return sums(pool)


def buffer_added(pool, ctx):
    ctx.model.register_buffer("mine", torch.zeros(3))
    return sums(pool)


def keeps_a_function(pool, ctx):
    ctx.state["score"] = lambda: 0
    return sums(pool)


def too_shy_for_one(pool, scores, n):
    picks = top(wanted(pool, scores), n)
    return picks if n > 1 else picks[:0]


def trains_on(pool, ctx):
    ctx.model.head.weight.data.mul_(2)
    return sums(pool)


def left_in_training(pool, ctx):
    scores = sums(pool)
    ctx.model.train()
    return scores


def backward(pool, ctx):
    with torch.enable_grad():
        ctx.model.head(pool.features).sum().backward()
    return sums(pool)


def freezes(pool, ctx):
    ctx.model.head.requires_grad_(False)
    return sums(pool)


def labels_overwritten(pool, labelled):
    labelled.targets.zero_()
    return sums(pool)


def probabilities_overwritten(pool):
    return pool.probs.clamp_(min=0.1).amax(dim=1)


def scores_overwritten(pool, scores, n):
    """One at a time, crossing out what is chosen; works on the view's features without scores."""
    if scores is None:
        scores = sums(pool)
    picks = []
    for _ in range(min(n, int((scores > -torch.inf).sum()))):
        picks.append(int(scores.argmax()))
        scores[picks[-1]] = -torch.inf
    return torch.tensor(picks, dtype=torch.int64)


def embedding_overwritten(pool, scores, n):
    norms = pool.embedding.squared_norms()
    picks = top(norms.where(wanted(pool, scores) > -torch.inf, -torch.inf), n)
    norms.zero_()
    return picks


def counts_the_pending(pool, scores, n, pending):
    return top(torch.nn.functional.pad(wanted(pool, scores), (0, len(pending)), value=1e9), n)


def always_a_pair(pool, scores, n):
    return top(wanted(pool, scores), max(n, 2))


def looks_one_further(pool, scores, n):
    threshold = wanted(pool, scores).topk(n + 1).values[-1]
    return (wanted(pool, scores) > threshold).nonzero()[:n, 0]


def deviation_of_labelled(pool, labelled):
    return sums(pool) + labelled.features.norm(dim=1).std()


def first_by_the_head(pool, labelled, scores, n):
    eligible = wanted(pool, scores) > -torch.inf
    doubt = (sums(pool) if len(labelled) else -pool.probs.amax(dim=1)).masked_fill(~eligible, -torch.inf)
    return top(doubt, min(n, int(eligible.sum())))


def needs_a_label(pool, labelled, scores, n):
    assert labelled.features.norm(dim=1).max() >= 0
    return top(wanted(pool, scores), n)


def class_means(pool, labelled, ctx):
    classes = range(ctx.num_classes)
    means = torch.stack([labelled.features[labelled.targets == c].mean(dim=0) for c in classes])
    return torch.cdist(pool.features, means).amin(dim=1)


def third_class(pool):
    return -pool.probs.topk(3, dim=1).values[:, 2]


def above_1_where_nothing_is_known(pool):
    return 1.5 - pool.probs.amax(dim=1)


def below_0_by_rounding(pool):
    return pool.features.sum(dim=1) * 0 - 1e-9


def standardised(pool):
    return (sums(pool) - sums(pool).mean()) / sums(pool).std()


def divided_by_length(pool):
    return (pool.features / pool.features.norm(dim=1, keepdim=True)).sum(dim=1)


def logarithm_of_zero(pool):
    return -(pool.probs * pool.probs.log()).sum(dim=1)


def divided_by_range(pool):
    return 1 / (pool.probs.amax(dim=1) - pool.probs.amin(dim=1))


def position(pool):
    return torch.arange(len(pool)) / len(pool)


def embeds_positions(pool, labelled):
    return Embeddings(position(pool)[:, None], position(labelled)[:, None])


def centred_by_batch(pool):
    return torch.cat([x.sum(dim=1) - x.sum(dim=1).mean() for x in pool.inputs()])


def vectors_alone(pool, scores, n):
    lengths = pool.embedding.x.norm(dim=1)
    return top(lengths.where(wanted(pool, scores) > -torch.inf, -torch.inf), n)


def deaf_to_never(pool, n):
    return torch.arange(n)


def one_round_only(pool, ctx):
    ctx.state["bounds"] = [0.0, *ctx.state.get("bounds", [])]
    (bound,) = ctx.state["bounds"]
    return sums(pool) + bound


def remembers_in_the_module(pool, ctx):
    MEMORY.setdefault("mean", 0)
    if ctx.round == 1:
        MEMORY["mean"] = pool.features.mean()
    return (sums(pool) - 10 * MEMORY["mean"]).abs()


def keeps_it_in_a_cache(pool, ctx):
    mean = ctx.round_cache.setdefault("mean", sums(pool).mean())  # which is another with fewer samples
    return (sums(pool) - mean).abs()


def asks_anybody(pool, labelled, ctx):
    ctx.ask("kit-witness", pool, labelled, 1)
    return sums(pool)


def digs_for_labels(pool):
    """Walks up the stack to who holds the answers."""
    frame = sys._getframe()
    while frame is not None and "oracle" not in frame.f_locals:
        frame = frame.f_back
    if frame is None:
        return sums(pool)
    return frame.f_locals["oracle"][frame.f_locals["learner"].unlabelled].float()


def large_pools_are_too_much(pool):
    if len(pool) > 1000:
        raise MemoryError("too many samples")
    return sums(pool)


def blobs(request=None, generator=None):
    x = torch.randn(20, 12, generator=generator or torch.Generator().manual_seed(0))
    return Dataset("two", x, torch.arange(20) % 2, 2)


def another_each_time(request):
    return blobs(generator=torch.default_generator)


def writes_unasked(request):
    (request.data_dir / "fetched").write_text("")
    return blobs()


def reads_unasked(request):
    return (request.data_dir / "data.bin").read_bytes()


def network(request, classes=None):
    body = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(request.input_shape.numel(), 4))
    return Classifier(body, torch.nn.Linear(4, classes or request.num_classes))


def ten_classes(request):
    return network(request, classes=10)


def numpy_weights(request):
    model = network(request)
    torch.nn.init.constant_(model.head.weight, np.random.rand())  # noqa: NPY002 (the fault)
    return model


def picky(request):
    if len(request.input_shape) != 3:
        raise UsageError("images only")
    raise KeyError("size")


def deaf(run, record):
    raise RuntimeError("disk full")


def deaf_to_runs(run):
    raise RuntimeError("disk full")


def exits_when_told(run, record):
    raise SystemExit(0)


def tidies_up(run):
    path = run.folder / "rounds.jsonl"
    path.write_text(path.read_text().splitlines()[-1] + "\n")


def data(load=blobs, **info):
    return {"alframe_datasets": lambda: {"two": DatasetInfo(summary="two", load=load, **info)}}


def model(build):
    return {"alframe_models": lambda: {"net": ModelInfo(summary="net", build=build)}}


def preset(**settings):
    return {"alframe_presets": lambda: {"p": PresetInfo(summary="p", settings=settings)}}


def info(**fields):
    return {"alframe_info": lambda: PluginInfo(**{"summary": "bad"} | fields), "alframe_score": sums}


def scores(function):
    return {"alframe_score": function}


def selects(function):
    return {"alframe_select": function}


def trains(function):
    return {"alframe_train": function}


BAD = [
    ("says_what_it_offers", info(uses={"select": "nobody"})),
    ("says_what_it_offers", {"alframe_datasets": lambda: 1 / 0}),
    ("has_summaries", info(summary="")),
    ("options_have_defaults_and_help", info(options=Refused)),
    ("answers", scores(forgets_to_return)),
    ("answers", scores(exits)),
    ("answers_fit", scores(column_of_scores)),
    ("answers_are_numbers", scores(logarithm_of_negatives)),
    ("scores_are_in_their_range", info(score_range="unit", api=3) | scores(above_1_where_nothing_is_known)),
    ("scores_are_in_their_range", info(score_range="nonnegative", api=3) | scores(below_0_by_rounding)),
    ("same_seed_same_answer", scores(unseeded)),
    ("ignores_global_random_state", scores(global_seed_read)),
    ("ignores_global_random_state", trains(numpy_in_training)),
    ("leaves_global_random_state", scores(global_seed_moved)),
    ("leaves_global_settings", scores(sets_the_dtype)),
    ("leaves_global_settings", trains(sets_the_threads)),
    ("leaves_the_weights", scores(trains_on)),
    ("leaves_the_weights", scores(hook_left_behind)),
    ("leaves_the_weights", scores(buffer_added)),
    ("leaves_the_mode", scores(left_in_training)),
    ("leaves_gradients", scores(backward)),
    ("leaves_gradients", scores(freezes)),
    ("leaves_inputs_and_labels", scores(labels_overwritten)),
    ("leaves_the_views", scores(probabilities_overwritten)),
    ("leaves_the_views", {"alframe_score": sums, "alframe_select": scores_overwritten}),
    ("leaves_the_views", selects(embedding_overwritten)),
    ("budget_of_one", selects(always_a_pair)),
    ("budget_of_one", selects(too_shy_for_one)),
    ("budget_of_the_whole_pool", selects(looks_one_further)),
    ("others_are_labelling", selects(counts_the_pending)),
    ("one_labelled_sample", scores(deviation_of_labelled)),
    ("one_labelled_sample", scores(exits_at_one_label)),
    ("one_labelled_sample", trains(deviation_in_training)),
    ("starts_without_labels", info(cold_start=True, api=3) | selects(first_by_the_head)),
    ("starts_without_labels", info(cold_start=True, api=3) | selects(needs_a_label)),
    ("a_class_without_labels", scores(class_means)),
    ("two_classes", scores(third_class)),
    ("same_samples", scores(standardised)),
    ("dead_features", scores(divided_by_length)),
    ("saturated_probabilities", scores(logarithm_of_zero)),
    ("constant_probabilities", scores(divided_by_range)),
    ("follows_the_rows", scores(position)),
    ("follows_the_rows", {"alframe_embed": embeds_positions}),
    ("batch_size_does_not_matter", scores(centred_by_batch)),
    ("scores_each_row_alone", scores(among_others) | ROWWISE),
    ("foreign_geometries", selects(vectors_alone)),
    ("foreign_scores", selects(deaf_to_never)),
    ("caches_may_be_lost", scores(keeps_it_in_a_cache)),
    ("names_whom_it_asks", scores(asks_anybody)),
    ("two_rounds", scores(one_round_only)),
    ("two_rounds", scores(keeps_a_function)),
    ("continued_is_uninterrupted", scores(remembers_in_the_module)),
    ("hidden_labels_are_not_read", scores(digs_for_labels)),
    ("scale", scores(large_pools_are_too_much)),
    ("trains_a_model_that_predicts", trains(trains_nothing)),
    ("trains_with_a_validation_part", trains(no_validation)),
    ("leaves_what_is_frozen", trains(thaws)),
    ("data_options_are_complete", data(options=NoData)),
    ("data_load_or_say_why", data(writes_unasked)),
    ("data_load_or_say_why", data(reads_unasked)),
    ("data_are_the_same_twice", data(another_each_time)),
    ("networks_fit_the_data", model(ten_classes)),
    ("networks_fit_the_data", model(picky)),
    ("initial_weights_follow_the_seed", model(numpy_weights)),
    ("presets_resolve", preset(train={"epoch": 3})),
    ("hears_every_event", {"alframe_run_started": deaf_to_runs}),
    ("hears_every_event", {"alframe_round_finished": deaf}),
    ("hears_every_event", {"alframe_run_finished": deaf_to_runs}),
    ("hears_every_event", {"alframe_round_finished": exits_when_told}),
    ("events_change_nothing", {"alframe_run_finished": tidies_up}),
]
# One labelled sample leaves the other classes without labels, so what can't bear that fails in both.
# A hook or a buffer that is left on the network is not in the network of a trial that goes on.
ALSO = {
    class_means: {"one_labelled_sample"},
    hook_left_behind: {"continued_is_uninterrupted"},
    buffer_added: {"two_rounds"},
}
IN_A_PROCESS = {"imports_without_torch", "lists_without_torch"}  # test_checks_listing.py
ON_A_GPU = {"cuda"}  # test_checks_extra.py


@pytest.mark.parametrize(("check", "hooks"), BAD, ids=[f"{check}-{'-'.join(hooks)}" for check, hooks in BAD])
def test_a_fault_fails_its_check_and_no_other(check, hooks, make_plugin):
    registry = Registry(entry_points=[])
    hooks = {"alframe_info": lambda: PluginInfo(summary="bad")} | hooks
    assert registry.register(make_plugin(**hooks), "bad").problem == ""
    flags = ("scale",) if check == "scale" else ()
    outcomes = {o.check: o for o in map(outcome_of, checks_of("bad", registry=registry, flags=flags))}
    failed = {name for name, outcome in outcomes.items() if outcome.verdict == "failed"}
    also = set().union(*(ALSO.get(function, set()) for function in hooks.values()))
    assert failed == {check} | also, {name: outcomes[name].reason for name in failed}


def test_every_check_has_a_plugin_that_fails_it():
    assert {check for check, _ in BAD} | IN_A_PROCESS | ON_A_GPU == set(CHECKS)
