"""The contract, with default options and with others."""

import pytest

from signvip.testing import check_denoiser
from signvip_transformer import Transformer


@pytest.mark.parametrize(
    "options", [{}, {"width": 16, "layers": 1, "heads": 2, "patch": 3}], ids=["", "other"]
)
def test_it_keeps_the_contract(options):
    check_denoiser(Transformer, **options)
