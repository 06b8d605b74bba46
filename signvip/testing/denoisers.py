"""Conformance of a denoiser (section 3.4): shapes, what guides it, both phases, windows of several clips, state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from signvip.testing.building import configure, quiet, require, require_methods, telling

if TYPE_CHECKING:
    from torch import Tensor, nn

CHANNELS, EMBEDDING, FRAMES = 4, 6, 3
SIZES = ((8, 8), (6, 10))  # cells of latents
METHODS = ("reference", "guide", "predict", "phases", "with_motion", "start")
FOLDERS = {"denoiser", "guider", "reference_net"}  # that a run may store a denoiser's networks in
NEAR = 1e-4


@telling
def check_denoiser(cls: type, **options: Any) -> None:
    """Raise AssertionError with a sentence where a denoiser breaks its contract.

    Without options it is built with those of `small`, where the class has them: defaults may be of a size to train.
    """
    import torch

    options = options or dict(getattr(cls, "small", {}))
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(0)
        image = _build(cls, options)
        _check_face(cls.__name__, image)
        _check_phases(cls.__name__, image)
        video = _check_added(cls.__name__, image, "with_motion", "motion")
        made = [image, video]
        if hasattr(cls, "with_detail"):
            made.append(_check_added(cls.__name__, video, "with_detail", "detail"))
        for denoiser in made:
            _shake(denoiser)
            for size in SIZES:
                _check_prediction(cls.__name__, denoiser, size)
            _check_windows(cls.__name__, denoiser)
            _check_shortcuts(cls.__name__, denoiser)
            _check_precision(cls.__name__, denoiser)
        _check_sampling(cls.__name__, video)
        _check_state(cls.__name__, image, _build(cls, options))
        _check_state(cls.__name__, video, _build(cls, options).with_motion())
        _check_stores(cls, made[-1])


def _build(cls: type, options: dict[str, Any]) -> Any:
    return cls(configure(cls, options), channels=CHANNELS, embedding_channels=EMBEDDING).eval()


class _Given:
    """The inputs to a denoiser: two clips of three frames, of `windows` windows each."""

    def __init__(self, size: tuple[int, int] = SIZES[0], windows: int = 1) -> None:
        import torch

        clips = 2 * windows
        self.noisy = torch.randn(clips, FRAMES, CHANNELS, *size)
        self.e = torch.randn(clips, FRAMES, EMBEDDING, *size)
        self.pictures = 3 * torch.randn(2, CHANNELS, *size)
        self.timestep = torch.tensor(500)

    def ask(self, denoiser: Any, reference: Any, cache: dict[str, Any] | None = None) -> Tensor:
        made: Tensor = denoiser.predict(self.noisy, self.timestep, denoiser.guide(self.e), reference, cache)
        return made

    def read(self, denoiser: Any) -> Any:
        return denoiser.reference(self.pictures, self.timestep)


def _check_face(name: str, denoiser: Any) -> None:
    import torch

    require(isinstance(denoiser, torch.nn.Module), f"{name} must be a torch.nn.Module.")
    require_methods(denoiser, *METHODS)
    require(
        denoiser.channels == CHANNELS,
        f"{name}.channels must be the number that it is built with, {CHANNELS}.",
    )
    window = denoiser.window
    require(
        window is None or (type(window) is int and window >= 1),
        f"{name}.window must be a positive int, or None for any number, not {window!r}.",
    )
    denoiser.start({}, lambda sentence: None)


def _check_phases(name: str, image: Any) -> None:
    """Check that each phase has its parameters, and that those of the image phase learn from the loss."""
    phases = _phases(name, image)
    require(bool(phases["image"]), f"{name}.phases has nothing to learn in the image phase.")
    given = _Given()
    reference = image.reference(given.pictures, given.timestep)
    image.zero_grad()
    given.ask(image, reference).square().mean().backward()
    _require_slope(name, "image", phases["image"])
    image.zero_grad()


def _phases(name: str, denoiser: Any) -> Mapping[str, Sequence[nn.Parameter]]:
    found: Mapping[str, Sequence[nn.Parameter]] = {
        key: list(value) for key, value in denoiser.phases().items()
    }
    known = {"image", "motion"} <= found.keys() <= {"image", "motion", "detail"}
    require(known, f"{name}.phases must give a dict with 'image' and 'motion', and 'detail' at most.")
    own = {id(weight) for weight in denoiser.parameters()}
    given = [id(weight) for weights in found.values() for weight in weights]
    require(set(given) <= own, f"{name}.phases gives parameters that are not its own.")
    require(len(set(given)) == len(given), f"{name}.phases gives parameters to two phases.")
    return found


def _require_slope(name: str, phase: str, weights: Sequence[nn.Parameter]) -> None:
    slopes = [weight.grad for weight in weights if weight.grad is not None]
    require(
        any(bool(slope.count_nonzero()) for slope in slopes),
        f"{name}: the loss passes no gradient to any parameter of the {phase} phase.",
    )


def _check_added(name: str, before: Any, method: str, phase: str) -> Any:
    """Check that what `method` adds changes nothing until it is trained, and can learn in its phase."""
    import torch

    kept = {key: value.clone() for key, value in before.state_dict().items()}
    after = getattr(before, method)().eval()
    require_methods(after, *METHODS)
    require(
        all(torch.equal(value, kept[key]) for key, value in before.state_dict().items()),
        f"{name}.{method} must leave the denoiser that it is called of as it is.",
    )
    given = _Given()
    with torch.no_grad():
        first, second = (given.ask(denoiser, given.read(denoiser)) for denoiser in (before, after))
    require(
        torch.allclose(first, second, atol=NEAR),
        f"{name}.{method} must do to each frame what the denoiser did before, until it is trained.",
    )
    learning = _phases(name, after).get(phase, ())
    if learning:
        given.ask(after, given.read(after)).square().mean().backward()
        _require_slope(name, phase, learning)
        after.zero_grad()
    return after


def _shake(denoiser: Any) -> None:
    """Give weights that begin at zero a value, as training would: else nothing would follow from what is given."""
    import torch

    with torch.no_grad():
        for weight in denoiser.parameters():
            weight += 0.05 * torch.randn_like(weight)


def _check_prediction(name: str, denoiser: Any, size: tuple[int, int]) -> None:
    import torch

    given = _Given(size)
    kept = [value.clone() for value in (given.noisy, given.e, given.pictures)]
    with torch.no_grad():
        made = given.ask(denoiser, given.read(denoiser))
        require(
            made.shape == given.noisy.shape,
            f"{name}.predict gives {tuple(made.shape)} for noisy latents {tuple(given.noisy.shape)}.",
        )
        require(bool(made.isfinite().all()), f"{name}.predict gives numbers that are not finite.")
        same = zip((given.noisy, given.e, given.pictures), kept, strict=True)
        require(
            all(torch.equal(*pair) for pair in same), f"{name} must not change what it is given in place."
        )
        each = given.timestep.expand(len(given.noisy))
        guide, read = denoiser.guide(given.e), denoiser.reference(given.pictures, each)
        many = denoiser.predict(given.noisy, each, guide, read)
        require(torch.allclose(many, made, atol=NEAR), f"{name} must take one timestep, or one of each clip.")
        require(
            not torch.allclose(given.ask(denoiser, None), made, atol=NEAR),
            f"{name}.predict gives the same without the reference.",
        )
        other = denoiser.predict(
            given.noisy, given.timestep, denoiser.guide(given.e + 1), given.read(denoiser)
        )
        require(
            not torch.allclose(other, made, atol=NEAR), f"{name}.predict does not depend on the embeddings."
        )
        later = denoiser.predict(given.noisy, torch.tensor(10), denoiser.guide(given.e), given.read(denoiser))
        require(
            not torch.allclose(later, made, atol=NEAR), f"{name}.predict does not depend on the timestep."
        )
        if _phases(name, denoiser)["motion"]:
            given.noisy[:, -1] += 1
            moved = given.ask(denoiser, given.read(denoiser))
            require(
                not torch.allclose(moved[:, :-1], made[:, :-1], atol=NEAR),
                f"{name} has motion, and no frame depends on the others.",
            )


def _check_windows(name: str, denoiser: Any) -> None:
    """Check that windows of one clip side by side are each what they are alone."""
    import torch

    given = _Given(windows=2)
    with torch.no_grad():
        together = given.ask(denoiser, given.read(denoiser))
        for window in range(4):
            clip = slice(window // 2, window // 2 + 1)
            reference = denoiser.reference(given.pictures[clip], given.timestep)
            own = slice(window, window + 1)
            alone = denoiser.predict(
                given.noisy[own], given.timestep, denoiser.guide(given.e[own]), reference
            )
            require(
                torch.allclose(together[own], alone, atol=NEAR),
                f"{name}.predict must give a window the same alone and in a batch; where there are fewer references "
                "than windows, each serves as many neighbours.",
            )


def _check_shortcuts(name: str, denoiser: Any) -> None:
    """Check that a denoiser's shortcuts give what it would give without them."""
    import torch

    given = _Given()
    with torch.no_grad():
        read = given.read(denoiser)
        plain, without = given.ask(denoiser, read), given.ask(denoiser, None)
        if hasattr(denoiser, "prepare"):
            read = denoiser.prepare(read)
            same = torch.allclose(given.ask(denoiser, read), plain, atol=NEAR)
            require(same, f"{name}.prepare must change no prediction.")
        if hasattr(denoiser, "predict_both"):
            both = denoiser.predict_both(given.noisy, given.timestep, denoiser.guide(given.e), read)
            same = torch.allclose(both[0], without, atol=NEAR) and torch.allclose(both[1], plain, atol=NEAR)
            require(
                same, f"{name}.predict_both must give what predict gives without, then with the reference."
            )
        cache: dict[str, Any] = {}
        same = torch.allclose(given.ask(denoiser, read, cache), plain, atol=NEAR)
        require(same, f"{name}.predict must be exact where its cache is empty.")
        again = given.ask(denoiser, read, cache)
        require(bool(again.isfinite().all()), f"{name}.predict gives no finite numbers from its cache.")


