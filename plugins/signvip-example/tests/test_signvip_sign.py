import pytest

from signvip.testing import check_quantizer
from signvip_sign import SignQuantizer


@pytest.mark.parametrize("channels", [1, 8, 10])
def test_sign_keeps_the_contract_of_a_quantizer(channels):
    check_quantizer(SignQuantizer, channels=channels)
