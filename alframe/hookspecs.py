"""The hooks. A plugin implements any of them, and takes any of their arguments.

Symbols: N unlabelled rows, L labelled rows, P pending rows, C classes, D features, n budget.

The four stages have exactly one provider each in a trial: a flag (``--select NAME``), else the
strategy's own hook, else what its ``PluginInfo.uses`` names, else the default. The chosen provider
is called alone, and returning None is an error. Wrappers (``hookimpl(wrapper=True)``) of every
installed plugin stay around whichever provider was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import torch

    from alframe.contract.context import Context
    from alframe.contract.executors import ExecutorInfo
    from alframe.contract.info import PluginInfo
    from alframe.contract.labelling import FormatInfo, LabelledSession, SourceInfo
    from alframe.contract.recipe import Recipe, TrainResult
    from alframe.contract.resources import DatasetInfo, ModelInfo, PresetInfo
    from alframe.contract.training import Training
    from alframe.contract.trial import RunSummary, TrialRun
    from alframe.contract.views import LabelledView, PoolView
    from alframe.errors import TrialError
    from alframe.networks.classifier import Classifier
    from alframe.ops.geometry import Embeddings

PROJECT = "alframe"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

STAGE_DEFAULTS = {  # each stage, and what serves it where no plugin does
    "train": "supervised",
    "embed": "the network's features",
    "score": "none",
    "select": "the highest scores; without scores, uniformly at random",
}
STAGES = tuple(STAGE_DEFAULTS)
EVENTS = ("run_started", "round_finished", "run_finished", "run_failed")
SESSION_EVENTS = ("labelled",)  # of `alframe label`, where ``--notify`` names who hears them

# -- description: must not import torch --------------------------------------------------------------


@hookspec(firstresult=True)
def alframe_info() -> PluginInfo:  # type: ignore[empty-body]
    """Describe the plugin. Called for listings, and once before a run.

    Returns:
        A `PluginInfo`: one-line summary, paper, options, borrowed stages.

    Example::

        @hookimpl
        def alframe_info():
            return PluginInfo(summary="least confident first", reference="Settles, 2009", options=Options)
    """


# -- the four stages: exactly one provider each ------------------------------------------------------


@hookspec(firstresult=True)
def alframe_train(  # type: ignore[empty-body]
    model: Classifier,
    labelled: LabelledView,
    validation: LabelledView | None,
    recipe: Recipe,
    options: Any,
    ctx: Context,
    pool: PoolView,
) -> TrainResult:
    """Fit the network in place on the labelled set. Called once a round, after the labels came.

    Args:
        model: the network, at its initial weights or, with ``warm_start``, at the last round's.
        labelled: the labelled set; ``labelled.inputs()`` and ``labelled.targets [L]``.
        validation: labelled samples held out for early stopping, or None.
        recipe: epochs, batch size, learning rate and so on: the ``[train]`` section.
        options: the plugin's own options object.
        ctx: generator, device, progress, log; ``ctx.state`` keeps what this plugin's score stage needs.
        pool: the unlabelled pool, for its ``inputs()`` and ``samples()``; what a network computes of them,
            as ``pool.features``, is by the weights at the time when it is first read.

    Returns:
        A `TrainResult`: epochs trained and the last training accuracy and loss.

    Example::

        @hookimpl
        def alframe_train(model, labelled, recipe, ctx):
            ...
            return TrainResult(epochs=recipe.epochs, accuracy=accuracy, loss=loss)
    """


@hookspec(firstresult=True)
def alframe_embed(  # type: ignore[empty-body]
    pool: PoolView, labelled: LabelledView, options: Any, ctx: Context
) -> Embeddings:
    """Represent the samples for comparison. Called when a stage first reads ``pool.embedding``.

    Args:
        pool: the unlabelled pool; ``pool.features [N, D]``, ``pool.probs [N, C]`` and so on.
        labelled: the labelled set, the same with ``labelled.targets [L]``.
        options: the plugin's own options object.
        ctx: model, generator, state, log.

    Returns:
        ``Embeddings(pool, labelled)``: a geometry (or an ``N x E`` and an ``L x E`` tensor) each.

    Example::

        @hookimpl
        def alframe_embed(pool, labelled):
            return Embeddings(pool.probs, labelled.probs)
    """


@hookspec(firstresult=True)
def alframe_score(  # type: ignore[empty-body]
    pool: PoolView, labelled: LabelledView, options: Any, ctx: Context
) -> torch.Tensor:
    """Say how much each sample is worth labelling. Called once a query.

    Args:
        pool: the unlabelled pool.
        labelled: the labelled set.
        options: the plugin's own options object.
        ctx: model, generator, state, log.

    Returns:
        A floating-point tensor of ``N`` scores: higher = label it first, ``-inf`` = never, no NaN.

    Example::

        @hookimpl
        def alframe_score(pool):
            return 1 - pool.probs.amax(dim=1)
    """


@hookspec(firstresult=True)
def alframe_select(  # type: ignore[empty-body]
    pool: PoolView,
    labelled: LabelledView,
    scores: torch.Tensor | None,
    n: int,
    pending: PoolView,
    options: Any,
    ctx: Context,
) -> torch.Tensor:
    """Choose up to ``n`` samples of the pool. Called once a query.

    Args:
        pool: the unlabelled pool; ``pool.embedding`` is a geometry of ``N`` points.
        labelled: the labelled set; ``labelled.embedding`` has ``L`` points.
        scores: ``N`` scores, or None when no scorer serves.
        n: the budget, ``1 <= n <= N``.
        pending: ``P`` samples that somebody is labelling now, often none. They are not in the pool. A
            selector whose picks shall differ from each other takes them as picks of its own:
            ``pending.embedding`` has ``P`` points.
        options: the plugin's own options object.
        ctx: model, generator, state, log.

    Returns:
        An int64 tensor of ``k <= n`` positions in the unlabelled pool, best first, no repeats. The
        engine fills up at random what is missing, and records how many.

    Example::

        @hookimpl
        def alframe_select(pool, n, ctx):
            return torch.randperm(len(pool), generator=ctx.generator)[:n]
    """


# -- several trials at once: beside a stage, by the same provider ------------------------------------


@hookspec(firstresult=True)
def alframe_train_together(
    trainings: Sequence[Training], recipe: Recipe, options: Any
) -> Sequence[TrainResult | TrialError] | None:
    """Fit several networks of one design at once, each in place on a labelled set of its own.

    A plugin that trains may offer this beside ``alframe_train``. Trials of one setting that stand at the same
    round are trained by it where ``run.together`` asks for it, and where nobody wraps ``alframe_train``.
    Each network must become what ``alframe_train`` makes of it, up to rounding.

    Args:
        trainings: at least two; the networks have parts and shapes in common, the labelled sets need not.
        recipe: as in ``alframe_train``.
        options: the plugin's own options object.

    Returns:
        For each training its `TrainResult`, or the `TrialError` that is this trial's alone. None where these
        can't be trained at once: then each is trained by ``alframe_train``, from where it was.

    Example::

        @hookimpl
        def alframe_train_together(trainings, recipe):
            return [fit_in_step(one, recipe) for one in trainings]
    """


# -- resources: collected from every plugin ----------------------------------------------------------


@hookspec
def alframe_datasets() -> Mapping[str, DatasetInfo]:  # type: ignore[empty-body]
    """Offer data sets by name. Called for listings and when a data set is asked for.

    Returns:
        Name and `DatasetInfo`; the data are loaded only when ``DatasetInfo.load`` is called.

    Example::

        @hookimpl
        def alframe_datasets():
            return {"toy": DatasetInfo(summary="two moons", load=load_two_moons)}
    """


@hookspec
def alframe_models() -> Mapping[str, ModelInfo]:  # type: ignore[empty-body]
    """Offer networks by name. Called for listings and when a network is asked for.

    Returns:
        Name and `ModelInfo`; the network is built only when ``ModelInfo.build`` is called.

    Example::

        @hookimpl
        def alframe_models():
            return {"tiny": ModelInfo(summary="one hidden layer", build=build_tiny)}
    """


@hookspec
def alframe_presets() -> Mapping[str, PresetInfo]:  # type: ignore[empty-body]
    """Offer complete settings by name. Called for listings and for ``--preset``.

    Returns:
        Name and `PresetInfo`; its settings have the form of a configuration file.

    Example::

        @hookimpl
        def alframe_presets():
            settings = {"data": {"name": "toy"}, "run": {"rounds": 3}}
            return {"toy-mlp": PresetInfo(summary="two moons, briefly", settings=settings)}
    """


@hookspec
def alframe_executors() -> Mapping[str, ExecutorInfo]:  # type: ignore[empty-body]
    """Offer engines that run trials elsewhere, for ``alframe run --executor NAME``.

    Called for listings, and where an executor is asked for. The engine's options are the plugin's own.

    Returns:
        Name and `ExecutorInfo`; nothing is started before ``Jobs.submit`` is called.

    Example::

        @hookimpl
        def alframe_executors():
            return {"pbs": ExecutorInfo("jobs of PBS", open_pbs, outlives=True)}
    """


@hookspec
def alframe_labelled_sources() -> Mapping[str, SourceInfo]:  # type: ignore[empty-body]
    """Offer kinds of sources for ``alframe label PATH``, by name, beside "images" and "texts".

    Called for listings, where PATH is neither a folder nor a file of texts, where ``--kind`` names none of
    the two, and for sessions of such a kind.

    Returns:
        Name and `SourceInfo`; the samples are looked for only when ``SourceInfo.open`` is called.

    Example::

        @hookimpl
        def alframe_labelled_sources():
            return {"pages": SourceInfo("pages of a book", open_book, lambda path: path.suffix == ".epub")}
    """


@hookspec
def alframe_label_formats() -> Mapping[str, FormatInfo]:  # type: ignore[empty-body]
    """Offer formats for ``alframe label export --to`` and ``import --from``, by name.

    Called for listings, and where these name none of alframe's own.

    Returns:
        Name and `FormatInfo`, with functions that read and write.

    Example::

        @hookimpl
        def alframe_label_formats():
            return {"xml": FormatInfo("our archive's files", read_xml, write_xml, ".xml")}
    """


# -- events: sent to every plugin, but to one with ``PluginInfo(on_request=True)`` only where ``--log`` names
# it. A plugin that raises is reported, hears no more of the run, and never ends it.


@hookspec
def alframe_run_started(run: TrialRun, options: Any) -> None:
    """Told when a trial starts or continues.

    Args:
        run: the trial, an `alframe.TrialRun`: strategy, seed, name, folder, and ``config``, the resolved
            sections. `alframe.read_rounds` of ``run.folder`` gives the rounds that there are.
        options: the plugin's own options object.

    Example::

        @hookimpl
        def alframe_run_started(run):
            print(run.folder)
    """


@hookspec
def alframe_round_finished(run: TrialRun, record: Mapping[str, Any], options: Any) -> None:
    """Told after each round, when its record is on disk.

    Args:
        run: the trial.
        record: the round's line of ``rounds.jsonl``, a dictionary of the plugin's own; `alframe.Round.of`
            makes an object of it.
        options: the plugin's own options object.

    Example::

        @hookimpl
        def alframe_round_finished(run, record):
            print(record["labelled"], record["accuracy"])
    """


@hookspec
def alframe_run_finished(run: TrialRun, summary: RunSummary, options: Any) -> None:
    """Told when a trial's last round is done.

    Args:
        run: the trial.
        summary: an `alframe.RunSummary`: every record of the trial, and a note where it ended early.
        options: the plugin's own options object.

    Example::

        @hookimpl
        def alframe_run_finished(run, summary):
            print(summary.records[-1]["accuracy"])
    """


@hookspec
def alframe_run_failed(run: TrialRun, reason: str, options: Any) -> None:
    """Told when a trial that had started fails. The same command may try it again.

    Nobody is told where the process dies, or is ended from outside.

    Args:
        run: the trial.
        reason: why, in one line.
        options: the plugin's own options object.

    Example::

        @hookimpl
        def alframe_run_failed(run, reason):
            print(run.name, reason)
    """


# -- an event of a session: sent to plugins that ``alframe label --notify`` names, apart from the answers


@hookspec
def alframe_labelled(session: LabelledSession, event: Mapping[str, Any]) -> None:
    """Told of each event of a session that is being labelled, when it is on disk.

    Runs in a thread of the plugin's own: no answer waits for it. Where it is slow, events wait, and are
    dropped when a thousand do. A plugin that raises is reported, and hears no more until the session is
    opened again.

    Args:
        session: the session, a `LabelledSession`, as it is by now: it may be some events ahead.
        event: the event's line of ``labels.jsonl``, a dictionary of the plugin's own: ``n``, ``event``
            ("label", "skip", "unsure", "undo" and others), ``by``, ``at``, and what belongs to it, as
            ``sample``, an id, and ``label``, a class.

    Example::

        @hookimpl
        def alframe_labelled(session, event):
            print(event["event"], event.get("sample"), event.get("label"))
    """