def _check_precision(name: str, denoiser: Any) -> None:
    """Check that latents stay in float32 if weights are halves: each of many steps would round them."""
    import copy

    import torch

    half, given = copy.deepcopy(denoiser).to(torch.bfloat16), _Given()
    with torch.no_grad():
        guide, read = (
            half.guide(given.e.bfloat16()),
            half.reference(given.pictures.bfloat16(), given.timestep),
        )
        made = half.predict(given.noisy, given.timestep, guide, read)
    require(
        made.dtype == torch.float32 and bool(made.isfinite().all()),
        f"{name}.predict must give finite float32 for float32 latents, whatever the precision of its weights.",
    )


def _check_sampling(name: str, video: Any) -> None:
    """Check that the sampler makes clips, and that a clip is the same alone and beside others."""
    import torch

    from signvip.sampling.options import Sampler
    from signvip.sampling.sampler import make_scheduler, sample

    window = 4 if video.window is None else min(4, video.window)
    scheduler = make_scheduler("ddim", Sampler.model_validate({}))
    e, pictures = torch.randn(2, 6, EMBEDDING, *SIZES[0]), torch.randn(2, CHANNELS, *SIZES[0])

    def draw(clips: slice) -> Tensor:
        return sample(
            video, scheduler, pictures[clips], e[clips], steps=2, guidance_scale=1.5,
            generators=[torch.Generator().manual_seed(clip) for clip in range(2)[clips]], window=window,
            overlap=1 if window > 1 else 0, window_batch=2, reuse_every=2,
        )  # fmt: skip

    both = draw(slice(0, 2))
    require(bool(both.isfinite().all()), f"{name}: the sampler finds numbers that are not finite.")
    same = torch.allclose(draw(slice(1, 2)), both[1:], rtol=1e-2, atol=1e-2)
    require(same, f"{name}: the sampler makes another clip of the same seed where a second is beside it.")


