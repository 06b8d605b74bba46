"""`python -m signvip_cli`, for launchers that start a module: torchrun and accelerate."""

from signvip_cli.app import main

if __name__ == "__main__":
    main()
