"""`python -m signvip_cli`: the same commands, for launchers that start a module."""

from signvip_cli.app import main

main()