def _check_state(name: str, denoiser: Any, fresh: Any) -> None:
    import torch

    fresh.load_state_dict(denoiser.state_dict())
    given = _Given()
    with torch.no_grad():
        first, second = (given.ask(each, given.read(each)) for each in (denoiser, fresh.eval()))
    require(
        torch.equal(first, second), f"{name}: another one with the same state_dict must predict the same."
    )


def _check_stores(cls: type, video: Any) -> None:
    """Check that networks that are stored apart make the same denoiser again."""
    import torch

    stores: Mapping[str, type] | None = getattr(cls, "stores", None)
    if stores is None:
        return
    name = cls.__name__
    require(
        {"denoiser"} <= stores.keys() <= FOLDERS,
        f"{name}.stores must name 'denoiser', and beside it no other than {', '.join(sorted(FOLDERS))}.",
    )
    parts = {part: getattr(video, part) for part in stores}
    for part, kind in stores.items():
        require(type(parts[part]) is kind, f"{name}.{part} must be a {kind.__name__}, as its stores say.")
    given = _Given()
    maker: Any = cls
    with torch.no_grad():
        first, second = (given.ask(each, given.read(each)) for each in (video, maker.of(parts).eval()))
    require(torch.equal(first, second), f"{name}.of must make the same denoiser of its parts.")
