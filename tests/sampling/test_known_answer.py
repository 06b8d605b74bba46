"""Schedulers that a caller brings find what the denoiser knows, or are refused by name before it is asked."""

from __future__ import annotations

import diffusers
import pytest
import torch

from signvip.errors import ConfigError
from signvip.sampling.options import Sampler
from signvip.sampling.sampler import check_known, make_scheduler

SAMPLES = Sampler(prediction="sample", zero_terminal_snr=True, timestep_spacing="trailing", beta_end=0.15)


def swapped(name, sampler):
    """What `pipe.scheduler = Name.from_config(pipe.scheduler.config)` makes."""
    return getattr(diffusers, name).from_config(make_scheduler("ddim", sampler).config)


@pytest.mark.parametrize("sampler", [Sampler(), SAMPLES], ids=["epsilon", "sample"])
@pytest.mark.parametrize("name", ["TCDScheduler", "DPMSolverSinglestepScheduler"])
def test_others_of_diffusers_may_be_used_where_they_find_it(name, sampler):
    check_known(swapped(name, sampler), 8)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("DEISMultistepScheduler", "misses a known answer"),
        ("EulerAncestralDiscreteScheduler", "cannot sample for this denoiser"),
        ("KDPM2DiscreteScheduler", "cannot sample for this denoiser"),
        ("FlowMatchEulerDiscreteScheduler", "no noise schedule of the kind"),
        ("EDMEulerScheduler", "no noise schedule of the kind"),
        ("HeunDiscreteScheduler", "cannot take 8 steps"),
        ("PNDMScheduler", "cannot take 8 steps"),
    ],
)
def test_others_are_refused(name, words):
    with pytest.raises(ConfigError, match=words):
        check_known(swapped(name, SAMPLES), 8)


def test_the_callers_random_numbers_and_scheduler_are_left_alone():
    scheduler, state = swapped("TCDScheduler", SAMPLES), torch.get_rng_state()
    check_known(scheduler, 4)
    assert torch.equal(torch.get_rng_state(), state) and scheduler.num_inference_steps is None
