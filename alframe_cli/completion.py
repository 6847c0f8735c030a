"""``completion``: the script that makes a shell complete, and what is completed. Never imports torch."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from alframe_cli.plain_text import echo

if TYPE_CHECKING:
    from alframe.registry.registry import Registry

VARIABLE = "_ALFRAME_COMPLETE"  # what click looks for
# For bash: the cursor stays behind `train.optimizer=` and `npz:`, whose value comes next.
NO_SPACE = """\
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=:] ]]; then
        compopt -o nospace
    fi
    return 0
"""
Candidates = Iterable[tuple[str, str]]  # each with a line of help
Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that lets SHELL complete commands, flags, names and options.

    \b
    eval "$(alframe completion bash)"       # in ~/.bashrc
    eval "$(alframe completion zsh)"        # in ~/.zshrc
    alframe completion fish > ~/.config/fish/completions/alframe.fish
    """  # noqa: D301 - click's mark that keeps lines apart is the character itself
    kind = get_completion_class(shell)
    assert kind is not None
    assert ctx.parent is not None
    source = kind(ctx.parent.command, {}, "alframe", VARIABLE).source()
    echo(source.replace("    return 0\n", NO_SPACE, 1) if shell == "bash" else source)


def completes(candidates: Callable[[Registry, click.Context], Candidates], many: bool = False) -> Completer:
    """Makes a completer of names.

    Args:
        candidates: the names that there are, with a line about each.
        many: whether the flag takes several, separated by commas.
    """

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from alframe.registry.registry import installed

        before, comma, last = incomplete.rpartition(",") if many else ("", "", incomplete)
        given = before.split(",")
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # a plugin's words would end in the prompt
                found = sorted(candidates(installed(), ctx))
        except Exception:  # no completion; what is wrong is said when the command is run
            return []
        return [
            CompletionItem(f"{before}{comma}{name}", help=help_)
            for name, help_ in found
            if name.startswith(last) and name not in given
        ]

    return complete


def _strategies(registry: Registry, ctx: click.Context) -> Candidates:
    summaries = zip(registry.strategy_names, registry.strategies, strict=True)
    return [(name, plugin.info.summary) for name, plugin in summaries]


def _strategies_and_all(registry: Registry, ctx: click.Context) -> Candidates:
    from alframe.registry.registry import ALL

    return [*_strategies(registry, ctx), (ALL, "every strategy that suits the data and the network")]


def _starts(registry: Registry, ctx: click.Context) -> Candidates:
    able = [(p.name, p.info.summary) for p in registry.strategies if p.info.cold_start]
    drawn = [("random", "drawn from all"), ("balanced", "drawn evenly from the classes")]
    return [*drawn, ("own", "each strategy's own choice"), *able]


def _resources(kind: str) -> Callable[[Registry, click.Context], Candidates]:
    def found(registry: Registry, ctx: click.Context) -> Candidates:
        from alframe.registry import offers

        for offer in registry.offers.of(getattr(offers, kind)):
            colon = ":" if offer.location else ""
            yield f"{offer.name}{colon}", offer.value.summary

    return found


def _providers(stage: str) -> Callable[[Registry, click.Context], Candidates]:
    def found(registry: Registry, ctx: click.Context) -> Candidates:
        return [(name, registry.named(name)[0].info.summary) for name in registry.serving(stage)]

    return found


def _listeners(registry: Registry, ctx: click.Context) -> Candidates:
    from alframe.registry.listeners import listeners

    return [(name, registry.plugin(name).info.summary) for name in listeners(registry)]


def _session_listeners(registry: Registry, ctx: click.Context) -> Candidates:
    from alframe.registry.listeners import listeners

    return [(name, registry.plugin(name).info.summary) for name in listeners(registry, "--notify")]


