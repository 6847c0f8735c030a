"""What plugins say of themselves. Nothing here imports torch: listings must be fast."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from alframe.contract.options import NoOptions
from alframe.errors import PluginError

API_VERSION = 4


class NewerApiError(PluginError):
    """A plugin was written for a newer alframe."""


@dataclasses.dataclass(frozen=True)
class PluginInfo:
    """A plugin's description of itself, returned by the hook ``alframe_info``.

    Args:
        summary: one line for listings.
        reference: the paper, as "Authors, venue year, arXiv number".
        options: a frozen dataclass of options (see `alframe.option`), or None.
        uses: stages borrowed from other plugins without code, as ``{"select": "coreset"}``.
        aliases: other names that ``--strategy`` takes for it.
        needs: what it can't work without: ``"dropout"``, a network with Dropout layers; ``"samples"``, of a
            posterior: such a network or a committee; ``"network"``, the
            whole network and inputs that a gradient can change, as images are; ``"weights"``, a head with
            weights, which estimators as scikit-learn's lack; ``"committee"``, a trainer's or a forest's;
            ``"estimator"``, of a trainer, that the model is one; ``"leaves"``, a model of trees. Of one
            stage alone, ``"embed:weights"``.
        trains: what its train stage changes: the whole ``"network"``, or the ``"head"`` alone, and then the
            features of all samples are computed once and kept.
        on_request: whether its event hooks are called only where ``--log NAME`` asks for it, as suits one
            that writes files. Then it also hears that a trial was finished by an earlier run.
        family: what a strategy goes by, under which lists have it: ``"uncertainty"``, ``"diversity"``,
            ``"both"``, ``"Bayesian"`` (several models' disagreement), ``"start"`` (what it is best at),
            ``"mixture"`` of others, or ``"baseline"``.
        cold_start: whether it can choose when nothing is labelled yet: from the features alone, with an
            empty labelled set, a network that was never trained, and ``ctx.round`` 0.
        score_range: where its scores lie, but for those of -inf: ``"any"`` sign, ``"nonnegative"``, or
            ``"unit"``, from 0 to 1; "" where it does not say: then a selector finds out when it is asked.
        needs_scores: the range of scores that its selector can't work without. Where options decide, what
            each of them needs, as ``{"form=power": "nonnegative"}``.
        part: whether it is made for others to use, and as a strategy of its own not worth running:
            ``--strategy all`` leaves it out.
        rowwise: ``("score",)`` where its score of a sample depends on that sample, the labelled set and the
            network alone, never on the other samples or on ``ctx``'s random numbers. A pool that is larger
            than memory is then scored a block at a time.
        wants_labels_every: name of its option, a whole number, that says after how many samples its select
            stage wants their labels. A round's samples are then asked for in parts of so many, each with the
            labels of those before it, and the network is trained after the last, see `Context.step`.
        asks: names of its options that hold names of strategies which it asks by `Context.ask`, a text or
            several: they are looked up, and refused where they don't suit, before anything runs.
        committee: of a trainer, the name of its option that says how many networks it trains: from two they
            are a committee.
        expected_failures: checks of `alframe.testing` that it is known to fail, each with the reason.
        api: the `API_VERSION` that the plugin needs: that of the newest hook, argument or name it uses.

    Raises:
        PluginError: ``api`` is above this alframe's.
    """

    summary: str
    reference: str = ""
    options: type = NoOptions
    uses: Mapping[str, str] = dataclasses.field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    trains: Literal["network", "head"] = "network"
    on_request: bool = False
    family: Literal["", "uncertainty", "diversity", "both", "Bayesian", "start", "mixture", "baseline"] = ""
    cold_start: bool = False
    score_range: Literal["", "any", "nonnegative", "unit"] = ""
    needs_scores: Literal["any", "nonnegative", "unit"] | Mapping[str, str] = "any"
    part: bool = False
    rowwise: tuple[Literal["score"], ...] = ()
    wants_labels_every: str = ""
    asks: tuple[str, ...] = ()
    committee: str = ""
    expected_failures: Mapping[str, str] = dataclasses.field(default_factory=dict)
    api: int = 1

    def __new__(cls, *args: Any, **fields: Any) -> PluginInfo:
        """Refuses a newer ``api`` before a field that this version does not know can be complained of."""
        if (api := fields.get("api", 1)) > API_VERSION:
            raise NewerApiError(f"needs plugin API {api}, this alframe has {API_VERSION}: upgrade alframe")
        return super().__new__(cls)
