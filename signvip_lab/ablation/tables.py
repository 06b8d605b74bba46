"""One table in four forms: Markdown, LaTeX, CSV, and for the page; and a long CSV with every value of every cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signvip.data.baseline import STILL
from signvip.storage.files import replacing, write_text
from signvip_lab.ablation.best import clearly_best
from signvip_lab.ablation.records import Record
from signvip_lab.ablation.summary import Column, Row, Summary
from signvip_lab.pages import contents as shown
from signvip_lab.pages.contents import Cell, Table

if TYPE_CHECKING:
    import pandas
    from pandas.io.formats.style import Styler

NOTHING = "-"
SEEDS, FAILED = "seeds", "failed"
WIDEST = 130  # characters of a line of Markdown, beyond which a table is cut into several


def write_tables(out: Path, summary: Summary, records: Sequence[Record], notes: Sequence[str]) -> None:
    """Write `table.md`, `table.tex`, `table.csv` and `values.csv`."""
    write_text(out / "table.md", markdown(summary) + "\n\n" + "\n".join(f"- {note}" for note in notes) + "\n")
    write_text(out / "table.tex", latex(summary) + "".join(f"% {note}\n" for note in notes))
    for name, frame in (("table.csv", numbers(summary)), ("values.csv", long(records))):
        with replacing(out / name) as temporary:
            frame.to_csv(temporary, index=False)


def markdown(summary: Summary) -> str:
    """Return a table in Markdown, the best in bold; a wide one as several, each with the names of its rows."""
    frame = _words(summary)
    for column in summary.columns:
        for place in clearly_best(summary, column):
            words = str(frame.at[place, column.heading])
            frame.at[place, column.heading] = f"**{words}**"
    return "\n\n".join(str(part.to_markdown(index=False)) for part in narrow(frame, list(summary.axes)))


def narrow(frame: pandas.DataFrame, names: list[str]) -> list[pandas.DataFrame]:
    """Cut a table between columns, so that no line of its Markdown is too wide; `names` begin every part."""
    parts = [names]
    for column in frame.columns.drop(names):
        wider = [*parts[-1], column]
        width = len(frame[wider].to_markdown(index=False).partition("\n")[0])
        if width > WIDEST and parts[-1] != names:
            parts.append([*names, column])
        else:
            parts[-1] = wider
    return [frame[part] for part in parts]


def latex(summary: Summary) -> str:
    """Return a booktabs table, the best in bold."""
    text = styled(summary).to_latex(hrules=True, convert_css=True)
    signs = {"±": r"$\pm$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "→": r"$\to$"}
    for sign, command in signs.items():
        text = text.replace(sign, command)
    return str(text)


def for_page(summary: Summary, caption: str) -> Table:
    """Return the same for a page, where it sorts by its numbers."""
    best = {column.key: clearly_best(summary, column) for column in summary.columns}
    heads = [_axis(axis, summary) for axis in summary.axes] or [shown.Column("", numbers=False)]
    heads += [shown.Column(c.heading, c.sample.unit if c.sample else "") for c in summary.columns]
    lines = []
    for place, row in enumerate(summary.rows):
        cells = [_label(row.labels.get(axis, NOTHING)) for axis in summary.axes] or [Cell(row.name)]
        for column in summary.columns:
            number = row.numbers.get(column.key)
            bold = place in best[column.key]
            cells.append(Cell(str(number), number.mean, best=bold) if number else Cell(NOTHING))
        lines.append([*cells, Cell(str(row.seeds), row.seeds), Cell("; ".join(row.failures))])
    for name, found in _beside(summary).items():
        blank = [Cell(name), *[Cell("")] * (len(summary.axes) - 1)]
        values = [found.get(column.key) for column in summary.columns]
        numbers = [Cell(NOTHING) if value is None else Cell(f"{value:.4g}", value) for value in values]
        lines.append([*blank, *numbers, Cell(""), Cell("")])
    heads += [shown.Column(SEEDS), shown.Column(FAILED, numbers=False)]
    if not any(row.failures for row in summary.rows):
        heads, lines = heads[:-1], [line[:-1] for line in lines]
    return Table("table", caption, heads, lines)


def _axis(axis: str, summary: Summary) -> shown.Column:
    return shown.Column(
        axis, numbers=all(_label(row.labels.get(axis)).number is not None for row in summary.rows)
    )


def _label(label: Any) -> Cell:
    number = isinstance(label, int | float) and not isinstance(label, bool)
    return Cell(str(label), label if number else None)


def _beside(summary: Summary) -> dict[str, dict[str, float]]:
    """Return the numbers that stand beside the cells' own, by the name of their line."""
    return ({STILL: summary.stills} if summary.stills else {}) | {
        reference.name: reference.values for reference in summary.references
    }


