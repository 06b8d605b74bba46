"""What the server answers, where that is JSON: the models that /openapi.json describes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from signvip_serve.jobs import State
from signvip_serve.uses import Use

Responses = dict[int | str, dict[str, Any]]


class Refusal(BaseModel):
    """Anything that cannot be done."""

    detail: str = Field(description="Why not, and what to do instead, in one sentence.")


class Health(BaseModel):
    status: Literal["ok", "warming"] = Field(
        description="warming: the first video takes longer than others will."
    )
    model: str = Field(description="The run that is served.")
    version: str
    waiting: int = Field(description="Requests in the queue.")
    poses: bool = Field(description="Whether this run gives poses beside videos.")


class Language(BaseModel):
    code: str = Field(description="ISO 639-3.")
    name: str = Field(description="In English; the code where no name is known.")
    own_name: str = Field(description="As it is called where it is signed.")
    letters: str | None = Field(None, description="All that the run knows, where it spells.")


class Reference(BaseModel):
    name: str
    picture: str = Field(description="Where the picture is.")


class Place(BaseModel):
    use: Use
    advice: str = Field(description="Empty for recorded videos where little depends on them.")


class Check(BaseModel):
    warnings: list[str] = Field(
        description="What the run does not know, and advice on where the video is shown."
    )
    frames: int | None = Field(description="Of the video.")
    seconds: float | None = Field(
        description="An estimate of how long making takes; null before the first video."
    )


class Timed(BaseModel):
    text: str = Field(description="A word or a letter, as the text has it.")
    start: float = Field(description="Seconds.")
    end: float
    estimated: bool = Field(description="True where the model does not tell when it is signed.")


class Facts(BaseModel):
    """What the sidecar of a video says, and how far it is made. Empty while it waits."""

    model_config = ConfigDict(extra="allow")

    text: str | None = None
    language: str | None = None
    seed: int | None = None
    frames: int | None = Field(None, description="Of the whole video.")
    made: int | None = Field(None, description="Frames that are made by now.")
    fps: float | None = None
    timing: list[Timed] | None = Field(None, description="When each word or letter is signed.")
    warnings: list[str] | None = None
    poses: bool | None = Field(None, description="Whether /v1/jobs/{name}/poses has any.")
    origin: dict[str, Any] | None = Field(
        None,
        description="Mark, manifest and label of the finished video; `says`: what `signvip verify` says of it.",
    )


class JobState(BaseModel):
    job: str
    state: State
    place: int = Field(description="How many videos are made before it begins.")
    error: str | None
    facts: Facts


class Size(BaseModel):
    width: int
    height: int


class Poses(BaseModel):
    fps: float
    size: Size = Field(description="Of the frames, in pixels.")
    names: list[str] = Field(description="Of the points.")
    points: list[list[tuple[float, float, float]]] = Field(
        description="For each frame and point: x and y in pixels, confidence; zeros where it is unseen."
    )
    limbs: list[tuple[int, int]] = Field(description="Pairs of points that are joined.")
