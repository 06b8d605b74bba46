"""Where the guider's features enter (section 3.4): added to what each down block gives, on its way inward."""

from __future__ import annotations

import pytest
import torch

FRAMES = 2


def run(denoiser, features):
    """What each block was given and gave: {"down0": (hidden states, output, residuals of an up block)}."""
    unet, seen = denoiser.unet, {}
    blocks = {f"down{level}": block for level, block in enumerate(unet.down_blocks)}
    blocks |= {"mid": unet.mid_block} | {f"up{level}": block for level, block in enumerate(unet.up_blocks)}

    def note(name, given, output):
        seen[name] = given["hidden_states"], output, given.get("res_hidden_states_tuple")

    hooks = [
        block.register_forward_hook(
            lambda _, __, given, output, name=name: note(name, given, output), with_kwargs=True
        )
        for name, block in blocks.items()
    ]
    with torch.no_grad():
        denoiser(torch.ones(1, FRAMES, 4, 8, 8), 300, features)
    for hook in hooks:
        hook.remove()
    return seen


@pytest.fixture
def features(denoiser):
    """One a down block, of the size of what it gives."""
    plain = run(denoiser, None)
    outputs = [plain[f"down{level}"][1][0] for level in range(len(denoiser.unet.down_blocks))]
    return [torch.randn_like(output) for output in outputs]


def test_each_is_added_to_the_output_of_its_block(denoiser, features):
    seen = run(denoiser, features)
    levels = len(features)
    following = [f"down{level + 1}" for level in range(levels - 1)] + ["mid"]
    for level, name in enumerate(following):
        output = seen[f"down{level}"][1][0]
        torch.testing.assert_close(seen[name][0], output + features[level])


def test_skip_connections_carry_what_the_blocks_gave_without_them(denoiser, features):
    """In the authors' code: the trunk alone sees them."""
    seen = run(denoiser, features)
    skips = [skip for level in range(len(features)) for skip in seen[f"down{level}"][1][1]]
    read = [skip for level in range(len(features)) for skip in reversed(seen[f"up{level}"][2])]
    for given, expected in zip(read, reversed(skips), strict=False):
        assert torch.equal(given, expected)


def test_one_more_enters_after_the_first_convolution(denoiser, features):
    first = torch.randn(FRAMES, denoiser.config["block_out_channels"][0], 8, 8)
    seen = run(denoiser, [first, *features])
    with torch.no_grad():
        entered = denoiser.unet.conv_in(torch.ones(FRAMES, 4, 8, 8)) + first
    torch.testing.assert_close(seen["down0"][0], entered)
    torch.testing.assert_close(seen["down1"][0], seen["down0"][1][0] + features[0])
