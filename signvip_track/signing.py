"""`sign`: subtitles and a film to the film with a signed track, and a JSON sidecar that says what is where."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import numpy as np

import signvip
from signvip.data.outputs import check_outputs
from signvip.data.provenance import NOTICE
from signvip.data.reference_picture import load_reference
from signvip.data.video import read_video
from signvip.errors import ConfigError, DataError
from signvip.origin.manifest import COMPOSITE, SOURCE
from signvip.origin.marking import Marker
from signvip.origin.record import Origin, OriginOptions
from signvip.origin.sidecar import write_sidecar
from signvip.origin.writing import Seal, check_origin
from signvip.progress import Reporter, Silent, following
from signvip.sampling.options import GenerateOptions
from signvip.storage.locks import locked
from signvip_track.clips import SignedClip, make_clips
from signvip_track.composing import CONTAINERS, Film, Track, compose, look_at
from signvip_track.inset import Corner, Painter
from signvip_track.schedule import Misfits, Placement, Schedule, schedule
from signvip_track.signer import Between, Signer
from signvip_track.subtitles import Cue, Subtitles, Unsigned, read_subtitles

SPEED_LIMIT = 1.5


@dataclass(frozen=True)
class TrackOptions:
    """Where, when and how the signer is seen."""

    track: Track = "inset"
    corner: Corner = "br"
    scale: float = 0.3  # height of the inset, of the film's
    speed_limit: float = SPEED_LIMIT
    between: Between = "nothing"
    misfits: Misfits = "skip"

    def check(self) -> None:
        """ConfigError for what no track can have."""
        for name, kind in (("track", Track), ("corner", Corner), ("between", Between), ("misfits", Misfits)):
            if getattr(self, name) not in get_args(kind):
                raise ConfigError(
                    f"There is no {name} '{getattr(self, name)}'; choose {', '.join(get_args(kind))}."
                )
        if not 0 < self.scale <= 1:
            raise ConfigError(f"The scale is {self.scale:g}; give a part of the film's height, such as 0.3.")
        if not (math.isfinite(self.speed_limit) and self.speed_limit >= 1):
            raise ConfigError(f"The speed limit is {self.speed_limit:g}; give 1 or more, such as 1.5.")


@dataclass(frozen=True)
class SignedFilm:
    """What was made: which cues are signed and when, which do not fit, and which cannot be signed at all."""

    video: Path
    placements: tuple[Placement, ...]
    misfits: tuple[Unsigned, ...]
    odd: tuple[Unsigned, ...]

    @property
    def sidecar(self) -> Path:
        return self.video.with_suffix(".json")

    def to_json(self) -> dict[str, Any]:
        """What a program is told."""
        return {
            "video": str(self.video),
            "sidecar": str(self.sidecar),
            "signed": [placement_facts(placed) for placed in self.placements],
            "misfits": unsigned_facts(self.misfits),
            "odd": unsigned_facts(self.odd),
        }


def drawn_signer() -> Path:
    """Return the picture of a signer that nobody is, drawn by the dataset `lexicon` and framed as its clips are."""
    return Path(str(files("signvip") / "pictures" / "drawn.png"))


def sign(
    subtitles: Path,
    film: Path,
    output: Path,
    *,
    reference: Path | None = None,
    run: str | None = None,
    options: GenerateOptions | None = None,
    track: TrackOptions | None = None,
    origin: OriginOptions | None = None,
    kept: Path | None = None,
    strict: bool = False,
    overwrite: bool = False,
    reporter: Reporter | None = None,
) -> SignedFilm:
    """Write a film with its subtitles signed; what cannot be signed is told by name, in the result and the sidecar.

    Signed sentences are stored beside the output until it is done, so that a call that was stopped goes on, or for good
    in the folder `kept`, so that another call makes only those that changed.
    """
    options, track = options or GenerateOptions(), track or TrackOptions()
    origin, reporter = origin or OriginOptions(), reporter or Silent()
    reference = reference or drawn_signer()
    track.check()
    _check_output(subtitles, film, output, overwrite)
    read, seen = read_subtitles(subtitles), look_at(film)
    _tell_left_out(seen, reporter)
    check_origin(origin)
    cues = [cue for cue in read.cues if seen.end is None or cue.start < seen.end]
    if not cues:
        raise DataError(f"{subtitles} has no cue before the end of {film}; check that they belong together.")
    folder = kept or output.with_name(f".{output.name}.signing")
    with locked(folder, option="-o" if kept is None else "--clips", say=reporter.say):
        clips = make_clips(
            [cue.text for cue in cues], folder, reference=reference, run=run, options=options,
            label=origin.label, strict=strict, reporter=reporter,
        )  # fmt: skip
        plan = _plan(read, clips, seen, track)
        about = next(iter(clips.values())).about
        language = options.language or about.get("sampling", {}).get("language")  # else the run's first
        made_from = Origin.of(
            "\n".join(placed.cue.text for placed in plan.placements),
            language, about.get("weights"), options.seed, reference, origin.consent,
        )  # fmt: skip
        seal = Seal(
            made_from, _signable(output, origin, reporter), COMPOSITE if track.track == "inset" else SOURCE
        )
        times, inset = _compose(film, output, clips, plan, track, seal, reference, language, seen, reporter)
        plan = unseen_told(plan, times[-1])
        sidecar = _sidecar(subtitles, film, read, plan, clips, track, about) | {
            "frames": len(times),
            "inset": inset,
            "origin": seal.told(output),
        }
        write_sidecar(output.with_suffix(".json"), sidecar)
    if kept is None:
        shutil.rmtree(folder, ignore_errors=True)  # also what was signed with other options before
    return SignedFilm(output, plan.placements, plan.misfits, read.odd)


def _check_output(subtitles: Path, film: Path, output: Path, overwrite: bool) -> None:
    if output.suffix.lower() not in CONTAINERS:
        raise DataError(
            f"{output.name} is not a video that can be written; end its name in {', '.join(CONTAINERS)}."
        )
    written = {path.resolve() for path in (output, output.with_suffix(".json"))}
    for path in (film, subtitles):
        if path.resolve() in written:
            raise DataError(f"{path} is read and would be replaced; choose another place by -o.")
    check_outputs(output, None, overwrite=overwrite)


def _tell_left_out(film: Film, reporter: Reporter) -> None:
    if film.left_out:
        reporter.say(f"Not taken over from the film: its streams of {', '.join(sorted(set(film.left_out)))}.")


def _signable(output: Path, origin: OriginOptions, reporter: Reporter) -> OriginOptions:
    """The same options, without a manifest where the container cannot hold one."""
    if origin.manifest and CONTAINERS[output.suffix.lower()] == "matroska":
        reporter.say(
            "Matroska holds no signed manifest of where a video comes from; write an .mp4 to have one."
        )
        return OriginOptions(origin.mark, False, origin.label, origin.consent, origin.key, origin.certificate)
    return origin


def _plan(read: Subtitles, clips: dict[str, SignedClip], film: Film, track: TrackOptions) -> Schedule:
    """Place all cues, those behind the film's end among them, which are told as such."""
    lengths = [clips[cue.text].seconds if cue.text in clips else 0.0 for cue in read.cues]
    end = math.inf if film.end is None else film.end
    kept = [(cue, length) for cue, length in zip(read.cues, lengths, strict=True) if cue.start < end]
    after = tuple(
        Unsigned(
            cue.number,
            cue.line,
            cue.text,
            f"starts at {cue.start:.2f} s, after the film's end at {end:.2f} s",
        )
        for cue in read.cues
        if cue.start >= end
    )
    plan = schedule(
        [cue for cue, _ in kept], [length for _, length in kept],
        speed_limit=track.speed_limit, film_end=end, misfits=track.misfits,
    )  # fmt: skip
    if not plan.placements:
        raise DataError(f"No cue can be fitted ({plan.misfits[0]}); raise --speed-limit or give longer cues.")
    return Schedule(plan.placements, plan.misfits + after)


