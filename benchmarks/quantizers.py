"""Speed of FSQ as ratios against vector-quantize-pytorch's, and of FSQ against VQ, in the same process.

    python benchmarks/quantizers.py --output quantizers.json

Both FSQs get the tanh bound and the same latents, and must give the same tokens (up to their numbering) and codes
before anything is timed. Calls of less than a millisecond are timed twenty at a time. `predicted` is 1 between the
libraries, and the number of distances where VQ looks codes up.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from compare import arguments, compare, report
from signvip_quantizers.fsq import FiniteScalarQuantizer
from signvip_quantizers.vq import VectorQuantizer
from torch import Tensor
from vector_quantize_pytorch import FSQ

LEVELS = [5, 5, 5, 5]
CALLS = 20


def often(run: Callable[[], list[Tensor]]) -> Callable[[], list[Tensor]]:
    """Repeat the work as many times as can be timed."""

    def repeated() -> list[Tensor]:
        for _ in range(CALLS - 1):
            run()
        return run()

    return repeated


def renumbered(tokens: Tensor) -> Tensor:
    """Tokens numbered by first appearance, so that two numberings of one partition are equal."""
    _, order = torch.unique(tokens.flatten(), return_inverse=True)
    first = torch.full((int(order.max()) + 1,), tokens.numel()).scatter_reduce_(
        0, order, torch.arange(tokens.numel()), "amin"
    )
    return first[order]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--tokens", type=int, default=24_000)
    options = parser.parse_args()
    torch.manual_seed(0)
    z = torch.randn(options.tokens // 16, len(LEVELS), 4, 4)
    ours = FiniteScalarQuantizer(FiniteScalarQuantizer.Config(levels=LEVELS, bound="tanh"))
    theirs = FSQ(LEVELS)
    vq = VectorQuantizer(VectorQuantizer.Config(codebook_size=625, codebook_dim=4)).eval()
    tokens, their_tokens = ours(z).tokens, theirs(z)[1]
    assert torch.equal(renumbered(tokens), renumbered(their_tokens)), (
        "the two partition the space differently"
    )

    def trained(run) -> list[Tensor]:
        leaf = z.clone().requires_grad_()
        codes = run(leaf)
        codes.square().sum().backward()
        return [codes.detach(), leaf.grad]

    rows = {
        "FSQ encode": compare(often(lambda: [ours(z).codes]), often(lambda: [theirs(z)[0]]), options.repeats),
        "FSQ decode": compare(
            often(lambda: [ours.decode(tokens)]),
            often(lambda: [theirs.indices_to_codes(their_tokens)]),
            options.repeats,
        ),
        "FSQ forward and backward": compare(
            often(lambda: trained(lambda leaf: ours(leaf).codes)),
            often(lambda: trained(lambda leaf: theirs(leaf)[0])),
            options.repeats,
        ),
        "FSQ encode against VQ with 625 codes": compare(
            lambda: [ours(z).tokens * 0], lambda: [vq(z).tokens * 0], options.repeats
        ),
    }
    predicted = {"FSQ encode against VQ with 625 codes": 625.0}
    report({name: {"predicted": predicted.get(name, 1.0), **row} for name, row in rows.items()}, options)


if __name__ == "__main__":
    main()
