from __future__ import annotations

from typing import get_args

import pytest
import torch
from plain import as_theirs, plain_sample
from signvip_denoisers.animatediff import Denoiser, Guider, ReferenceNet
from signvip_denoisers.animatediff.attention import spatial_attentions
from wholes import sampled

from signvip.errors import ConfigError
from signvip.sampling.options import Sampler, SchedulerName
from signvip.sampling.sampler import make_scheduler, sample
from signvip.sampling.windows import KEPT_WINDOWS

NAMES = ["ddim", "dpm++", "unipc", "euler"]
NOISY = ["ddpm", "lcm"]  # these draw noise at each step


@pytest.fixture
def video(denoiser, shake):
    return shake(Denoiser.with_motion(denoiser))


@pytest.fixture
def video_guider(guider, shake):
    return shake(Guider.with_motion(guider))


def seeds(*numbers):
    return [torch.Generator().manual_seed(number) for number in numbers]


def draw(video, guider, reference, e, *numbers, name="ddim", **options):
    options = {"steps": 2, "guidance_scale": 2.0, "window": 8, "overlap": 2, **options}
    scheduler = make_scheduler(name, Sampler())
    return sampled(video, guider, scheduler, reference, e, generators=seeds(*numbers), **options)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_repeats_a_clip_in_any_batch(name, video, video_guider, reference_net):
    pictures, e = torch.randn(2, 4, 4, 4), torch.randn(2, 9, 6, 4, 4)
    together = draw(video, video_guider, reference_net(pictures), e, 1, 2, name=name)
    assert together.shape == (2, 9, 4, 4, 4) and together.isfinite().all()
    again = draw(video, video_guider, reference_net(pictures), e, 1, 2, name=name)
    alone = draw(video, video_guider, reference_net(pictures[1:]), e[1:], 2, name=name)
    assert torch.equal(together, again)
    torch.testing.assert_close(together[1:], alone, rtol=1e-3, atol=1e-3)
    assert (together[0] - together[1]).abs().max() > 0.1


@pytest.mark.parametrize("name", NOISY)
def test_noise_is_drawn_clip_by_clip(name, video, video_guider, reference_net):
    pictures, e = torch.randn(2, 4, 8, 8), torch.randn(2, 3, 6, 8, 8)
    together = draw(video, video_guider, reference_net(pictures), e, 1, 2, name=name)
    alone = draw(video, video_guider, reference_net(pictures[1:]), e[1:], 2, name=name)
    torch.testing.assert_close(together[1:], alone, rtol=1e-3, atol=1e-3)


class Oracle:
    """A denoiser that knows the clean latents; notes how it is asked. Its e say where a window begins."""

    channels, window = 4, 8

    def __init__(self, clean, alphas):
        self.clean, self.alphas, self.calls, self.halves = clean, alphas, [], 1

    def reference(self, latents, timestep):
        return latents

    def guide(self, e):
        return e

    def predict_both(self, latents, *given):
        self.halves = 2
        made = self.predict(latents, *given)
        self.halves = 1
        return made, made

    def predict(self, latents, timestep, guide, reference, cache=None):
        start = int(guide[0, 0, 0, 0, 0])
        self.calls.append((int(timestep), start, reference, self.halves))
        alpha = self.alphas[int(timestep)]
        clean = self.clean[:, start : start + latents.shape[1]]
        return (latents - alpha.sqrt() * clean) / (1 - alpha).sqrt()


@pytest.mark.parametrize("name", NAMES)
def test_windows_agree_and_the_schedulers_find_what_the_denoiser_knows(name):
    scheduler = make_scheduler(name, Sampler())
    clean = torch.randn(1, 21, 4, 4, 4)
    e = torch.arange(21.0).view(1, 21, 1, 1, 1).expand(1, 21, 1, 4, 4)
    oracle = Oracle(clean, scheduler.alphas_cumprod)
    made = sample(oracle, scheduler, None, e, steps=10, generators=seeds(0), window=8, overlap=3)
    assert (made - clean).abs().max() < 0.2
    starts = sorted({start for _, start, *_ in oracle.calls})
    assert starts == [0, 5, 10, 13]


