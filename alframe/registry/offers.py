"""What plugins offer by name: data sets, networks, presets, executors, and sources and formats of labels."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from alframe.contract.executors import ExecutorInfo
from alframe.contract.labelling import FormatInfo, SourceInfo
from alframe.contract.options import check_declaration
from alframe.contract.resources import DatasetInfo, ModelInfo, PresetInfo
from alframe.contract.sections import AUTO, LOCAL, NETWORK
from alframe.errors import PluginError, UsageError, reason, unknown_name
from alframe.registry.plugin import Plugin
from alframe.registry.process import kept_settings, no_way_out
from alframe.registry.streams import KeptOpen

T = TypeVar("T", DatasetInfo, ModelInfo, PresetInfo, SourceInfo, FormatInfo, ExecutorInfo, Any)


@dataclasses.dataclass(frozen=True)
class Kind(Generic[T]):
    """A kind of resource.

    Attributes:
        name: what people call it.
        hook: where plugins offer it.
        info: what they describe it by.
        command: which lists it; "" for none.
        section: of a configuration, where its options stand; "" where it has none.
        own: names that are alframe's own, and no plugin's to give.
    """

    name: str
    hook: str
    info: type[T]
    command: str = ""
    section: str = ""
    own: tuple[str, ...] = ()


DATASETS = Kind("data set", "alframe_datasets", DatasetInfo, "list-datasets", "data")
MODELS = Kind("model", "alframe_models", ModelInfo, "list-models", "model")
PRESETS = Kind("preset", "alframe_presets", PresetInfo, "list-presets")
SOURCES = Kind("kind of source", "alframe_labelled_sources", SourceInfo, own=("images", "texts"))
FORMATS = Kind(
    "format",
    "alframe_label_formats",
    FormatInfo,
    own=("csv", "jsonl", "imagefolder", "coco", "label-studio", "dataset"),
)
EXECUTORS = Kind("executor", "alframe_executors", ExecutorInfo, own=(LOCAL,))
KINDS: tuple[Kind[Any], ...] = (DATASETS, MODELS, PRESETS)
UNLISTED: tuple[Kind[Any], ...] = (SOURCES, FORMATS, EXECUTORS)


@dataclasses.dataclass(frozen=True)
class Offer(Generic[T]):
    """A named resource and the plugin that offers it."""

    name: str
    plugin: Plugin
    value: T

    @property
    def key(self) -> str:
        """``distribution/name``."""
        return f"{self.plugin.distribution}/{self.name}"

    @property
    def location(self) -> str:
        """What must follow a colon, as "PATH" in ``npz:PATH``; "" when nothing does."""
        return getattr(self.value, "location", "")


class OfferError(PluginError):
    """A plugin that failed when asked what it offers."""

    def __init__(self, message: str, plugin: Plugin) -> None:
        super().__init__(message)
        self.plugin = plugin


class Offers:
    """What the plugins of a registry offer, asked anew at each call.

    Args:
        plugins: gives the plugins.
    """

    def __init__(self, plugins: Callable[[], Iterable[Plugin]]) -> None:
        self._plugins = plugins

    def of(self, kind: Kind[T]) -> list[Offer[T]]:
        """Every usable resource of a kind, by name."""
        offers, _ = self._collect(kind)
        return sorted(offers, key=lambda offer: offer.name)

    def named(self, kind: Kind[T], name: str) -> Offer[T]:
        """Finds a resource by ``name`` or ``distribution/name``.

        Raises:
            UsageError: no such resource, or two of that name.
            PluginError: a plugin failed when asked what it offers, so the name may be its.
        """
        offers, failures = self._collect(kind)
        named = [offer for offer in offers if name in (offer.name, offer.key)]
        if len(named) > 1:
            raise conflict(kind.name, name, [(offer.key, offer.plugin.provider) for offer in named])
        if named:
            return named[0]
        if failures:
            raise failures[0]
        hint = f"See `alframe {kind.command}`." if kind.command else ""
        known = [offer.name for offer in offers]
        raise unknown_name(kind.name, name, known + list(kind.own), hint)

    def located(self, kind: Kind[T], name: str) -> tuple[Offer[T], str]:
        """Finds what ``NAME`` or ``NAME:LOCATION`` asks for: the resource, and the location or "".

        Raises:
            UsageError: as `named`, or a location is missing or too many.
            PluginError: as `named`.
        """
        short, _, location = name.partition(":")
        offer = self.named(kind, short)
        wanted = offer.location
        if wanted and not location:
            raise UsageError(f"{kind.name} {name!r} needs {wanted} after a colon: {offer.name}:{wanted}")
        if location and not wanted:
            raise UsageError(f"{kind.name} {offer.name!r} takes nothing after a colon, got {name!r}")
        return offer, location

    def network_for(self, name: str, dataset: str) -> str:
        """The name of a network; for ``auto`` that of the one which suits a data set.

        Args:
            name: what the user says.
            dataset: name of the data set, with its location.

        Raises:
            UsageError: as `located`, of the data set.
            PluginError: as `located`.
        """
        if name != AUTO:
            return name
        offer, location = self.located(DATASETS, dataset)
        if offer.value.network is None:
            return NETWORK
        try:
            with kept_settings(f"data set {offer.name!r}"), no_way_out():
                suiting = offer.value.network(location) or NETWORK
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            message = f"plugin {offer.plugin.name!r}, network of data set {offer.name!r}: {reason(error)}"
            raise PluginError(message) from error
        if not isinstance(suiting, str):
            raise PluginError(
                f"plugin {offer.plugin.name!r}: network of data set {offer.name!r} wants a name or None, "
                f"got {suiting!r}"
            )
        return suiting

    def failures(self) -> list[OfferError]:
        """The plugins that failed when asked what they offer, each as an error with ``plugin``."""
        return [error for kind in (*KINDS, *UNLISTED) for error in self._collect(kind)[1]]

    def tried(self, kind: Kind[T]) -> tuple[list[Offer[T]], list[OfferError]]:
        """Every usable resource of a kind, and the plugins that failed when asked for theirs."""
        return self._collect(kind)

    def _collect(self, kind: Kind[T]) -> tuple[list[Offer[T]], list[OfferError]]:
        offers: list[Offer[T]] = []
        failures: list[OfferError] = []
        for plugin in self._plugins():
            if kind.hook not in plugin.hooks:
                continue
            try:
                error_output = KeptOpen(sys.stderr)  # standard output is for data
                with (
                    kept_settings(f"plugin {plugin.name!r}, hook {kind.hook}"),
                    no_way_out(),
                    contextlib.redirect_stdout(error_output),
                    contextlib.redirect_stderr(error_output),
                ):
                    found = getattr(plugin.module, kind.hook)()
                if not isinstance(found, Mapping):
                    raise PluginError(f"wanted a mapping of names and {kind.info.__name__}, got {found!r}")
                offers += [
                    Offer(_named(name, kind), plugin, _checked(value, kind)) for name, value in found.items()
                ]
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                failure = OfferError(f"plugin {plugin.name!r}, hook {kind.hook}: {reason(error)}", plugin)
                failure.__cause__ = error
                failures.append(failure)
        return offers, failures


def conflict(what: str, name: str, providers: list[tuple[str, str]]) -> UsageError:
    """The error for a name that several plugins have: key and provider of each."""
    listed = ", ".join(f"{key} (from {provider})" for key, provider in providers)
    return UsageError(f"{len(providers)} plugins offer the {what} {name!r}: {listed}. Ask for one of them.")


def _named(name: Any, kind: Kind[Any]) -> str:
    if not isinstance(name, str):
        raise PluginError(f"the name of a {kind.name} is a text, got {name!r}")
    if name in kind.own:
        raise PluginError(f"the name {name!r} is that of alframe's own {kind.name}; give another")
    return name


def _checked(value: Any, kind: Kind[T]) -> T:
    if not isinstance(value, kind.info):
        raise PluginError(f"wanted a {kind.info.__name__}, got {value!r}")
    if hasattr(value, "options"):
        check_declaration(value.options)
    return value
