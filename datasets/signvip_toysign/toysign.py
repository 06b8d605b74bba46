"""The dataset's reader: which signer signs which sentence, and one clip of it with all that is known."""

from __future__ import annotations

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from signvip import contracts
from signvip.contracts import SPLITS, Clip
from signvip.data import digest
from signvip.errors import DataError
from signvip_toysign.draw import render
from signvip_toysign.motion import Manner, Motion, neutral, perform
from signvip_toysign.sentences import QUESTION, TEXT_LANGUAGES, Message, can_say, characters_of, gloss_of, say
from signvip_toysign.signer import generator, make_signer
from signvip_toysign.signs import LANGUAGES, glosses, language, lexicon
from signvip_toysign.skeleton import keypoints, pose

SOURCE, LICENCE = "toysign, drawn by signvip", "Apache-2.0 (generated)"
HELD_OUT = {
    "test": range(15),
    "dev": range(15, 25),
    "train": range(25, 100),
}  # shares of all gloss lines, in %
MOODS = ("plain", "plain", "plain", "not", "maybe", "question")


class ToySign:
    """The embedded dataset. A clip depends on the seed, its split and its number, and on nothing else."""

    class Config(contracts.Config):
        """Sizes and counts; `languages` are the toy sign languages, `text_languages` those of the sentences."""

        seed: int = 0
        size: tuple[int, int] = (64, 64)
        fps: float = Field(12.0, gt=0, le=120)
        train: int = Field(320, ge=0)
        dev: int = Field(24, ge=0)
        test: int = Field(24, ge=0)
        train_signers: int = Field(80, ge=1)
        dev_signers: int = Field(8, ge=1)
        test_signers: int = Field(8, ge=1)
        languages: tuple[str, ...] = ("tsa",)
        text_languages: tuple[str, ...] = TEXT_LANGUAGES

        @field_validator("size")
        @classmethod
        def _large_enough(cls, size: tuple[int, int]) -> tuple[int, int]:
            if min(size) < 16 or max(size) > 2048:
                raise ValueError(
                    f"a picture of {size} cannot be drawn; use a height and a width from 16 to 2048"
                )
            return size

        @field_validator("languages", "text_languages")
        @classmethod
        def _known(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
            known = LANGUAGES if info.field_name == "languages" else TEXT_LANGUAGES
            if not names or not set(names) <= set(known):
                raise ValueError(f"{names} is more than this dataset has; use some of {', '.join(known)}")
            return names

    knows = ("keypoints", "hands", "depth")

    def __init__(self, config: Config) -> None:
        self.config = config

    def ids(self, split: str) -> list[str]:
        """Return clip ids such as "toy-test-00003"."""
        return [f"toy-{split}-{index:05d}" for index in range(self._count(split))]

    def signers(self, split: str) -> list[str]:
        """Return the signers of a split; no other split has them."""
        self._count(split)
        return [
            f"toy-signer-{split}-{index:03d}" for index in range(getattr(self.config, f"{split}_signers"))
        ]

    def load(self, split: str, clip_id: str) -> Clip:
        """Draw one clip; DataError for an id that the split does not have."""
        index = self._index(split, clip_id)
        sign_language = self._dealt(split, "language", index, self.config.languages)
        text_language = self._dealt(split, "text", index, self.config.text_languages)
        message, signer_id = self.message(split, index), self.signer_of(split, index)
        text = say(message, text_language, generator(self.config.seed, split, index, "text"))
        motion = self.motion(split, index)
        skeleton = pose(motion, make_signer(self.config.seed, signer_id))
        frames, depth = render(skeleton, self.config.size)
        points, hands = keypoints(skeleton, self.config.size)
        return Clip(
            id=clip_id,
            frames=frames,
            fps=self.config.fps,
            text=text,
            language=language(sign_language).code,
            text_language=text_language,
            gloss=gloss_of(message, sign_language),
            signer=signer_id,
            source=SOURCE,
            licence=LICENCE,
            alignment=_alignment(message, sign_language, motion, characters_of(message, text, text_language)),
            known={"keypoints": points, "hands": hands, "depth": depth},
        )

    def stamp(self, split: str, clip_id: str) -> str:
        """Hash all that a clip depends on but its name; how many clips there are is not part of it."""
        return digest(self.config.model_dump(exclude=set(SPLITS)))

    def portrait(self, signer: str) -> np.ndarray:
        """Return a signer at rest, (H, W, 3) uint8: a reference picture."""
        return portrait(self, signer)

    def oracle(self, split: str, clip_id: str) -> str:
        """Return the best wording of a clip by somebody who knows its glosses and the language to write in."""
        from signvip_toysign.best_wording import best_wording

        index = self._index(split, clip_id)
        return best_wording(
            self.message(split, index), self._dealt(split, "text", index, self.config.text_languages)
        )

    def message(self, split: str, index: int) -> Message:
        """Return the message of clip number `index`, from the gloss lines that belong to its split alone."""
        rng = generator(self.config.seed, split, index, "message")
        weather = self._dealt(split, "weather", index, tuple(glosses(LANGUAGES[0], "weather")))
        while True:
            message = _compose(weather, rng)
            if split_of(message) == split:
                return message

    def motion(self, split: str, index: int) -> Motion:
        """Return the movement of a clip, before anybody's body makes it."""
        sign_language = self._dealt(split, "language", index, self.config.languages)
        rng = generator(self.config.seed, split, index, "manner")
        manner = Manner(
            tempo=float(rng.uniform(0.98, 1.08)),
            reach=float(rng.uniform(0.95, 1.05)),
            blinks=tuple(rng.uniform(0.3, 4.0, size=2).tolist()),
        )
        return perform_message(self.message(split, index), sign_language, self.config.fps, manner)

    def signer_of(self, split: str, index: int) -> str:
        """Return who signs clip number `index`."""
        return self._dealt(split, "signer", index, tuple(self.signers(split)))

    def _dealt(self, split: str, what: str, index: int, options: tuple[str, ...]) -> str:
        """Deal options like cards: each comes once before any comes again."""
        round_, place = divmod(index, len(options))
        order = generator(self.config.seed, split, what, round_).permutation(len(options))
        return options[int(order[place])]

    def _count(self, split: str) -> int:
        if split not in SPLITS:
            raise DataError(f"toysign has no split '{split}'; use one of {', '.join(SPLITS)}.")
        return int(getattr(self.config, split))

    def _index(self, split: str, clip_id: str) -> int:
        number = clip_id.rpartition("-")[2]
        if (
            not number.isdigit()
            or clip_id != f"toy-{split}-{int(number):05d}"
            or int(number) >= self._count(split)
        ):
            raise DataError(f"toysign has no clip '{clip_id}' in '{split}'; take one of ids('{split}').")
        return int(number)


def _alignment(
    message: Message, sign_language: str, motion: Motion, characters: dict[str, int]
) -> np.ndarray:
    """Return the character of a text that each frame signs or comes to (F,); -1 once all are signed."""
    assert motion.signs is not None
    signs = (gloss for gloss in gloss_of(message, sign_language).split() if gloss != QUESTION)
    return np.array([*(characters[gloss] for gloss in signs), -1])[motion.signs]


def perform_message(message: Message, sign_language: str, fps: float, manner: Manner | None = None) -> Motion:
    """Sign a message: its glosses, and what the head and the brows say over them."""
    words = [word for word in gloss_of(message, sign_language).split() if word != QUESTION]
    signs = [lexicon(sign_language)[word] for word in words]
    negated = None
    if message.mood == "not":
        over = [place for place, sign in enumerate(signs) if sign.slot in ("weather", "degree", "mood")]
        negated = slice(over[0], over[-1] + 1)
    return perform(signs, fps, manner or Manner(), negated, message.mood == "question")


def portrait(reader: ToySign, signer: str, size: tuple[int, int] | None = None) -> np.ndarray:
    """Return a signer at rest with a neutral face, (H, W, 3) uint8: a reference picture."""
    drawn, _ = render(pose(neutral(), make_signer(reader.config.seed, signer)), size or reader.config.size)
    return drawn[0]


def split_of(message: Message) -> str:
    """Return the only split in which a sentence may occur: by a hash of its glosses, the same for any seed."""
    share = int(generator("held out", gloss_of(message, LANGUAGES[0])).integers(100))
    return next(split for split, shares in HELD_OUT.items() if share in shares)


def _compose(weather: str, rng: np.random.Generator) -> Message:
    """Return a sentence about `weather` of two to five signs."""
    time = str(rng.choice(glosses(LANGUAGES[0], "time"))) if rng.random() < 0.8 else None
    place = str(rng.choice(glosses(LANGUAGES[0], "place"))) if rng.random() < 0.8 or time is None else None
    degree = str(rng.choice(glosses(LANGUAGES[0], "degree"))) if rng.random() < 0.45 else None
    if not can_say(weather, degree):
        degree = None
    return Message(weather, time, place, degree, rng.choice(MOODS))
