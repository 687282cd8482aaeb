"""What the dossier's page is made of: its style, tables, pictures, numbers."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

STYLE: Final = """
:root { --ink: #1d2430; --soft: #5b6675; --line: #d9dee6; --paper: #ffffff; --shade: #f4f6f9;
  --good: #1a7f4b; --good-shade: #e7f5ed; --bad: #b3261e; --bad-shade: #fdecea; --accent: #0072b2; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--shade); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2rem 2.5rem 4rem; background: var(--paper); }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; padding-top: .4rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
p { max-width: 46rem; margin: .5rem 0; }
.lead, figcaption, .note { color: var(--soft); }
nav { margin: 1rem 0 0; font-size: .9rem; }
nav a { color: var(--accent); margin-right: 1.1rem; }
.verdict { margin: 1.4rem 0; padding: .9rem 1.2rem; border-radius: .5rem; font-weight: 600; }
.verdict.met { background: var(--good-shade); color: var(--good); }
.verdict.missed { background: var(--bad-shade); color: var(--bad); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .8rem; }
.card { border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1rem; }
.card b { display: block; font-size: 1.15rem; line-height: 1.3;
  font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); font-size: .87rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .6rem 0 1rem; font-size: .9rem; }
th, td { text-align: left; padding: .38rem .7rem; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { color: var(--soft); font-weight: 600; border-bottom-width: 2px; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.yes { color: var(--good); font-weight: 600; white-space: nowrap; }
.no { color: var(--bad); font-weight: 600; white-space: nowrap; }
figure { margin: 1rem 0 1.4rem; }
figure img { width: 100%; height: auto; display: block; }
figcaption { font-size: .87rem; max-width: 46rem; }
code { font: .85em ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
@media print { body { background: none; } main { padding: 0; } h2 { break-after: avoid; }
  figure, table { break-inside: avoid; } }
"""


def table(
    heads: tuple[str, ...],
    rows: Iterable[tuple[str, ...]],
    numeric: AbstractSet[int] = frozenset(),
) -> str:
    """A table; columns in ``numeric`` are set as numbers."""
    numeral = ' class="n"'

    def cells(kind: str, values: tuple[str, ...]) -> str:
        return "".join(
            f"<{kind}{numeral if k in numeric else ''}>{value}</{kind}>"
            for k, value in enumerate(values)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table><thead><tr>{cells("th", heads)}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def image(address: str, caption: str, alternative: str) -> str:
    """A figure with its caption."""
    return (
        f'<figure><img src="{address}" alt="{text(alternative)}"><figcaption>{text(caption)}'
        "</figcaption></figure>"
    )


def number(value: object, digits: int = 3) -> str:
    """A number with so many significant digits; a dash where there is none."""
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return "\N{EN DASH}"
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f")
    written = f"{value:.{digits}g}"
    if "e" in written:
        mantissa, exponent = written.split("e")
        if -5 <= int(exponent) < 0:
            return f"{value:.{digits - 1 - int(exponent)}f}"
        return f"{mantissa}·10<sup>{int(exponent)}</sup>"
    return written.replace("-", "\u2212")


def text(value: object) -> str:
    """The value as text of a page."""
    return html.escape(str(value))
