"""The settings of a run: defaults < preset < configuration file < flags, all validated.

A configuration is a dictionary of sections, the same in a TOML file, in a preset and after ``-o``:
``run``, ``data``, ``model``, ``features``, ``train``, ``stages``, ``stop``, and one for each plugin with
options.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alframe.contract.executors import ExecutorInfo
from alframe.contract.options import build, identifying
from alframe.contract.recipe import Recipe
from alframe.contract.resources import DatasetInfo, ModelInfo
from alframe.contract.sections import (
    LOCAL,
    SECTIONS,
    STRATEGY_OF_ESTIMATORS,
    DataSource,
    FeatureSource,
    ModelSource,
    RunOptions,
    StageProviders,
)
from alframe.contract.stopping import StopOptions
from alframe.errors import UsageError, unknown_name
from alframe.experiments.configuration import Sections
from alframe.experiments.fixed import FixedFeatures, resolve_features
from alframe.experiments.places import mark_of, setting_of_kind
from alframe.learning.initial import OWN, start_named
from alframe.learning.pipeline import Pipeline
from alframe.registry.listeners import require_listeners
from alframe.registry.offers import DATASETS, EXECUTORS, MODELS, Offer
from alframe.registry.plugin import Plugin
from alframe.registry.registry import ALL, Registry

NAMED = (
    "preset",
    "data.name",
    "model.name",
    "features.name",
)  # keys whose values say themselves what they are


@dataclasses.dataclass(frozen=True, eq=False)
class Settings:
    """Everything about a run, validated.

    Attributes:
        run: budgets, seeds, strategies, device, output folder.
        source: data set name, folder, permission to download.
        dataset: the plugin's offer behind the name.
        data_options: the data set's options.
        model: the plugin's offer of a network.
        model_location: what follows the colon in ``timm:NAME``, else "".
        model_options: the network's options.
        recipe: how the network is trained.
        stages: providers asked for, by stage.
        stop: when a trial ends before its last round.
        plugin_options: what the user gave, by plugin name.
        pipelines: the resolved strategies, in the order asked for.
        listeners: keys of the plugins that ``run.log`` names.
        varied: what tells this setting from the others of a sweep, as ``{"run.query_size": "10"}``.
        features: what gives fixed features beside the network's; None: nothing.
        executor: the plugin's offer of who runs the trials; None: this machine.
        executor_options: that plugin's options.
    """

    run: RunOptions
    source: DataSource
    dataset: Offer[DatasetInfo]
    data_options: Any
    model: Offer[ModelInfo]
    model_location: str
    model_options: Any
    recipe: Recipe
    stages: Mapping[str, str]
    stop: StopOptions
    plugin_options: Mapping[str, Mapping[str, Any]]
    pipelines: tuple[Pipeline, ...]
    listeners: frozenset[str] = frozenset()
    varied: Mapping[str, str] = dataclasses.field(default_factory=dict)
    features: FixedFeatures | None = None
    executor: Offer[ExecutorInfo] | None = None
    executor_options: Any = None

    @property
    def label(self) -> str:
        """``varied`` for people, as ``mnist query_size=10``; "" for a setting alone."""
        return label_of(self.varied)

    @property
    def data_key(self) -> tuple[Any, ...]:
        """Equal for settings that load the same data."""
        return (self.dataset.key, self.source, self.data_options, self.run.device)

    @property
    def asks_for_all(self) -> bool:
        """Whether every strategy that suits the data and the network was asked for."""
        return ALL in self.run.strategy

    @property
    def location(self) -> str:
        """What follows the colon in ``npz:PATH``."""
        return self.source.name.partition(":")[2]

    @property
    def model_name(self) -> str:
        """The network as the user names it, ``mlp`` or ``timm:NAME``."""
        return with_location(self.model.name, self.model_location)

    @property
    def folder(self) -> Path:
        """``OUT/<dataset>/<setting>``, where its runs are."""
        return Path(self.run.out) / self.dataset_folder / self.setting_folder

    @property
    def dataset_folder(self) -> str:
        """Name of the data set's folder of runs."""
        stem = Path(self.location).stem
        return safe_name("-".join(part for part in (self.dataset.name, stem) if part))

    @functools.cached_property
    def setting_folder(self) -> str:
        """Name of the setting's folder of runs: readable, with a hash of all that makes the setting.

        The same data and fixed features at another place are the same setting. One that an earlier alframe
        began goes on, whose hash has the place in it. Where the data are gone, it is the one of its kind.
        """
        by_place = self._named(self._setting())
        if not self._in_files:
            return by_place
        runs = Path(self.run.out) / self.dataset_folder
        if (runs / by_place).is_dir():
            return by_place
        data = mark_of(self.location, self.dataset.location)
        features = mark_of(self._features_file, "PATH")
        if data is None or features is None:
            return setting_of_kind(runs, safe_name(self._readable)[:100], self.kind) or by_place
        marked = {"features": self.features.identifying(features)} if self.features else {}
        return self._named(self._setting() | {"data": [self.dataset.key, data]} | marked)

    @property
    def _in_files(self) -> bool:
        """Whether data or fixed features are at a place that the user named."""
        return bool(self.location or self._features_file)

    @property
    def _features_file(self) -> str:
        return self.features.location if self.features and self.features.offer is None else ""

    @property
    def _readable(self) -> str:
        run = self.run
        fixed = f"+{self.features.short_name}" if self.features else ""
        return f"{self.model_name}{fixed}-{run.initial_size}+{run.rounds}x{run.query_size}"

    def _named(self, setting: Mapping[str, Any]) -> str:
        return safe_name(f"{self._readable}-{_digest(setting)}")

    @property
    def kind(self) -> str:
        """A hash of all that makes the setting but the place of its data: they may have been moved."""
        fixed = {"features": self.features.identifying("")} if self.features else {}
        return _digest(self._setting() | {"data": self.dataset.key} | fixed)

    def _setting(self) -> dict[str, Any]:
        """All that makes the setting, data and fixed features by the place of their files."""
        budgets = ("initial_size", "initial", "query_size", "query_growth", "rounds")
        asked = "train" in self.stages or self.model.value.trainer
        trainer = self.pipelines[0].providers["train"] if asked else None
        rules = self.stop.rules()
        return {
            **({"stop": rules} if rules else {}),
            "data": [self.dataset.key, str(Path(self.location).resolve()) if self.location else ""],
            "data_options": identifying(self.data_options),
            "model": [
                with_location(self.model.key, self.model_location),
                identifying(self.model_options),
            ],
            **({"features": self.features.identifying()} if self.features else {}),
            "recipe": identifying(self.recipe),
            "budgets": {name: getattr(self.run, name) for name in budgets} | {"initial": self._initial},
            "trainer": [trainer.key, identifying(self.pipelines[0].options[trainer.name])]
            if trainer
            else None,
            **({"start": self._start_key} if self._start_key else {}),
            **({"pool_size": self.run.pool_size} if self.run.pool_size else {}),
            **({"retrain_every": self.run.retrain_every} if self.run.retrain_every else {}),
        }

    @property
    def _start(self) -> Pipeline | None:
        """Who chooses all strategies' initial sets; a strategy's own start is the strategy's."""
        return None if self.run.initial == OWN else self.start_of(self.pipelines[0])

    @property
    def _initial(self) -> str:
        return self.run.initial if self._start is None else self._start.strategy.name  # one for all aliases

    @property
    def _start_key(self) -> list[Any]:
        start = self._start
        return [] if start is None else [start.strategy.key, list(map(identifying, start.options.values()))]

    def start_of(self, pipeline: Pipeline) -> Pipeline | None:
        """Who chooses the initial set of a strategy's trials; None where it is drawn."""
        return start_named(self.run.initial, pipeline, self.plugin_options)

    def _served(self, pipelines: tuple[Pipeline, ...]) -> list[Pipeline]:
        """Strategies, and who chooses their initial sets."""
        starts = map(self.start_of, pipelines)
        return [*(start for start in starts if start is not None), *pipelines]

    def sections(
        self, pipelines: tuple[Pipeline, ...] | None = None, seeds: tuple[int, ...] | None = None
    ) -> Sections:
        """Every resolved value, in the form of a configuration file.

        Args:
            pipelines: the strategies to describe; all of them by default.
            seeds: the seeds to name; all of them by default.
        """
        everything = pipelines is None and self.asks_for_all
        pipelines = pipelines or self.pipelines
        run = dataclasses.asdict(self.run) | {
            "strategy": [
                *([ALL] if everything else []),
                *(one.asked_for for one in pipelines if one.strategy.info.part or not everything),
            ],
            "seeds": list(seeds or self.run.seeds),
        }
        sections: Sections = {
            "run": run,
            "data": dataclasses.asdict(self.source) | dataclasses.asdict(self.data_options),
            "model": {"name": self.model_name} | dataclasses.asdict(self.model_options),
            "features": self.features.section if self.features else dataclasses.asdict(FeatureSource()),
            "train": dataclasses.asdict(self.recipe),
            "stop": dataclasses.asdict(self.stop),
        }
        if self.stages:
            sections["stages"] = dict(self.stages)
        for pipeline in self._served(pipelines):
            for name, options in pipeline.options.items():
                if values := dataclasses.asdict(options):
                    sections[name] = values
        for plugin in self._listening:
            if values := dataclasses.asdict(self.options_of(plugin)):
                sections.setdefault(plugin.name, values)
        return {
            name: {key: "none" if value is None else value for key, value in section.items()}
            for name, section in sections.items()
        }

    def options_of(self, plugin: Plugin) -> Any:
        """The options of a plugin that hears events, with what the user gave."""
        return build(plugin.info.options, self.plugin_options.get(plugin.name, {}), plugin.name)

    @property
    def _listening(self) -> list[Plugin]:
        """Plugins with options that were asked for to hear events, or hear them and were given options."""
        return [
            plugin
            for plugin in self.pipelines[0].registry.plugins
            if plugin.key in self.listeners
            or (plugin.hears_events and not plugin.info.on_request and plugin.name in self.plugin_options)
        ]

    def unused_sections(self) -> list[str]:
        """Plugins that were given options but serve no stage of any strategy here, and hear no events."""
        used = {name for pipeline in self._served(self.pipelines) for name in pipeline.options}
        used |= {self.executor.plugin.name} if self.executor else set()
        used |= {plugin.name for plugin in self._listening}
        return sorted(set(self.plugin_options) - used)