def _source_kinds(registry: Registry, ctx: click.Context) -> Candidates:
    from alframe.labelling.sources import SOURCES
    from alframe.registry import offers

    yield from ((name, info.summary) for name, info in SOURCES.items())
    yield from ((offer.name, offer.value.summary) for offer in registry.offers.of(offers.SOURCES))


def _executors(registry: Registry, ctx: click.Context) -> Candidates:
    from alframe.registry import offers

    yield "local", "processes of this machine"
    yield from ((offer.name, offer.value.summary) for offer in registry.offers.of(offers.EXECUTORS))


def _formats(part: str) -> Callable[[Registry, click.Context], Candidates]:
    def found(registry: Registry, ctx: click.Context) -> Candidates:
        from alframe.labelling.formats.catalogue import FORMATS
        from alframe.registry import offers

        infos = FORMATS | {offer.name: offer.value for offer in registry.offers.of(offers.FORMATS)}
        return [(name, info.summary) for name, info in infos.items() if getattr(info, part) is not None]

    return found


def _plugins(registry: Registry, ctx: click.Context) -> Candidates:
    return [(plugin.name, plugin.info.summary) for plugin in registry.plugins]


def _everything(registry: Registry, ctx: click.Context) -> Candidates:
    from alframe.contract.sections import SECTIONS
    from alframe.registry.offers import KINDS

    names: dict[str, str] = dict.fromkeys(SECTIONS, "section of a configuration")
    for kind in KINDS:
        names |= {offer.name: offer.value.summary for offer in registry.offers.of(kind)}
    return (names | {plugin.name: plugin.info.summary for plugin in registry.plugins}).items()


def _options_at(offer: Any, location: str) -> Any:
    from alframe.contract.resources import ModelInfo
    from alframe.errors import UsageError

    if isinstance(offer.value, ModelInfo):
        with contextlib.suppress(UsageError):  # a name that is not written to its end
            return offer.value.options_for(location)
    return offer.value.options


def _options(registry: Registry, ctx: click.Context) -> Candidates:
    """``section.key=`` of the engine, of the plugins, and of the data set and network on the line."""
    from alframe.contract.options import describe
    from alframe.contract.sections import AUTO, DATA_SET, SECTIONS
    from alframe.registry.offers import DATASETS, MODELS

    types: list[tuple[str, Any]] = list(SECTIONS.items())
    types += [(plugin.name, plugin.info.options) for plugin in registry.plugins if not plugin.problem]
    datasets = ctx.params.get("dataset") or [DATA_SET]
    given = ctx.params.get("model") or [AUTO]
    models = [registry.offers.network_for(name, dataset) for name in given for dataset in datasets]
    places = {name.partition(":")[0]: name.partition(":")[2] for name in (*datasets, *models)}
    for kind in (DATASETS, MODELS):
        found = [offer for offer in registry.offers.of(kind) if offer.name in places]
        types += [(kind.section, _options_at(offer, places[offer.name])) for offer in found]
    for section, options in types:
        for field in describe(options):
            yield f"{section}.{field.name}=", field.help


strategy_list = completes(_strategies_and_all, many=True)
strategy_name = completes(_strategies)
start_list = completes(_starts, many=True)
strategies_alone = completes(_strategies, many=True)
data_set_list = completes(_resources("DATASETS"), many=True)
data_set_name = completes(_resources("DATASETS"))
model_list = completes(_resources("MODELS"), many=True)
model_name = completes(_resources("MODELS"))
preset_list = completes(_resources("PRESETS"), many=True)
executor_list = completes(_executors)
listener_list = completes(_listeners, many=True)
session_listeners = completes(_session_listeners, many=True)
source_kind = completes(_source_kinds)
written_format = completes(_formats("write"))
read_format = completes(_formats("read"))
plugin_name = completes(_plugins)
anything = completes(_everything)
option_name = completes(_options)


def provider(stage: str, many: bool) -> Completer:
    """Completes plugins that can serve a stage."""
    return completes(_providers(stage), many)
