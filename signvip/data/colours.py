"""HDR and wide colour to what a screen of today shows: SDR of BT.709, by the curves of BT.2100.

Diffuse white (203 cd/m2: 58 % of PQ, 75 % of HLG; ITU-R BT.2408, 2.2) becomes the white of SDR, and what is brighter is
cut there, so that SDR put into HDR as BT.2408 says comes back as it was. Light becomes code values by BT.1886.
"""

from __future__ import annotations

from functools import cache

import numpy as np

WHITE = 203.0  # cd/m2, of what HDR shows as diffuse white
_PEAK = 1000.0  # cd/m2: the nominal screen of HLG, whose system gamma is then 1.2 (BT.2100, table 5)
_GAMMA = 2.4  # of BT.1886
_PQ, _HLG = 16, 18  # AVColorTransferCharacteristic: SMPTE ST 2084, ARIB STD-B67
_LUMA_2020 = np.array([0.2627, 0.6780, 0.0593], np.float32)
_TO_709 = {  # AVColorPrimaries: linear light of other primaries with white D65
    9: [
        [1.6605, -0.5876, -0.0728],
        [-0.1246, 1.1329, -0.0083],
        [-0.0182, -0.1006, 1.1187],
    ],  # BT.2087, table 2
    12: [[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]],  # Display P3
}


def needs_mapping(trc: int, primaries: int) -> bool:
    """Return whether pictures tagged with this curve and these primaries look wrong when read as BT.709."""
    return trc in (_PQ, _HLG) or primaries in _TO_709


def to_sdr(values: np.ndarray, trc: int, primaries: int) -> np.ndarray:
    """Convert (H, W, 3) uint16 of full range to uint8 of SDR and BT.709."""
    light = _light_of(trc)[values]  # 1 is SDR's white
    if trc == _HLG:  # the light of the scene: the screen's depends on the luminance (BT.2100, OOTF)
        light *= (_PEAK / WHITE) * (light @ _LUMA_2020)[..., None] ** 0.2
    if primaries in _TO_709 or trc in (_PQ, _HLG):  # untagged, BT.2100 has the primaries of BT.2020
        light = light @ np.array(_TO_709.get(primaries, _TO_709[9]), np.float32).T
    return (light.clip(0, 1) ** (1 / _GAMMA) * 255).round().astype(np.uint8)


@cache
def _light_of(trc: int) -> np.ndarray:
    """Light of each of the 65,536 code values."""
    code = np.arange(65536) / 65535
    if trc == _PQ:
        root = code ** (1 / 78.84375)
        found = (
            10000
            / WHITE
            * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
        )
    elif trc == _HLG:
        found = np.where(
            code <= 0.5, code**2 / 3, (np.exp((code - 0.55991073) / 0.17883277) + 0.28466892) / 12
        )
    else:
        found = code**_GAMMA
    return found.astype(np.float32)