def resolve(
    registry: Registry,
    sections: Mapping[str, Mapping[str, Any]],
    varied: Mapping[str, str] | None = None,
) -> Settings:
    """Validates a configuration and looks up every name in it.

    Args:
        registry: the plugins.
        sections: the configuration.
        varied: what tells this setting from the others of a sweep.

    Raises:
        UsageError: an unknown section, key or name, or a value that can't be used.
        PluginError: a plugin that was asked for is broken.
    """
    given = {name: dict(section) for name, section in sections.items()}
    run = build(RunOptions, given.pop("run", {}), "run")
    listeners = require_listeners(registry, run.log)
    recipe = build(Recipe, given.pop("train", {}), "train")
    stop = build(StopOptions, given.pop("stop", {}), "stop")
    stages = {
        k: v
        for k, v in dataclasses.asdict(build(StageProviders, given.pop("stages", {}), "stages")).items()
        if v
    }
    data = given.pop("data", {})
    source = build(DataSource, _take(data, DataSource), "data")
    dataset, _ = registry.offers.located(DATASETS, source.name)
    model_section = given.pop("model", {})
    model_source = build(ModelSource, _take(model_section, ModelSource), "model")
    network = registry.offers.network_for(model_source.name, source.name)
    model, model_location = registry.offers.located(MODELS, network)
    if model.value.trainer and "strategy" not in sections.get("run", {}):
        run = dataclasses.replace(run, strategy=(STRATEGY_OF_ESTIMATORS,))
    features = resolve_features(registry, given.pop("features", {}), download=source.download)
    for name in given:
        if name not in {plugin.name for plugin in registry.plugins}:
            known = set(SECTIONS) | {p.name for p in registry.plugins if dataclasses.fields(p.info.options)}
            raise unknown_name("section", name, known)
    pipelines = _pipelines(registry, run.strategy, stages, given, model.value.trainer)
    try:
        starts = tuple(start_named(run.initial, pipeline, given) for pipeline in pipelines)
    except UsageError as error:
        raise UsageError(f"run.initial: {error}") from error
    served = [pipeline for pipeline in (*pipelines, *starts) if pipeline is not None]
    used = {name for pipeline in served for name in pipeline.options}
    executor, executor_options = _executor(registry, run, given)
    for name in given.keys() - used:  # the pipelines have built the others
        build(registry.plugin(name).info.options, given[name], name)
    return Settings(
        run=run,
        source=source,
        dataset=dataset,
        data_options=build(dataset.value.options, data, "data"),
        model=model,
        model_location=model_location,
        model_options=build(
            model.value.options_for(model_location),
            model_section,
            "model",
            with_location(model.name, model_location),
        ),
        recipe=recipe,
        stages=stages,
        stop=stop,
        plugin_options=given,
        pipelines=pipelines,
        listeners=listeners,
        varied=varied or {},
        features=features,
        executor=executor,
        executor_options=executor_options,
    )


