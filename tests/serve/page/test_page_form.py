"""What is asked before anything is made: language, signer, consent, and what the model does not know."""

from __future__ import annotations

import pytest
from steps import REFUSED, STATE, ask_for

CONCERNS = "document.getElementById('concerns').textContent"
DIALOG = "document.getElementById('consent').open"


def bring(page, content=b"x"):
    """Give a file as if it had been chosen."""
    page.run(
        f"const content = new Uint8Array({list(content)}), chosen = new DataTransfer();"
        "chosen.items.add(new File([content], 'a.png', {type: 'image/png'}));"
        "const input = document.getElementById('reference'); input.files = chosen.files;"
        "input.dispatchEvent(new Event('change', {bubbles: true}))"
    )


def test_what_the_model_does_not_know_stands_beside_the_text_before_it_is_made(opened):
    opened.click("#text")
    opened.type("volcano")
    opened.until(f"{CONCERNS}.includes(\"'volcano'\")")
    assert opened.run(STATE) == ""


def test_languages_are_named_and_kept_from_the_server(opened):
    assert opened.run("document.getElementById('language').selectedOptions[0].value") == "qaa"
    assert opened.run("document.getElementById('language').selectedOptions[0].label").startswith("Toy Sign A")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"code": "gsg", "name": "German Sign Language", "own_name": "Deutsche Gebärdensprache (DGS)"},
         "German Sign Language · Deutsche Gebärdensprache (DGS)"),
        ({"code": "ase", "name": "American Sign Language", "own_name": "American Sign Language (ASL)"},
         "American Sign Language (ASL)"),
        ({"code": "qaa", "name": "Toy Sign A (invented)", "own_name": "Toy Sign A"}, "Toy Sign A (invented)"),
        ({"code": "qzz"}, "qzz"),
    ],
)  # fmt: skip
def test_a_language_has_its_name_and_its_own(opened, told, words):
    got = opened.run(f"import('/static/languages.js').then((one) => one.languageWords({told}))")
    assert got == words


def test_a_picture_of_somebody_needs_their_consent_once(opened):
    opened.click("#upload")
    opened.until(DIALOG)
    opened.run("document.querySelector('#consent [value=cancelled]').click()")
    bring(opened)
    ask_for(opened)
    opened.until(DIALOG)
    opened.run("document.querySelector('#consent [value=agreed]').click()")
    assert opened.run(DIALOG), "it closes only when all is answered"
    opened.click("#agreed")
    opened.click("#places [value=medical]")
    assert opened.run("document.getElementById('agreed').checked")
    assert "interpreter" in opened.run("document.getElementById('advice').textContent")
    opened.click("#consent [value=agreed]")
    opened.until(f"!{DIALOG}")  # what stands under the form says 'damaged' from the check on
    opened.until(f"{REFUSED}.includes('damaged')")
    ask_for(opened)
    opened.until(f"{REFUSED}.includes('damaged')")
    assert not opened.run(DIALOG)


def test_without_consent_nothing_is_sent(opened):
    bring(opened)
    ask_for(opened)
    opened.until(DIALOG)
    opened.press("Escape")
    opened.until(f"{REFUSED}.includes('consent')")
    assert opened.run(STATE) == ""


def test_the_answers_are_told_with_the_video(opened, picture):
    opened.run("sessionStorage.setItem('signvip-consent', 'education')")
    bring(opened, picture)
    ask_for(opened)
    opened.until(f"{STATE}.startsWith('Made')")
    told = opened.run("document.getElementById('origin').textContent")
    assert "stated by whoever sent the picture" in told and "education" in told


def test_a_token_is_asked_for(open_page, chrome):
    with open_page(token="t-o-k"):
        chrome.until("!document.getElementById('secret').hidden")
        assert "token" in chrome.run(REFUSED)
        chrome.click("#token")
        chrome.type("t-o-k")
        chrome.press("Enter")
        chrome.until("document.querySelectorAll('#signers input').length > 0")
        ask_for(chrome)
        chrome.until(f"{STATE}.startsWith('Made')")
