"""Which vertex of MediaPipe's face mesh stands for which of the 68 points of iBUG.

Both begin on the signer's right, which is the left of the picture.
The contour follows the mesh's own outline from ear to ear.
"""

from __future__ import annotations

_CONTOUR = (127, 234, 93, 132, 58, 172, 136, 149, 152, 378, 365, 397, 288, 361, 323, 454, 356)
_BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
_NOSE = (168, 197, 5, 4, 98, 97, 2, 326, 327)  # the bridge down to the tip, then the nostrils
_EYES = (33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380)
_OUTER_LIPS = (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181)
_INNER_LIPS = (78, 82, 13, 312, 308, 317, 14, 87)

IBUG_OF_FACE_MESH = [*_CONTOUR, *_BROWS, *_NOSE, *_EYES, *_OUTER_LIPS, *_INNER_LIPS]