@pytest.mark.parametrize("name", NAMES)
def test_the_denoiser_sees_as_much_noise_as_its_timestep_says(name):
    """x_t of Eq. 1, whatever scale a scheduler keeps its own latents at."""
    scheduler = make_scheduler(name, Sampler())
    seen = {}

    class Watched(Oracle):
        def predict(self, latents, timestep, *given):
            seen[int(timestep)] = float(latents.std())
            return super().predict(latents, timestep, *given)

    oracle = Watched(torch.zeros(1, 8, 4, 8, 8), scheduler.alphas_cumprod)
    e = torch.zeros(1, 8, 1, 8, 8)
    sample(oracle, scheduler, None, e, steps=10, generators=seeds(0), window=8, overlap=3)
    expected = {place: float((1 - scheduler.alphas_cumprod[place]).sqrt()) for place in seen}
    assert seen == pytest.approx(expected, rel=0.05) and len(seen) == 10


def test_overlaps_are_averaged(monkeypatch):
    scheduler = make_scheduler("ddim", Sampler())
    e = torch.arange(12.0).view(1, 12, 1, 1, 1).expand(1, 12, 1, 2, 2)
    asked = []

    class Start(Oracle):
        def predict(self, latents, timestep, guide, *_):
            asked.append(float(guide[0, 0, 0, 0, 0]))
            return torch.full_like(latents, asked[-1])

    seen = []
    step = type(scheduler).step

    def watched(self, model_output, *args, **kwargs):
        seen.append(model_output[0, :, 0, 0, 0].tolist())
        return step(self, model_output, *args, **kwargs)

    monkeypatch.setattr(type(scheduler), "step", watched)
    sample(Start(None, None), scheduler, None, e, steps=1, generators=seeds(0), window=8, overlap=4)
    assert asked == [0.0, 4.0]
    assert seen == [[0.0] * 4 + [2.0] * 4 + [4.0] * 4]


def test_guidance_drops_the_reference_alone_and_costs_nothing_at_one():
    scheduler = make_scheduler("ddim", Sampler())
    e = torch.zeros(1, 4, 1, 4, 4)
    reference = torch.zeros(1, 4, 4, 4)
    oracle = Oracle(torch.zeros(1, 4, 4, 4, 4), scheduler.alphas_cumprod)
    sample(oracle, scheduler, reference, e, steps=3, guidance_scale=1.0, generators=seeds(0))
    assert [halves for *_, halves in oracle.calls] == [1] * 3
    assert all(call[2] is reference for call in oracle.calls)
    oracle.calls.clear()
    sample(oracle, scheduler, reference, e, steps=3, guidance_scale=2.0, generators=seeds(0))
    assert [halves for *_, halves in oracle.calls] == [2] * 3  # both halves in one call
    assert all(call[2] is reference for call in oracle.calls)


def test_guidance_moves_away_from_the_unconditional(video, video_guider, reference_net):
    reference, e = reference_net(3 * torch.randn(1, 4, 8, 8)), torch.randn(1, 3, 6, 8, 8)
    noise = torch.randn((3, 4, 8, 8), generator=seeds(1)[0])[None]
    scheduler = make_scheduler("ddim", Sampler())
    scheduler.set_timesteps(1)
    time = scheduler.timesteps[0]
    with torch.no_grad():
        with_reference = video(noise, time, video_guider(e), reference)
        without = video(noise, time, video_guider(e), None)
    guided = without + 2 * (with_reference - without)
    expected = scheduler.step(guided, time, noise).prev_sample
    made = draw(video, video_guider, reference, e, 1, steps=1, guidance_scale=2.0)
    torch.testing.assert_close(made, expected)


def test_the_guider_runs_once_per_window(video, video_guider, reference_net):
    runs = []
    video_guider.register_forward_hook(lambda *_: runs.append(1))
    done = []
    draw(
        video, video_guider, reference_net(torch.randn(1, 4, 8, 8)), torch.randn(1, 13, 6, 8, 8), 1,
        steps=4, callback=lambda step, timestep, latents: done.append((step, int(timestep))) or latents,
    )  # fmt: skip
    assert len(runs) == 2
    assert [step for step, _ in done] == [0, 1, 2, 3]
    assert [timestep for _, timestep in done] == sorted((timestep for _, timestep in done), reverse=True)


def test_the_caller_s_scheduler_is_left_alone(video, video_guider):
    scheduler = make_scheduler("dpm++", Sampler())
    before = scheduler.timesteps.clone()
    sampled(video, video_guider, scheduler, None, torch.randn(1, 2, 6, 8, 8), steps=2, generators=seeds(1))
    assert torch.equal(scheduler.timesteps, before)


def test_a_window_the_motion_cannot_see_is_refused(video, video_guider):
    e = torch.randn(1, 20, 6, 8, 8)
    with pytest.raises(ConfigError, match="at most 8"):
        draw(video, video_guider, None, e, 1, window=16)


