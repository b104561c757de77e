"""Pieces of HTML: escaped text, numbers as they are read, tables, the frame of a page."""

from __future__ import annotations

import filecmp
import math
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
FRAME = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
{style}</style>
</head>
<body{attributes}>
<main>
{body}
</main>
<script nonce="{nonce}" src="{plotly}"></script>
<script id="data" type="application/json">{data}</script>
<script nonce="{nonce}">
{script}</script>
</body>
</html>
"""


POLICY = (  # scripts are ours alone, nothing is asked of another host; plotly writes styles and saves pictures as blobs
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; img-src data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'"
)


def frame(title: str, body: str, data: str, scripts: Sequence[str], attributes: str = "") -> str:
    """A whole page with its style, its data and the names of its scripts, beside plotly's."""
    script, nonce = "\n".join(_asset(name) for name in scripts), secrets.token_urlsafe(16)
    return FRAME.format(
        policy=POLICY.format(nonce=nonce), nonce=nonce,
        title=escape(title), style=_asset("page.css"), attributes=attributes and f" {attributes}", body=body,
        plotly=plotly_name(), data=data.replace("<", "\\u003c"), script=script,
    )  # fmt: skip


def plotly_name() -> str:
    """The file of plotly's JavaScript, with the version."""
    return f"plotly-{version('plotly')}.min.js"


def plotly_source() -> Path:
    """Where that lies in plotly's own package."""
    return Path(str(files("plotly") / "package_data" / "plotly.min.js"))


def place_plotly(folder: Path) -> None:
    """Put plotly's JavaScript into a folder, as a link to one copy on the disk where the system permits.

    The folder then stands alone, wherever it is moved or copied.
    """
    target, source = folder / plotly_name(), plotly_source()
    if target.exists() and filecmp.cmp(target, source, shallow=False):
        return
    target.unlink(missing_ok=True)  # the page lets it run: no other script may bear the name
    for other in (source, *folder.parent.glob(f"*/{target.name}")):  # of another run, on the same disk
        try:
            if not filecmp.cmp(other, source, shallow=False):
                continue
            os.link(other, target)
            return
        except OSError:
            continue
    shutil.copyfile(source, target)


def number(value: float | None, digits: int = 3) -> str:
    """3.2×10⁻⁹, 0.0312, 41.7; a dash for what is not known."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e5:
        return f"{float(f'{value:.{digits}g}'):g}".replace("-", "−") if abs(value) < 1000 else f"{value:.0f}"
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    return f"{mantissa.replace('-', '−')}×10{str(int(exponent)).translate(SUPERSCRIPT)}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML already."""
    heads = "".join(f"<th>{cell}</th>" for cell in head)
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>\n{lines}</tbody></table></div>'


def facts(given: Mapping[str, str | None]) -> str:
    """A list of names and what belongs to them; what is nothing is left out."""
    lines = (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in given.items() if value)
    return f'<dl class="facts">{"".join(lines)}</dl>'


def typed(command: str) -> str:
    """Something to type, with a button that copies it."""
    shown = escape(command)
    return (
        f'<div class="type"><code>{shown}</code><button data-copy="{escape(command, quote=True)}">copy</button></div>'
    )


def section(title: str, content: str, part: str = "") -> str:
    """A section; one with a part is brought up to date while a run goes on."""
    inner = f'<div data-part="{part}">{content}</div>' if part else content
    return f"<section><h2>{title}</h2>\n{inner}\n</section>" if content else ""


def _asset(name: str) -> str:
    return (files("pinn.report") / "assets" / name).read_text(encoding="utf-8")
