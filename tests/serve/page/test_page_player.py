"""The video by its frames and letters, by mouse and by keys."""

from __future__ import annotations

import pytest
from steps import FRAME, FRAMES, MARKED, PAUSED, SAID, make

VIDEO = "document.getElementById('video')"


@pytest.fixture(scope="module")
def clip(open_page, chrome):
    """The page with one video."""
    with open_page():
        make(chrome, "rain in the north")
        yield chrome


@pytest.fixture
def made(clip):
    """That video paused at its first frame, with nothing focused and all as it was."""
    clip.run(
        f"{VIDEO}.loop = false; {VIDEO}.playbackRate = 1; document.getElementById('speed').value = 1;"
        "document.getElementById('start').click(); document.activeElement.blur()"
    )
    clip.until(f"{FRAME} === 0 && {PAUSED} && !{VIDEO}.seeking")
    return clip


def test_it_steps_by_frames_and_says_where_it_is(made):
    made.press("ArrowRight")
    made.press("ArrowRight")
    made.until(f"{FRAME} === 2 && Math.floor({VIDEO}.currentTime * 12) === 2")
    assert made.run(SAID).startswith("frame 3 of ")
    made.press("ArrowLeft")
    made.until(f"{FRAME} === 1")
    assert made.run("document.getElementById('seek').ariaValueText").startswith("frame 2 of ")


def test_the_word_that_is_signed_is_marked_and_a_click_goes_to_another(made):
    assert made.run(MARKED) == "rain"
    made.click("#said .word:last-child button")
    made.until(f"{MARKED} === 'north'")
    assert made.run("document.querySelector('#times [aria-current] th').textContent") == "north"
    assert made.run(PAUSED) and made.run(FRAME) > 0


def test_shift_steps_by_words(made):
    made.press("ArrowRight", shift=True)
    made.until(f"{MARKED} === 'in'")
    made.press("ArrowRight", shift=True)
    made.until(f"{MARKED} === 'the'")
    made.press("ArrowLeft", shift=True)
    made.until(f"{MARKED} === 'in'")
    assert made.run(SAID).endswith("in")


def test_speed_and_loop_have_keys_and_are_said(made):
    made.press(",")
    assert made.run(f"[{VIDEO}.playbackRate, document.getElementById('speed').value].join()") == "0.75,0.75"
    assert made.run(SAID) == "Speed 0.75"
    for _ in range(9):
        made.press(".")
    assert made.run(f"{VIDEO}.playbackRate") == 2
    made.press("l")
    assert made.run(f"{VIDEO}.loop") is True and made.run(SAID) == "Loop on"
    assert made.run("document.getElementById('loop').ariaPressed") == "true"


def test_it_plays_to_its_end_once_and_again_when_asked(made):
    made.press(" ")
    made.until(f"{VIDEO}.ended")
    assert made.run(f"{FRAME} === {FRAMES} - 1")
    assert made.run("document.getElementById('play').ariaLabel") == "Replay"
    made.click("#play")
    made.until(f"!{VIDEO}.ended && !{PAUSED}")


def test_keys_that_are_typed_move_nothing(made):
    made.click("#text")
    made.type("l, .")
    made.press("ArrowLeft")
    assert made.run("document.getElementById('text').value").count("l, .") == 1
    assert made.run(f"{VIDEO}.loop") is False and made.run(f"{VIDEO}.playbackRate") == 1
    assert made.run(FRAME) == 0 and made.run(PAUSED)


def test_single_keys_can_be_turned_off(made):
    made.run("document.getElementById('single').click(); document.activeElement.blur()")
    made.press("l")
    assert made.run(f"{VIDEO}.loop") is False
    made.press("ArrowRight")
    made.until(f"{FRAME} === 1")
    made.run("localStorage.clear()")


def test_the_skeleton_is_drawn_in_time(made):
    drawn = "document.getElementById('pose').toDataURL()"
    made.until("!document.getElementById('posed').hidden")
    first = made.run(drawn)
    made.run("document.getElementById('seek').focus()")
    made.press("End")
    made.until(f"{FRAME} === {FRAMES} - 1")
    assert made.run(drawn) != first
    assert made.run(COLOURS) > 1, "body and hands have colours of their own"


COLOURS = """(() => {
  const { width, height } = document.getElementById("pose");
  const dots = document.getElementById("pose").getContext("2d").getImageData(0, 0, width, height).data;
  const found = new Set();
  for (let at = 0; at < dots.length; at += 4) if (dots[at + 3] === 255) found.add(dots.slice(at, at + 3).join());
  return found.size;
})()"""
