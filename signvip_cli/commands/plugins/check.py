"""`signvip plugins check`: the contract tests, over what is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from signvip_cli.commands.plugins.records import Kind, as_dict, owner
from signvip_cli.console import print_json, print_result
from signvip_cli.options import Json, Plugins, Verbose

if TYPE_CHECKING:
    from signvip.registry import Plugin


def check(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only this plugin.")] = None,
    kind: Kind = None,
    json: Json = False,
    plugin: Plugins = None,
    verbose: Verbose = 0,
) -> None:
    """Run the contract tests over every plugin; exit 1 where one fails, or failed to load.

    A plugin with an option that has no default, such as a corpus in a folder, is skipped: its own tests know
    what to give it.

    Examples:

      signvip plugins check

      signvip plugins check sign --kind quantizer
    """
    from signvip.registry import registry

    rows = []
    for record in registry().find(name, kind):
        rows.append(judge(record))
        if not json:
            about = f"{record.kind or 'module':<10}  {record.name:<14}  {owner(record)}"
            reason = f": {rows[-1]['reason']}" if rows[-1]["reason"] else ""
            print_result(f"{rows[-1]['result']:<7}  {about}{reason}")
    if json:
        print_json(rows)
    if any(row["result"] == "failed" for row in rows):
        raise typer.Exit(1)


def judge(record: Plugin) -> dict[str, Any]:
    """Return one record with `result` (ok, skipped or failed) and the reason."""
    from signvip.errors import PluginError
    from signvip.registry import registry
    from signvip.testing import check_plugin, required_options

    if record.error is not None:
        return {**as_dict(record), "result": "failed", "reason": record.error}
    try:
        registry().get(record.kind, record.name)
        needed = required_options(record)
    except (
        PluginError
    ) as error:  # it shares its name, or its module was registered by path and fails to import
        return {**as_dict(record), "result": "failed", "reason": str(error)}
    if needed:
        return {**as_dict(record), "result": "skipped", "reason": f"needs options: {', '.join(needed)}"}
    fault = check_plugin(record)
    return {**as_dict(record), "result": "failed" if fault else "ok", "reason": fault}
