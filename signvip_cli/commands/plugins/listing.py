"""`signvip plugins list` and `show`."""

from __future__ import annotations

from typing import Annotated

import typer

from signvip_cli.commands.plugins.records import Kind, as_dict, describe, owner
from signvip_cli.console import print_json, print_remark, print_result
from signvip_cli.options import Json, Plugins, Verbose


def list_plugins(json: Json = False, plugin: Plugins = None, verbose: Verbose = 0) -> None:
    """List every plugin with its distribution, and every one that failed to load, with the reason.

    Examples:

      signvip plugins list --json
    """
    from signvip.registry import registry

    records = sorted(registry().find(), key=lambda record: (record.kind, record.name))
    if json:
        print_json([as_dict(record) for record in records])
        return
    for record in records:
        if record.error is None:
            print_result(f"{record.kind:<10}  {record.name:<14}  {owner(record)}")
    for record in records:
        if record.error is not None:
            print_remark(f"failed to load: {record.name} of {owner(record)}: {record.error}")


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a plugin, such as fsq.")],
    kind: Kind = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON; it does so without, too.")] = False,
    plugin: Plugins = None,
    verbose: Verbose = 0,
) -> None:
    """Print a plugin, its licences and its options, which are a JSON Schema.

    Examples:

      signvip plugins show fsq

      signvip plugins show pose --kind condition
    """
    from signvip.registry import registry

    shown = [describe(record) for record in registry().find(name, kind)]
    print_json(shown[0] if len(shown) == 1 else shown)
