"""The model that travels with the package, as a server has it: its signers, and a language that nobody named."""

from __future__ import annotations

import io
import shutil

import pytest
from PIL import Image


@pytest.fixture(scope="module")
def travelling(installed):
    from signvip.generate import GenerateOptions
    from signvip_serve.limits import Limits
    from signvip_serve.studio import Studio

    return Studio.open("embedded", GenerateOptions(device="cpu"), Limits())


def ask(text, language=None):
    from signvip_serve.forms import Ask

    return Ask(text, language)


def test_signers_to_choose_from_are_as_large_as_the_model_sees_them(travelling):
    config = travelling.pipe.config
    sizes = [Image.open(io.BytesIO(one.content)).size for one in travelling.references]
    assert len(sizes) > 1 and set(sizes) == {(config.width, config.height)}


def test_a_language_that_nobody_named_is_the_first_and_is_told(travelling):
    order, named = travelling.order(ask("Anna")), travelling.order(ask("Anna", "ase"))
    assert order.language == order.facts()["language"] == travelling.languages[0] == "ase"
    assert order.warnings == (
        "No sign language is named, so it is 'ase'; name one of /v1/languages as 'language'.",
    )
    assert (named.language, named.warnings) == ("ase", ())


def test_letters_of_another_alphabet_are_told(travelling):
    assert "'ж'" in travelling.order(ask("Жук")).warnings[0]
    assert travelling.order(ask("Жук", "ukl")).warnings == ()


def test_pictures_of_signers_go_along_with_a_copy_of_their_run(trained, tmp_path):
    from signvip.release.embed import embed

    run = shutil.copytree(trained.run, tmp_path / "run")
    (run / "references").mkdir()
    Image.new("RGB", (32, 32)).save(run / "references" / "anna.png")
    made = embed(run, tmp_path / "embedded")
    assert [path.name for path in (made / "references").iterdir()] == ["anna.png"]
