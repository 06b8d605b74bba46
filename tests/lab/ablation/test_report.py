"""Tables that pandas reads back, figures by their numbers, claims, and the page."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace

import pandas
import pytest
from made import make_grid, make_record, make_value
from matplotlib.figure import Figure as Canvas
from PIL import Image

from signvip.errors import RunError
from signvip_lab.ablation.best import finding
from signvip_lab.ablation.figures import Panel, Series, _bars, draw, draw_all, figures_of
from signvip_lab.ablation.goals import judge
from signvip_lab.ablation.page import write_report_page
from signvip_lab.ablation.report import require_libraries
from signvip_lab.ablation.study import Figure, Goal, Study
from signvip_lab.ablation.summary import summarise
from signvip_lab.ablation.tables import WIDEST, for_page, latex, markdown, narrow, write_tables

KEYS = ("dev/usage", "dev/loss", "dev/ratio", "dev/absent")


@pytest.fixture
def summary():
    return summarise(make_grid(), KEYS)


def test_mean_and_spread_over_seeds(summary):
    fsq, *_, vq = summary.rows
    number = fsq.numbers["dev/usage"]
    assert (number.mean, number.seeds) == (pytest.approx(0.91), 2)
    assert number.deviation == pytest.approx(0.02 / 2**0.5)
    assert (vq.seeds, vq.failures, vq.numbers["dev/usage"].deviation) == (
        1,
        ["the levels are too few."],
        None,
    )


def test_the_best_follows_the_direction_of_each_value(summary):
    usage, loss, ratio, absent = summary.columns
    assert summary.best(usage) == summary.best(loss) == summary.best(ratio) == [0]
    assert summary.best(absent) == [] and "not measured" in absent.reason
    assert [column.heading for column in (usage, loss, ratio)] == [
        "dev/usage ↑",
        "dev/loss ↓",
        "dev/ratio →1",
    ]


def test_what_all_rows_share_has_no_best():
    records = [
        make_record({"arm": arm}, {"usage": 0.5, "loss": loss}) for arm, loss in (("a", 1.0), ("b", 2.0))
    ]
    summary = summarise(records)
    usage, loss = summary.columns
    assert summary.best(usage) == [] and summary.best(loss) == [0]


def test_texts_are_told_apart_by_what_read_them_and_have_the_truth_as_their_ceiling():
    record = make_record({"r": 0}, {"usage": 1.0})
    texts = [make_value("bleu4", 9.0, row="from the text"), make_value("bleu4", 30.0, row="ground truth")]
    record.values = [replace(value, evaluator="video") for value in texts] + [
        replace(texts[0], evaluator="pose")
    ]
    video, pose = summarise([record]).columns
    assert (video.key, video.heading) == ("from the text/bleu4 (video)", "from the text/bleu4 ↑ (video)")
    assert (video.ceiling, pose.ceiling) == (30.0, None)


def test_tables_are_read_back_by_pandas(summary, tmp_path):
    write_tables(tmp_path, summary, make_grid(), ["a note"])
    table = pandas.read_csv(tmp_path / "table.csv")
    assert list(table["quantizer"]) == ["fsq", "fsq", "vq", "vq"] and list(table["vocab_size"]) == [
        125,
        253,
        125,
        253,
    ]
    assert table["dev/usage"].tolist() == pytest.approx([0.91, 0.81, 0.51, 0.2])
    assert table["dev/usage sd"].isna().tolist() == [False, False, False, True]
    assert table["dev/absent"].isna().all() and table["failed"].tolist()[3] == "the levels are too few."
    values = pandas.read_csv(tmp_path / "values.csv")
    means = values[values.name == "usage"].groupby(["quantizer", "size"]).value.mean()
    assert means.tolist() == pytest.approx(table["dev/usage"].tolist())
    assert values[values.status == "failed"].reason.tolist() == ["the levels are too few."]


def test_markdown_and_latex_have_the_best_in_bold(summary, tmp_path):
    rows = [line.strip("|").split("|") for line in markdown(summary).splitlines()]
    head = [cell.strip() for cell in rows[0]]
    read = pandas.DataFrame([[cell.strip() for cell in row] for row in rows[2:]], columns=head)
    assert read["dev/usage ↑"].tolist() == ["0.91 ± 0.014", "0.81 ± 0.014", "0.51 ± 0.014", "0.2"]
    assert read["dev/absent"].tolist() == ["-"] * 4
    assert read["failed"].tolist() == ["", "", "", "the levels are too few."]
    text = latex(summary)
    assert re.search(r"fsq & 128 & 0\.91 \$\\pm\$ 0\.014 & 0\.1", text)
    assert r"\toprule" in text and r"dev/usage $\uparrow$" in text and "±" not in text


def test_a_wide_table_is_cut_into_several_that_hold_every_column_once():
    frame = pandas.DataFrame(
        {"arm": ["a", "b"], **{f"a metric with a long name {n}": ["1", "2"] for n in range(9)}}
    )
    parts = narrow(frame, ["arm"])
    assert len(parts) > 2 and all(next(iter(part.columns)) == "arm" for part in parts)
    assert [column for part in parts for column in part.columns[1:]] == list(frame.columns[1:])
    assert all(len(line) <= WIDEST for part in parts for line in part.to_markdown(index=False).splitlines())
    alone = pandas.DataFrame({"arm": ["a"], "x" * 200: ["1"]})
    assert [list(part.columns) for part in narrow(alone, ["arm"])] == [["arm", "x" * 200]]


def test_words_are_escaped_in_html_and_latex(tmp_path):
    records = [make_record({"arm": "<b>&_"}, {"usage": 0.5}), make_record({"arm": "x"}, {"usage": 0.25})]
    summary = summarise(records)
    study = Study(name="s", title="<i>")
    write_report_page(tmp_path, study, summary, records, [], [], ["a < b"], "signvip ablate", "2 cells")
    page = (tmp_path / "report.html").read_text()
    assert "&lt;b&gt;&amp;_" in page and "<i>" not in page and "a &lt; b" in page and "signvip ablate" in page
    assert r"\&\_" in latex(summary)


def test_a_bar_of_one_seed_has_no_spread():
    axes = Canvas().subplots()
    _bars(axes, Panel("k", "k", [Series("", ["two", "one"], [1.0, 2.0], [0.5, None], [2, 1])]))
    (bars,) = [found for found in axes.containers if getattr(found, "errorbar", None)]
    two, one = bars.errorbar.lines[2][0].get_segments()
    assert [y for _, y in two] == [0.5, 1.5] and len(one) == 0


def test_a_figure_is_what_its_numbers_say(summary, tmp_path):
    figure = Figure(
        name="usage", x="vocab_size", y=("dev/usage", "dev/absent"), lines="quantizer", scale="log2"
    )
    path = draw(tmp_path, summary, figure).path
    told = json.loads((tmp_path / "usage.json").read_text())
    (panel,) = told["panels"]  # what nobody measured has none
    assert (told["x"], panel["key"]) == ("vocab_size", "dev/usage")
    fsq, vq = panel["series"]
    assert (fsq["label"], fsq["x"], fsq["mean"]) == ("fsq", [125, 253], pytest.approx([0.91, 0.81]))
    assert vq["deviation"] == [pytest.approx(0.02 / 2**0.5), None] and vq["seeds"] == [2, 1]
    assert Image.open(path).size[0] > 400 and (tmp_path / "usage.pdf").read_bytes().startswith(b"%PDF")
    first = [(tmp_path / f"usage.{kind}").read_bytes() for kind in ("png", "pdf", "json")]
    draw(tmp_path, summary, figure)
    assert first == [(tmp_path / f"usage.{kind}").read_bytes() for kind in ("png", "pdf", "json")]


def test_figures_of_another_report_do_not_stay(summary, tmp_path):
    for name in ("before", "after"):
        draw_all(tmp_path, summary, [Figure(name=name, x="quantizer", y=("dev/usage",))])
    assert {path.stem for path in tmp_path.iterdir()} == {"after"}


def test_words_on_the_axis_are_bars(summary, tmp_path):
    draw(tmp_path, summary, Figure(name="bars", x="quantizer", y=("dev/loss",)))
    told = json.loads((tmp_path / "bars.json").read_text())
    assert [series["label"] for series in told["panels"][0]["series"]] == ["size 128", "size 256"]
    assert told["panels"][0]["series"][0]["x"] == ["fsq", "vq"]


def test_without_figures_of_its_own_a_study_gets_one_for_each_value(summary, tmp_path):
    names = [figure.name for figure in figures_of(summary, ())]
    assert names == ["dev-usage", "dev-loss", "dev-ratio"]
    assert {figure.x for figure in figures_of(summary, ())} == {"size"}
    assert draw(tmp_path, summary, Figure(name="none", x="size", y=("dev/absent",))) is None


def goal(value: str, better: dict, worse: dict) -> Goal:
    return Goal(says="a claim", value=("dev/unknown", value), better=better, worse=worse)


def test_claims_are_tried_in_cells_that_differ_in_nothing_else(summary):
    verdict = judge(summary, goal("dev/usage", {"quantizer": "fsq"}, {"quantizer": "vq"}))
    assert verdict.held == 2 and [place for place, *_ in verdict.pairs] == ["size 128: ", "size 256: "]
    assert "holds, 2 of 2" in str(verdict)
    assert verdict.claimed == 0 and "size 256: 0.81 against 0.2, one seed, no interval" in str(verdict)
    verdict = judge(summary, goal("dev/loss", {"quantizer": "vq"}, {"quantizer": "fsq"}))
    assert "does not hold, 0 of 2" in str(verdict)
    verdict = judge(summary, goal("dev/absent", {"quantizer": "vq"}, {"quantizer": "fsq"}))
    assert "not tried" in str(verdict)


def arms(better: list[list[float]], worse: list[list[float]], **changes) -> list:
    """Two arms of a study with these numbers of each clip, a list for each seed."""
    records = []
    for arm, seeds in (("a", better), ("b", worse)):
        for seed, clips in enumerate(seeds):
            record = make_record({"arm": arm, "seed": seed}, {})
            mean = sum(clips) / len(clips)
            record.values = [replace(make_value("ssim", mean), clips=clips, takes="clips", **changes)]
            records.append(record)
    return records


def test_the_best_is_bold_where_chance_allows_it_in_every_table(tmp_path):
    clips = [0.1 * place for place in range(20)]
    noise = [0.3 * (-1) ** place for place in range(20)]
    for shift, bold in ((0.0, True), (1.0, False)):
        above = [a + 0.01 + shift * b for a, b in zip(clips, noise, strict=True)]
        summary = summarise(arms([above], [clips]), ["dev/ssim"])
        page = write_tables(tmp_path, summary, [], []) or (tmp_path / "table.md").read_text()
        assert ("**" in page, r"\bfseries" in latex(summary)) == (bold, bold)
        assert [line[1].best for line in for_page(summary, "Numbers").lines] == [bold, False]
        assert ("beyond chance" in finding(summary, [])) == bold
        assert finding(summary, []).startswith("arm=a is best in dev/ssim ↑ with 0.96")


def test_the_finding_counts_claims_by_what_chance_leaves_of_them(summary):
    better, worse = {"quantizer": "fsq"}, {"quantizer": "vq"}
    sides = ((better, worse, "dev/usage"), (worse, better, "dev/usage"), (better, worse, "dev/absent"))
    verdicts = [judge(summary, goal(value, *pair)) for *pair, value in sides]
    assert finding(summary, verdicts) == (
        "Of 3 claims, 1 holds in all that was compared, by the means alone; 1 fails somewhere; 1 was not tried."
    )
    clips = [0.1 * place for place in range(20)]
    sure = tried(arms([[value + 0.01 for value in clips]], [clips]))[1]
    assert finding(summary, [sure] * 2) == "Of 2 claims, 2 hold in all that was compared, beyond chance."


def tried(records: list):
    verdict = judge(summarise(records, ["dev/ssim"]), goal("dev/ssim", {"arm": "a"}, {"arm": "b"}))
    return verdict.pairs[0][-1], verdict


def test_one_seed_is_judged_by_its_clips_in_pairs():
    clips = [0.1 * place for place in range(20)]  # they differ far more than the arms do
    evidence, verdict = tried(arms([[value + 0.01 for value in clips]], [clips]))
    assert evidence.interval == pytest.approx((0.01, 0.01)) and evidence.better and verdict.claimed == 1
    assert str(evidence).endswith("over 20 clips, one seed")
    noise = [0.3 * (-1) ** place for place in range(20)]
    evidence, verdict = tried(arms([[a + b + 0.01 for a, b in zip(clips, noise, strict=True)]], [clips]))
    assert evidence.better is None and (verdict.held, verdict.claimed) == (1, 0)
    evidence, verdict = tried(arms([clips], [[value + 0.1 for value in clips]], higher_is_better=False))
    assert evidence.interval == pytest.approx((0.1, 0.1)) and verdict.claimed == 1


def test_five_seeds_are_judged_by_their_spread_and_other_clips_not_at_all():
    near, far = ([[v + 0.01 * seed] * 12 for seed in range(5)] for v in (0.5, 0.7))
    evidence, _ = tried(arms(far, near))
    low, high = evidence.interval
    assert evidence.over == "over 5 seeds" and low + high == pytest.approx(0.4) and 0.15 < low < 0.2
    assert tried(arms([[0.5] * 12], [[0.4] * 13]))[0].interval is None
    same = [[0.5] * 12] * 5  # seeds that agree to the last digit
    assert tried(arms(same, same))[0].better is None


def test_corpus_bleu_of_two_cells_is_compared_on_what_was_read():
    truth = ["rain in the north today", "snow in the south", "wind and sun in the west tomorrow"] * 5
    records = []
    for arm, said in (("a", truth), ("b", ["no idea"] * 15)):
        record = make_record({"arm": arm, "seed": 0}, {})
        value = make_value("bleu4", 100.0 * (arm == "a"), row="from the text")
        record.values = [replace(value, metric="bleu", takes="texts", evaluator="video", clips=[0.0] * 15)]
        record.sentences, record.texts = truth, {"from the text": {"video": said}}
        records.append(record)
    key = "from the text/bleu4 (video)"
    verdict = judge(summarise(records, [key]), goal(key, {"arm": "a"}, {"arm": "b"}))
    assert verdict.pairs[0][-1].interval == pytest.approx((100, 100)) and verdict.claimed == 1


def test_a_still_is_a_row_of_the_table_where_pictures_are_compared(tmp_path):
    records = make_grid()
    for record in records:
        record.values += [make_value("usage", 0.3, row="dev, the reference, unchanged")]
    summary = summarise(records)
    assert [column.key for column in summary.columns] == ["dev/usage", "dev/loss", "dev/ratio"]
    drawn = draw(tmp_path, summary, Figure(name="usage", x="size", y=("dev/usage",)))
    assert (
        drawn.shown.caption.endswith("dashed: a still picture.")
        and "a still picture" in drawn.shown.panels[0][1]
    )
    last = [cell.strip() for cell in markdown(summary).splitlines()[-1].strip("|").split("|")]
    assert last[:5] == ["the reference, unchanged", "", "0.3", "-", "-"]
    write_tables(tmp_path, summary, records, [])
    table = pandas.read_csv(tmp_path / "table.csv")
    assert (
        table["quantizer"].tolist()[-1] == "the reference, unchanged"
        and table["dev/usage"].tolist()[-1] == 0.3
    )
    assert "the reference, unchanged" in latex(summary) and summary.best(summary.columns[0]) == [0]


def test_a_library_that_does_not_load_is_told_before_any_work(monkeypatch, tmp_path):
    (tmp_path / "tabulate.py").write_text("raise ImportError('upgrade numpy\\nor not')")
    monkeypatch.delitem(sys.modules, "tabulate", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RunError, match=r"need tabulate, which does not load \(upgrade numpy\); install"):
        require_libraries()
