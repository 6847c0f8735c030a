"""``doctor``: what of the installation works, and what to do about the rest."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from alframe_cli.flags import default_of, help_of
from alframe_cli.params import as_json, data_dir, plugin_files
from alframe_cli.plain_text import echo

FAILED = 1


@click.command()
@data_dir
@click.option(
    "--out", metavar="DIR", default=default_of("run.out"), show_default=True, help=help_of("run.out")
)
@plugin_files
@as_json
def doctor(data_dir: str, out: str, as_json: bool) -> int:
    """Look at the installation, plugins, devices, data and folders, and say what to do about each problem.

    Ends with 0 where nothing is wrong, and with 1 otherwise.
    """
    from alframe.installation import doctor
    from alframe.registry.registry import installed
    from alframe_cli.output import print_json, print_table

    registry = installed()
    findings = [
        *doctor.installation(),
        *doctor.devices(),
        *doctor.plugins(registry),
        *doctor.data_sets(registry, Path(data_dir)),
        doctor.out_folder(Path(out)),
    ]
    problems = [finding for finding in findings if finding.state == "problem"]
    if as_json:
        print_json(
            {"problems": len(problems), "findings": [dataclasses.asdict(finding) for finding in findings]}
        )
        return FAILED if problems else 0
    for area in dict.fromkeys(finding.area for finding in findings):
        rows = [(f.name, f.state, f.detail) for f in findings if f.area == area]
        print_table((area, "", "found"), rows)
    advised = [f for f in findings if f.advice]
    for finding in advised:
        echo(f"{finding.state}: {finding.name}: {finding.detail}\n    {finding.advice}")
    echo(f"{len(problems)} problem{'s' if len(problems) != 1 else ''}" if problems else "nothing is wrong")
    return FAILED if problems else 0