def test_an_unknown_scheduler_is_named():
    with pytest.raises(ConfigError, match="dpm\\+\\+"):
        make_scheduler("dpm", Sampler())


@pytest.mark.parametrize("name", [*NAMES, *NOISY])
def test_schedulers_share_one_noise_schedule(name):
    config = Sampler(prediction="v_prediction", timestep_spacing="trailing", beta_end=0.02)
    made = make_scheduler(name, config)
    again = make_scheduler("ddim", made.config)
    for scheduler in (made, again):
        assert scheduler.config.prediction_type == "v_prediction"
        assert scheduler.config.timestep_spacing == "trailing"
        assert scheduler.config.beta_end == 0.02
    torch.testing.assert_close(made.alphas_cumprod, again.alphas_cumprod)


def noise_of(number, frames):
    return torch.randn((frames, 4, 8, 8), generator=torch.Generator().manual_seed(number))[None]


@pytest.mark.parametrize(
    ("text", "timestep", "tail", "window_batch"),
    [
        (None, "zero", "shifted", 1),
        (None, "zero", "reflected", 1),
        (8, "zero", "shifted", 2),
        (8, "sampler", "shifted", 1),
        (8, "sampler", "reflected", 3),
    ],
)
def test_nothing_that_is_kept_changes_the_result(text, timestep, tail, window_batch, denoiser, shake):
    """Against the authors' loop, which computes all of it at each step and for each window."""
    norm = "window" if timestep == "sampler" else "frame"  # as in the presets for the authors' weights
    options = {"cross_attention_dim": text, "motion": "temporal_attention", "resnet_norm": norm}
    video = shake(Denoiser.from_config(denoiser.config, **options))
    if text is not None:
        video.empty_prompt.normal_()
    net = ReferenceNet(**video.unet_options, features="attention_input", timestep=timestep)
    net.load_state_dict(
        {**net.state_dict(), "empty_prompt": video.empty_prompt} if text else net.state_dict()
    )
    guider = shake(Guider(embedding_channels=6, **video.guider_options))
    picture, e = torch.randn(1, 4, 8, 8), torch.randn(1, 37, 6, 8, 8)  # more windows than are kept
    options = {"steps": 3, "guidance_scale": 2.0, "window": 8, "overlap": 2, "tail": tail}
    made = sampled(
        video, guider, make_scheduler("ddim", Sampler()), (net, picture), e,
        generators=seeds(1), window_batch=window_batch, **options,
    )  # fmt: skip
    theirs = (as_theirs(network) for network in (video, guider, net))
    expected = plain_sample(
        *theirs, make_scheduler("ddim", Sampler()), picture, e, noise_of(1, 37), **options
    )
    torch.testing.assert_close(made, expected, atol=1e-5, rtol=1e-5)


def test_reference_and_prompt_are_projected_once_per_clip(denoiser):
    options = {"cross_attention_dim": 8, "motion": "temporal_attention"}
    video = Denoiser.from_config(denoiser.config, **options)
    net = ReferenceNet(**video.unet_options)
    guider = Guider(embedding_channels=6, **video.guider_options)
    seen = {"attn1": 0, "attn2": 0}
    for kind in seen:
        _, attention = next(spatial_attentions(video.unet, kind))

        def count(_layer, inputs, _output, kind=kind):
            seen[kind] += len(inputs[0]) == 1  # the frames' own come many at a time

        attention.to_k.register_forward_hook(count)
    reference = (net, torch.randn(1, 4, 8, 8))
    draw(video, guider, reference, torch.randn(1, 13, 6, 8, 8), 1, steps=4)
    assert seen == {"attn1": 1, "attn2": 1}


def test_the_guider_is_asked_again_only_for_windows_that_are_not_kept(video, video_guider):
    runs = []
    video_guider.register_forward_hook(lambda *_: runs.append(1))
    e = torch.randn(1, 8 + 6 * (KEPT_WINDOWS + 1), 6, 8, 8)
    draw(video, video_guider, None, e, 1, steps=3)
    assert len(runs) == KEPT_WINDOWS + 2 * 3


