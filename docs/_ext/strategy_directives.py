"""What a strategy's page says that its plugin knows: ``{strategy} NAME``, and the list ``{strategies}``."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx import addnodes
from sphinx.application import Sphinx

from alframe.contract.needs import needed
from alframe.contract.options import describe, written
from alframe.contract.scores import RANGES, in_words
from alframe.hookspecs import STAGE_DEFAULTS, STAGES
from alframe.registry.plugin import Plugin
from alframe.registry.registry import OWN_DISTRIBUTION, Registry


def built_in() -> list[Plugin]:
    """The strategies of alframe's own distribution; others may be installed, and have their own pages."""
    return [plugin for plugin in Registry().strategies if plugin.distribution == OWN_DISTRIBUTION]


class StrategyFacts(Directive):
    """Summary, paper, stages, needs, aliases and options of one strategy."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Builds the nodes; an unknown name is a warning."""
        (name,) = self.arguments
        found = [plugin for plugin in built_in() if plugin.name == name]
        if not found:
            return [self.state.document.reporter.warning(f"there is no strategy {name!r}", line=self.lineno)]
        plugin = found[0]
        summary = plugin.info.summary
        return [
            nodes.paragraph("", summary[:1].upper() + summary[1:] + "."),
            _table(("", ""), [(nodes.Text(key), value) for key, value in _facts(plugin)], head=False),
            *_options(plugin),
        ]


class StrategyList(Directive):
    """One row a strategy: its name as a link, what it chooses, its paper."""

    def run(self) -> list[nodes.Node]:
        """Builds the table."""
        rows = [
            (_page(plugin.name), nodes.Text(plugin.info.summary), _reference(plugin.info.reference))
            for plugin in built_in()
        ]
        return [_table(("strategy", "chooses", "paper"), rows)]


def _facts(plugin: Plugin) -> list[tuple[str, nodes.Node]]:
    info = plugin.info
    facts: list[tuple[str, nodes.Node]] = []
    if info.reference:
        facts.append(("paper", _reference(info.reference)))
    facts.append(("goes by", nodes.Text(info.family)))
    if info.cold_start:
        facts.append(("starts", nodes.Text("also without any labels, by features alone")))
    for stage in STAGES:
        facts.append((stage, _server(plugin, stage)))
    if info.needs:
        found = [
            need.words + (f" ({stage} stage)" if stage else "") for stage, need in needed(info.needs, STAGES)
        ]
        facts.append(("needs", nodes.Text("; ".join(found))))
    if info.score_range:
        facts.append(("its scores are", nodes.Text(RANGES[info.score_range])))
    if scores := in_words(info.needs_scores):
        facts.append(("needs scores", nodes.Text(scores)))
    if info.part:
        facts.append(("is", nodes.Text("a part for others, which --strategy all leaves out")))
    if info.aliases:
        facts.append(("also called", nodes.Text(", ".join(info.aliases))))
    return facts


def _server(plugin: Plugin, stage: str) -> nodes.Node:
    if stage in plugin.stages:
        return nodes.Text("its own")
    if lender := plugin.info.uses.get(stage):
        known = any(one.name == lender for one in built_in())
        name = _page(lender) if known else nodes.literal("", lender)
        return nodes.inline("", "", nodes.Text("that of "), name)
    return nodes.Text(f"the default: {STAGE_DEFAULTS[stage]}")


def _options(plugin: Plugin) -> list[nodes.Node]:
    fields = describe(plugin.info.options)
    if not fields:
        return [nodes.paragraph("", "It has no options.")]
    items = [
        nodes.definition_list_item(
            "",
            nodes.term(
                "",
                "",
                nodes.literal("", f"{plugin.name}.{field.name}"),
                nodes.emphasis("", f" {field.type}, by default {written(field.default)}"),
            ),
            nodes.definition("", nodes.paragraph("", field.help)),
        )
        for field in fields
    ]
    return [nodes.paragraph("", "Options, after -o:"), nodes.definition_list("", *items)]


def _reference(text: str) -> nodes.Node:
    """The paper; arXiv's number is a link."""
    parts: list[nodes.Node] = []
    for part in re.split(r"(arXiv \d{4}\.\d{5})", text):
        if part.startswith("arXiv "):
            uri = f"https://arxiv.org/abs/{part.removeprefix('arXiv ')}"
            parts.append(nodes.reference("", part, refuri=uri))
        elif part:
            parts.append(nodes.Text(part))
    return nodes.inline("", "", *parts)


def _page(name: str) -> nodes.Node:
    """A link to a strategy's page, which Sphinx checks."""
    target = addnodes.pending_xref(
        "",
        nodes.literal("", name),
        refdomain="std",
        reftype="doc",
        reftarget=f"/strategies/{name}",
        refexplicit=True,
        refwarn=True,
    )
    return nodes.inline("", "", target)


def _table(columns: tuple[str, ...], rows: list[tuple[nodes.Node, ...]], head: bool = True) -> nodes.Node:
    group = nodes.tgroup("", *[nodes.colspec(colwidth=1) for _ in columns], cols=len(columns))
    if head:
        group += nodes.thead("", _row(tuple(nodes.Text(column) for column in columns)))
    group += nodes.tbody("", *[_row(row) for row in rows])
    return nodes.table("", group, classes=["colwidths-auto"])


def _row(cells: tuple[nodes.Node, ...]) -> nodes.Node:
    return nodes.row("", *[nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells])


def setup(app: Sphinx) -> dict[str, Any]:
    """Adds the directives."""
    app.add_directive("strategy", StrategyFacts)
    app.add_directive("strategies", StrategyList)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
