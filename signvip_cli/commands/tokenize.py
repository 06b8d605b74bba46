"""`signvip tokenize`: add the multi-condition tokens d to shards."""

from __future__ import annotations

from signvip_cli.console import print_result
from signvip_cli.imports import heavy_imports
from signvip_cli.options import RUN, SHARDS, Out, Plugins, Run, Shards, Verbose


def tokenize(
    shards: Shards = SHARDS, out: Out = None, run: Run = RUN, plugin: Plugins = None, verbose: Verbose = 0
) -> None:
    """Add the tokens d that stage 3 learns to write, in place unless OUT is given; resumes.

    Needs stage 2. Stored embeddings are used if there are any; the result is the same without.

    Examples:

      signvip tokenize

      signvip tokenize data/shards data/tokens --run runs/mine
    """
    with heavy_imports():
        from signvip.stages.derive import tokenize as tokenize_shards
    from signvip_cli.reporter import make_reporter

    print_result(str(tokenize_shards(shards, out or shards, run=run, reporter=make_reporter())))