def test_ddim_by_hand(video, video_guider, reference_net):
    """Noise predictions of both halves, guided, and Eq. 12 of arXiv:2010.02502 without noise."""
    reference, e = reference_net(torch.randn(1, 4, 8, 8)), torch.randn(1, 4, 6, 8, 8)
    config = Sampler()
    betas = torch.linspace(config.beta_start**0.5, config.beta_end**0.5, config.train_timesteps) ** 2
    alphas = (1 - betas).cumprod(0)
    x, features, scale = noise_of(1, 4), video_guider(e), 3.5
    # leading spacing with an offset of 1, as in Stable Diffusion; the last step goes to the first alpha
    for timestep, cleaner in ((751, 501), (501, 251), (251, 1), (1, 0)):
        with torch.no_grad():
            without, given = (video(x, timestep, features, read) for read in (None, reference))
        guided = without + scale * (given - without)
        clean = (x - (1 - alphas[timestep]).sqrt() * guided) / alphas[timestep].sqrt()
        x = alphas[cleaner].sqrt() * clean + (1 - alphas[cleaner]).sqrt() * guided
    made = draw(video, video_guider, reference, e, 1, steps=4, guidance_scale=scale)
    torch.testing.assert_close(made, x, atol=1e-4, rtol=1e-4)


def guided_steps(steps, **options):
    scheduler = make_scheduler("ddim", Sampler())
    oracle = Oracle(torch.zeros(1, 4, 4, 4, 4), scheduler.alphas_cumprod)
    e, reference = torch.zeros(1, 4, 1, 4, 4), torch.zeros(1, 4, 4, 4)
    sample(oracle, scheduler, reference, e, steps=steps, generators=seeds(0), **options)
    return [halves == 2 for *_, halves in oracle.calls]


def test_guidance_on_part_of_the_steps():
    assert guided_steps(5, guidance_interval=(0, 0.6)) == [True, True, True, False, False]
    assert guided_steps(5, guidance_interval=(0.2, 0.6)) == [False, True, True, False, False]
    assert guided_steps(5, guidance_interval=(0, 1)) == [True] * 5


@pytest.mark.parametrize("interval", [(0.6, 0.2), (-1, 1), (0, 1.5)])
def test_an_interval_that_is_none_is_refused(interval):
    with pytest.raises(ConfigError, match="fractions from 0 to 1"):
        guided_steps(2, guidance_interval=interval)


def test_inner_blocks_run_every_nth_step(video, video_guider, reference_net):
    runs = {"inner": 0, "outer": 0}
    for name, block in (("inner", video.unet.mid_block), ("outer", video.unet.up_blocks[-1])):

        def count(*_, name=name):
            runs[name] += 1

        block.register_forward_hook(count)
    reference = reference_net(torch.randn(1, 4, 8, 8))
    draw(video, video_guider, reference, torch.randn(1, 13, 6, 8, 8), 1, steps=5, reuse_every=3)
    assert runs == {"inner": 2 * 2, "outer": 5 * 2}  # steps, windows


@pytest.mark.parametrize("window_batch", [1, 2])
def test_reuse_in_every_step_is_exact_and_differs_little_otherwise(
    window_batch, video, video_guider, reference_net
):
    given = video, video_guider, reference_net(torch.randn(1, 4, 4, 4)), torch.randn(1, 9, 6, 4, 4), 1
    exact = draw(*given, steps=8)
    assert torch.equal(draw(*given, steps=8, reuse_every=1), exact)
    reused = draw(*given, steps=8, reuse_every=2, window_batch=window_batch)
    assert 0 < (reused - exact).norm() < (draw(*given, steps=2) - exact).norm()


def test_lcm_says_how_many_steps_it_takes(video, video_guider):
    with pytest.raises(ConfigError, match="at most 50 steps, not 51"):
        draw(video, video_guider, None, torch.randn(1, 1, 6, 4, 4), 1, name="lcm", steps=51)
    other = make_scheduler(
        "ddim", make_scheduler("lcm", Sampler()).config
    )  # a run may have been saved with lcm
    sampled(video, video_guider, other, None, torch.randn(1, 1, 6, 4, 4), steps=51, generators=seeds(1))


def test_every_scheduler_of_the_configuration_exists():
    assert sorted(get_args(SchedulerName)) == sorted([*NAMES, *NOISY])
    for name in get_args(SchedulerName):
        make_scheduler(name, Sampler(scheduler=name))


def test_windows_in_a_batch_keep_to_their_own_clip(video, video_guider, reference_net):
    given = video, video_guider, reference_net(torch.randn(2, 4, 4, 4)), torch.randn(2, 13, 6, 4, 4), 1, 2
    one_by_one = draw(*given, overlap=4)
    torch.testing.assert_close(draw(*given, overlap=4, window_batch=2), one_by_one, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(draw(*given, overlap=4, window_batch=9), one_by_one, atol=1e-4, rtol=1e-4)