def styled(summary: Summary) -> Styler:
    """Return the table as pandas styles it: the best in bold, no index, words escaped."""
    import pandas

    frame = _words(summary)
    bold = pandas.DataFrame("", index=frame.index, columns=frame.columns)
    for column in summary.columns:
        bold.loc[clearly_best(summary, column), column.heading] = "font-weight: bold"
    style = frame.style.apply(lambda _: bold, axis=None).hide(axis="index").format(escape="latex")
    return style.format_index(axis="columns", escape="latex")


def numbers(summary: Summary) -> pandas.DataFrame:
    """Return the table as numbers: for each value its mean, its deviation over seeds, and what is known of each row."""
    import pandas

    lines = [_numbers(row, summary.columns) for row in summary.rows]
    if summary.stills:
        lines.append({summary.axes[0]: STILL, **summary.stills} if summary.axes else dict(summary.stills))
    return pandas.DataFrame(lines)


def _numbers(row: Row, columns: Sequence[Column]) -> dict[str, Any]:
    cells: dict[str, Any] = {**row.labels, **row.facts, SEEDS: row.seeds}
    for column in columns:
        number = row.numbers.get(column.key)
        cells[column.key] = number.mean if number else None
        cells[f"{column.key} sd"] = number.deviation if number else None
    return {**cells, FAILED: "; ".join(row.failures) or None}


def long(records: Sequence[Record]) -> pandas.DataFrame:
    """Return one line for each value of each cell; a cell that failed has one, with its reason."""
    import pandas

    lines: list[dict[str, Any]] = []
    for record in records:
        cell = {
            "cell": record.cell,
            **record.labels,
            "seed": record.seed,
            "status": record.status,
            "reason": record.reason,
        }
        for value in record.values:
            shown = ("row", "name", "value", "n", "higher_is_better", "target", "signature")
            lines.append({**cell, **{name: getattr(value, name) for name in shown}})
        if not record.values:
            lines.append(cell)
    return pandas.DataFrame(lines)


def _words(summary: Summary) -> pandas.DataFrame:
    import pandas

    failed = any(row.failures for row in summary.rows)
    rows = []
    for row in summary.rows:
        shown = {axis: str(row.labels.get(axis, NOTHING)) for axis in summary.axes}
        shown |= {column.heading: str(row.numbers.get(column.key, NOTHING)) for column in summary.columns}
        shown[SEEDS] = str(row.seeds)
        rows.append({**shown, FAILED: "; ".join(row.failures)} if failed else shown)
    stills = {key: f"{value:.4g}" for key, value in summary.stills.items()}
    others = {STILL: stills} if stills else {}
    others |= {
        reference.name: {k: f"{v}" for k, v in reference.values.items()} for reference in summary.references
    }
    first = summary.axes[0] if summary.axes else SEEDS
    for name, found in others.items():
        values = {column.heading: found.get(column.key, NOTHING) for column in summary.columns}
        rows.append({**dict.fromkeys(rows[0], ""), first: name, **values})
    return pandas.DataFrame(rows)