def unseen_told(plan: Schedule, last: float) -> Schedule:
    """Count what starts after the last frame as a misfit: containers may say more seconds than they have frames."""
    unseen = [placed.cue for placed in plan.placements if placed.start > last]
    why = f"starts after the film's last frame at {last:.2f} s"
    told = tuple(Unsigned(cue.number, cue.line, cue.text, why) for cue in unseen)
    return Schedule(plan.placements[: len(plan.placements) - len(unseen)], plan.misfits + told)


def _compose(
    film: Path,
    output: Path,
    clips: dict[str, SignedClip],
    plan: Schedule,
    track: TrackOptions,
    seal: Seal,
    reference: Path,
    language: str | None,
    seen: Film,
    reporter: Reporter,
) -> tuple[list[float], dict[str, float] | None]:
    """Write the film, and return the seconds of its frames and the part of them that the signer is in."""
    marker = Marker(seal.origin.payload, 1.0) if seal.options.mark else None  # marked by time, at any rate
    first = read_video(next(iter(clips.values())).video)[0]
    rest = load_reference(reference, first.shape[1:3]) if track.between == "rest" else None
    signer = Signer(plan.placements, clips, lambda clip: read_video(clip.video)[0], rest)
    painter = Painter(track.corner, track.scale, seen.aspect, marker)
    with reporter.task("writing the film (seconds)", math.ceil(seen.end or 0)) as task:
        follow = following(task)
        times = compose(
            film, seen, output, track=track.track, signer=signer, painter=painter, marker=marker,
            blank=np.zeros_like(first[0]), language=language, seal=seal.sign,
            progress=lambda seconds: follow(math.ceil(seconds), 0),
        )  # fmt: skip
    return times, painter.part


def _sidecar(
    subtitles: Path,
    film: Path,
    read: Subtitles,
    plan: Schedule,
    clips: dict[str, SignedClip],
    track: TrackOptions,
    about: dict[str, Any],
) -> dict[str, Any]:
    return {
        "generated": True,
        "notice": NOTICE,
        "film": str(film),
        "subtitles": str(subtitles),
        **{name: about.get(name) for name in ("reference", "run", "weights", "sampling")},
        "track": asdict(track),
        "signed": [
            placement_facts(placed) | {"tokens": clips[placed.cue.text].about.get("tokens")}
            for placed in plan.placements
        ],
        "misfits": unsigned_facts(plan.misfits),
        "odd": unsigned_facts(read.odd),
        "warnings": sorted({told for clip in clips.values() for told in clip.about.get("warnings", [])}),
        "signvip": signvip.__version__,
    }


def placement_facts(placed: Placement) -> dict[str, Any]:
    """What a sidecar says of a signed cue; times in seconds."""
    cue: Cue = placed.cue
    return {
        "cue": cue.number,
        "line": cue.line,
        "text": cue.text,
        "asked": [cue.start, cue.end],
        "shown": [round(placed.start, 6), round(placed.end, 6)],
        "speed": round(placed.speed, 6),
        "late": round(placed.late, 6),
        "missing": round(placed.missing, 6),
    }


def unsigned_facts(cues: Sequence[Unsigned]) -> list[dict[str, Any]]:
    """What a program is told of cues that are not signed."""
    return [{"cue": one.number, "line": one.line, "text": one.text, "why": one.why} for one in cues]


__all__ = ["SPEED_LIMIT", "SignedFilm", "TrackOptions", "drawn_signer", "sign", "unsigned_facts"]
