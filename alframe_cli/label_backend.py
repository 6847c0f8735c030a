"""``label backend``."""

from __future__ import annotations

from pathlib import Path

import click

from alframe_cli.label_session import session_argument
from alframe_cli.params import plugin_files
from alframe_cli.plain_text import echo


@click.command()
@session_argument
@click.option(
    "--port", type=click.IntRange(1, 65535), default=9090, show_default=True, help="Where it listens."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--i-trust-this-network", "trusted", is_flag=True, help="Allow another --host than this machine."
)
@plugin_files
def backend(session: Path, port: int, host: str, trusted: bool) -> None:
    """Serve the model of SESSION to Label Studio, as an "ML backend".

    Tasks are found by their files' names. Annotations that Label Studio tells of become labels of the
    session, and the model learns them beside.
    """
    from alframe.labelling.serving import Place, bound, require_trust, serve
    from alframe.labelling.session import Session
    from alframe_cli.label import learner_of, needs_extra
    from alframe_cli.label_session import folder_of, say_notes

    needs_extra()
    from alframe.labelling.backend import make_backend

    require_trust(host, trusted)
    with Session.open(folder_of(session)) as opened:
        say_notes(opened)
        place = Place(bound(host, port), host, port, {})
        app = make_backend(opened, learner_of(opened), place.hosts)
        serve(app, place, lambda: echo(f"http://{host}:{port}"))
