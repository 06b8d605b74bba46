"""`signvip plugins`: what is installed, its options, whether it keeps its contract, and a new one."""

from __future__ import annotations

import typer

from signvip_cli.commands.plugins import check, listing, new
from signvip_cli.options import Json, Plugins, Verbose

app = typer.Typer()
app.command("list")(listing.list_plugins)
app.command("show")(listing.show)
app.command("check")(check.check)
app.command("new")(new.new)


@app.callback(invoke_without_command=True)
def plugins(ctx: typer.Context, json: Json = False, plugin: Plugins = None, verbose: Verbose = 0) -> None:
    """Show what is installed, its options, what failed to load and why; without a command: list.

    Examples:

      signvip plugins

      signvip plugins show fsq

      signvip plugins check --plugin mine.py
    """
    if ctx.invoked_subcommand is None:
        listing.list_plugins(json)