def _executor(registry: Registry, run: RunOptions, given: Sections) -> tuple[Offer[ExecutorInfo] | None, Any]:
    """Who runs the trials, and its plugin's options; (None, None): this machine."""
    if run.executor == LOCAL:
        return None, None
    offer = registry.offers.named(EXECUTORS, run.executor)
    plugin = offer.plugin
    return offer, build(plugin.info.options, given.get(plugin.name, {}), plugin.name)


def _pipelines(
    registry: Registry, names: tuple[str, ...], stages: Mapping[str, str], options: Sections, trainer: str
) -> tuple[Pipeline, ...]:
    """One a strategy, however often and by whichever name it was asked for."""
    expanded: list[str] = []
    for name in names:
        expanded += registry.worth_running if name == ALL else [name]
    refuse = ALL not in names  # else who does not suit is left out, with the reason
    pipelines = [
        Pipeline(registry, name, stages, options, refuse=refuse, trainer=trainer) for name in expanded
    ]
    return tuple({pipeline.strategy.key: pipeline for pipeline in pipelines}.values())


def label_of(varied: Mapping[str, str]) -> str:
    """What tells settings apart, for people: ``mnist query_size=10`` of data set and query size."""
    return " ".join(
        value if key in NAMED else f"{key.removeprefix('run.')}={value}" for key, value in varied.items()
    )


def with_location(name: str, location: str) -> str:
    """``NAME``, or ``NAME:LOCATION`` where there is one."""
    return f"{name}:{location}" if location else name


def safe_name(text: str) -> str:
    """``text`` as a folder name: letters, digits and ``._+=-``, not too long."""
    safe = "".join(c if c.isalnum() or c in "._+=-" else "-" for c in text)
    return safe if len(safe) <= 120 else f"{safe[:100]}-{_digest(text)}"


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]


def _take(section: dict[str, Any], owner: type) -> dict[str, Any]:
    return {
        field.name: section.pop(field.name) for field in dataclasses.fields(owner) if field.name in section
    }
