"""Entry point of `signvip`: the list of commands, behind one error boundary."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from signvip_cli.boundary import Boundary
from signvip_cli.commands import (
    ablate,
    convert,
    demo,
    doctor,
    encode,
    evaluate,
    generate,
    import_release,
    plugins,
    preprocess,
    serve,
    show,
    sign,
    tokenize,
    train,
    train_back_translator,
    verify,
)
from signvip_cli.console import print_traceback
from signvip_cli.options import Verbose

app = typer.Typer(
    name="signvip",
    cls=Boundary,
    help="SignViP: from a sentence and a picture to a signing video. Start with: signvip demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a defect keeps its plain traceback
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("preprocess")(preprocess.preprocess)
app.command("show")(show.show)
app.command("train")(train.train)
app.command("encode")(encode.encode)
app.command("tokenize")(tokenize.tokenize)
app.command("generate")(generate.generate)
app.command("sign")(sign.sign)
app.command("serve")(serve.serve)
app.command("verify")(verify.verify)
app.command("train-back-translator")(train_back_translator.train_back_translator)
app.command("train-evaluator", hidden=True)(train_back_translator.train_back_translator)  # its old name
app.command("evaluate")(evaluate.evaluate)
app.command("ablate")(ablate.ablate)
app.add_typer(plugins.app, name="plugins")
app.command("doctor")(doctor.doctor)
app.command("import-release")(import_release.import_release)
app.command("convert")(convert.convert)


def _version(wanted: bool) -> None:
    if wanted:
        from signvip import __version__

        typer.echo(f"signvip {__version__}")
        raise typer.Exit


@app.callback()
def signvip(
    verbose: Verbose = 0,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """SignViP: from a sentence and a picture to a signing video. Start with: signvip demo."""


def main() -> None:
    """Run `sys.argv`; exits 0 when done, 1 for a user's mistake, 2 for wrong usage, 130 when interrupted."""
    try:
        app()
    except Exception as error:  # a defect: its traceback may quote a stranger's text, too
        print_traceback(error)
        sys.exit(1)
