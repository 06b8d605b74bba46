"""Noise to video latents (section 3.4): schedulers, noise levels, guidance and windows around any denoiser.

It imports the networks below it, and no stage.
"""
