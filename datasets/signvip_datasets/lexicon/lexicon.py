"""The dataset `lexicon`: words and names spelled in real sign languages by drawn people."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field, field_validator
from signvip_toysign.draw import render
from signvip_toysign.signer import generator

from signvip import contracts
from signvip.contracts import SPLITS, Clip
from signvip.data import digest, marks, walk
from signvip.errors import ConfigError, DataError
from signvip_datasets.entries import check_split
from signvip_datasets.lexicon.body import FINE, Manner, known, signer, skeleton, spelling_face, view
from signvip_datasets.lexicon.hand_bones import stacked
from signvip_datasets.lexicon.index import PACKAGE, Alphabet, find_lexicon, read_index
from signvip_datasets.lexicon.letters import Spelled, fold, spell
from signvip_datasets.lexicon.placing import Signing, rest, signing
from signvip_datasets.lexicon.spelled_texts import draw, read_texts, split_of
from signvip_datasets.lexicon.ties import Timing, letters_signed, perform

PACKAGE_SOURCE, PACKAGE_LICENCE = "spoken-to-signed, drawn by signvip", "MIT"


class Lexicon:
    """Fingerspelling from a lexicon in sign.mt's layout. A clip depends on that, the seed, its split and its id."""

    class Config(contracts.Config):
        """Sizes, counts and the pace; `signvip preprocess --dataset lexicon` takes the installed spoken-to-signed."""

        source: Path | None = Field(
            None, description="folder with index.csv and .pose files; by default that of spoken-to-signed"
        )
        text: Path | None = Field(
            None, description="file with a text a line, spelled in every language; else texts are drawn"
        )
        languages: tuple[str, ...] = Field(
            (), description="sign languages (ISO 639-3); by default all of the index"
        )
        seed: int = 0
        size: tuple[int, int] = (128, 128)
        fps: float = Field(12.0, gt=0, le=120)
        train: int = Field(400, ge=0, description="clips of texts that are drawn")
        dev: int = Field(40, ge=0)
        test: int = Field(40, ge=0)
        train_signers: int = Field(200, ge=1)
        dev_signers: int = Field(20, ge=1)
        test_signers: int = Field(20, ge=1)
        words: int = Field(2, ge=1, le=12, description="most words of a text that is drawn")
        hold: float = Field(
            0.33, gt=0, le=5, description="seconds that a letter is held; many ask for longer"
        )
        tie: float = Field(
            0.20, gt=0, le=2, description="seconds from one letter to the next, by their distance"
        )
        pause: float = Field(0.5, ge=0, le=5, description="seconds of rest at a full stop")
        doubled: float = Field(1.7, ge=1, le=5, description="how much longer a doubled letter is held")
        licence: str = Field("", description="of the lexicon, where it is a folder of your own")

        @field_validator("size")
        @classmethod
        def _can_be_read(cls, size: tuple[int, int]) -> tuple[int, int]:
            if min(size) < 64 or max(size) > 2048:
                raise ValueError(
                    f"no letter can be read in a picture of {size}; use a height and a width from 64 to 2048"
                )
            return size

    knows = ("keypoints", "hands", "depth")
    from_package: ClassVar[dict[str, str]] = {"source": PACKAGE}

    def __init__(self, config: Config) -> None:
        self.config = config
        self._signings: dict[str, Signing] = {}

    def ids(self, split: str) -> list[str]:
        """Return clip ids such as "ase-test-00003", or "ase-5d1f09c2" of a text that was given."""
        return list(self._clips[check_split(split)])

    def signers(self, split: str) -> list[str]:
        """Return the people of a split; no other split has them."""
        count = getattr(self.config, f"{check_split(split)}_signers")
        return [f"lexicon-signer-{split}-{index:03d}" for index in range(count)]

    def load(self, split: str, clip_id: str) -> Clip:
        """Draw one clip; DataError for an id that the split does not have, and for a text that cannot be spelled."""
        language, text = self._clip(split, clip_id)
        alphabet = self._alphabets[language]
        spelled = self.spelled(language, text)
        hands = self.signing(language)
        who = self.signer_of(split, clip_id)
        person = signer(self.config.seed, who)
        motion, held = perform(spelled, hands.letters, self._timing, self.config.fps)
        rng = generator(self.config.seed, split, clip_id, "manner")
        manner = Manner(
            tuple(rng.uniform(0.4, 9.0, size=3)), float(rng.random()), float(rng.uniform(0.2, 1.0))
        )
        body = skeleton(motion, spelling_face(held, self.config.fps, manner), person)
        shows = view(person, hands.left_handed)
        frames, depth = render(body, self.config.size, shows, FINE)
        return Clip(
            id=clip_id,
            frames=frames,
            fps=self.config.fps,
            text=text,
            language=language,
            text_language=alphabet.written,
            gloss=" ".join(self._glosses(alphabet, spelled)),
            signer=who,
            source=self._source,
            licence=PACKAGE_LICENCE if self.config.source is None else self.config.licence,
            alignment=self._alignment(text, alphabet, spelled, held),
            known={**known(body, self.config.size, shows), "depth": depth},
        )

    def stamp(self, split: str, clip_id: str) -> str:
        """Hash all that a clip depends on but its name: the lexicon's files, and options other than counts."""
        return self._stamp

    def portrait(self, signer_id: str) -> np.ndarray:
        """Return a signer with hands down, (H, W, 3) uint8: a reference picture."""
        person = signer(self.config.seed, signer_id)
        body = skeleton(stacked([rest()]), np.zeros((1, 7)), person)
        shows = view(person, self.signing(next(iter(self._alphabets))).left_handed)
        return render(body, self.config.size, shows, FINE)[0][0]

    def spelled(self, language: str, text: str) -> list[Spelled]:
        """Return the letters of a text in a sign language; DataError where its alphabet has none of them."""
        alphabet = self._alphabets[language]
        spelled = spell(text, alphabet.entries, alphabet.written)
        if not spelled:
            raise DataError(
                f"the alphabet of {language} ({alphabet.written}) has none of the letters of '{text}'; choose other "
                f"languages for it by dataset.languages"
            )
        faults = self.signing(language).faults
        broken = next((letter.key for letter in spelled if letter.key in faults), None)
        if broken is not None:
            raise DataError(
                f"'{alphabet.entries[broken].word}' of {language} cannot be signed: {faults[broken]}"
            )
        return spelled

    def signing(self, language: str) -> Signing:
        """Return a language's letters as they are signed, read when they are first needed."""
        if language not in self._signings:
            self._signings[language] = signing(self._alphabets[language])
        return self._signings[language]

    def signer_of(self, split: str, clip_id: str) -> str:
        """Return who signs a clip, whatever other clips there are."""
        signers = self.signers(split)
        return signers[int(generator(self.config.seed, split, clip_id, "signer").integers(len(signers)))]

    def _alignment(
        self, text: str, alphabet: Alphabet, spelled: list[Spelled], held: np.ndarray
    ) -> np.ndarray | None:
        """Return the character of a text that each frame signs; None where folding moves its characters."""
        moved = len(fold(text, alphabet.written)) != len(text)
        return None if moved else letters_signed(spelled, held)

    def _glosses(self, alphabet: Alphabet, spelled: list[Spelled]) -> list[str]:
        return [alphabet.entries[letter.key].word for letter in spelled for _ in range(letter.times)]

    def _clip(self, split: str, clip_id: str) -> tuple[str, str]:
        """Return the language and text of an id; what is drawn is drawn now, so that ids alone cost nothing."""
        clips = self._clips[check_split(split)]
        if clip_id not in clips:
            raise DataError(f"lexicon has no clip '{clip_id}' in '{split}'; take one of ids('{split}').")
        language, text = clips[clip_id]
        if text is None:
            alphabet = self._alphabets[language]
            usable = tuple(self.signing(language).letters)
            rng = generator(self.config.seed, split, clip_id, "text")
            text = draw(split, usable, alphabet.written, self.config.words, rng)
        return language, text

    @cached_property
    def _clips(self) -> dict[str, dict[str, tuple[str, str | None]]]:
        """Return, by split and id, the sign language, and the text where it is given."""
        languages = tuple(self._alphabets)
        clips: dict[str, dict[str, tuple[str, str | None]]] = {split: {} for split in SPLITS}
        if self.config.text is not None:
            for text in read_texts(self.config.text):
                name = hashlib.blake2b(
                    text.encode(), digest_size=6
                ).hexdigest()  # a line that moves keeps its clips
                for language in languages:
                    clips[split_of(text)][f"{language}-{name}"] = language, text
            return clips
        for split in SPLITS:
            for index in range(getattr(self.config, split)):
                language = languages[index % len(languages)]
                clips[split][f"{language}-{split}-{index:05d}"] = language, None
        return clips

    @cached_property
    def _alphabets(self) -> Mapping[str, Alphabet]:
        """Return the alphabets asked for; ConfigError that lists all for one that the index lacks."""
        alphabets = read_index(find_lexicon(self.config.source))
        wanted = self.config.languages or tuple(alphabets)
        unknown = [language for language in wanted if language not in alphabets]
        if unknown:
            raise ConfigError(
                f"The lexicon has no sign language '{unknown[0]}'; dataset.languages can be: {', '.join(alphabets)}."
            )
        return {language: alphabets[language] for language in dict.fromkeys(wanted)}

    @cached_property
    def _stamp(self) -> str:
        folder = find_lexicon(self.config.source)
        files = (marks([where]) for where, _, _ in walk(folder))
        return digest([self.config.model_dump(exclude={*SPLITS, "text", "source"}), *files])

    @property
    def _timing(self) -> Timing:
        return Timing(self.config.hold, self.config.tie, self.config.pause, self.config.doubled)

    @property
    def _source(self) -> str:
        return (
            PACKAGE_SOURCE if self.config.source is None else f"{self.config.source.name}, drawn by signvip"
        )
