"""What torchrun starts in a test: as `launched`, with weights spread by FSDP2.

accelerate offers FSDP on accelerators alone, though torch spreads weights on CPUs too; so it is told here what a
configuration file says elsewhere.
"""

from __future__ import annotations

from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin
from launched import main

plain = AcceleratorState.__init__


def with_fsdp(self, *values, **options):
    plain(self, *values, **options)
    self.distributed_type = DistributedType.FSDP
    if getattr(self, "fsdp_plugin", None) is None:
        self.fsdp_plugin = FullyShardedDataParallelPlugin(fsdp_version=2, cpu_ram_efficient_loading=False)


if __name__ == "__main__":
    AcceleratorState.__init__ = with_fsdp
    main()
