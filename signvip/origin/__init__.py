"""Where a generated video comes from: a mark in its pixels, a signed manifest, a sidecar, a visible label.

`writing` is the one door that generated video leaves by; `verification` reads everything back. Imports no torch.
"""
