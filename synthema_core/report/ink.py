"""How a figure becomes inline SVG: two colors, one type size, the same bytes every time.

Matplotlib is imported inside the functions, so that importing the package stays light. Only its
object-oriented figure is used (no pyplot, no global figure). What the SVG writer reads from global
settings is set inside `ink()` and restored on the way out, so a user's own matplotlibrc changes
nothing here.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from io import StringIO
from typing import Any

REAL = "#27445c"
REAL_SOFT = "#c3d0da"
SYNTHETIC = "#cf6a1b"
SYNTHETIC_SOFT = "#f3d3b8"
HOLDOUT = "#7f9bb0"
TEXT = "#2a2f33"
RULE = "#b9bfc4"
PAPER = "#ffffff"

_PIXEL = 72 / 96  # a CSS pixel in points: the figure is laid out in CSS pixels

_SETTINGS = {
    "svg.fonttype": "none",  # text stays text: it can be searched, copied and read aloud
    "svg.hashsalt": "synthema-core",  # element ids come from content, not from a random number
    "svg.image_inline": True,
    "text.parse_math": False,  # a column called 'cost_$' is a name, not a formula
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib: the same layout everywhere
    "font.size": 11 * _PIXEL,
    "axes.titlesize": 12 * _PIXEL,
    "axes.labelsize": 11 * _PIXEL,
    "xtick.labelsize": 10.5 * _PIXEL,
    "ytick.labelsize": 10.5 * _PIXEL,
    "legend.fontsize": 11 * _PIXEL,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": RULE,
    "axes.linewidth": 0.7,
    "axes.labelcolor": TEXT,
    "text.color": TEXT,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": TEXT,
    "ytick.labelcolor": TEXT,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "axes.unicode_minus": True,
}


class Inline(str):
    """Inline of our own making: a template prints it as it stands."""

    __slots__ = ()

    def __html__(self) -> str:
        """The protocol by which a template with autoescape recognizes markup."""
        return str(self)


@contextmanager
def ink() -> Iterator[None]:
    """Hold the report's drawing settings; every `draw` of a page happens in one such block."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def draw(
    paint: Callable[[Any], None],
    *,
    width: float,
    height: float,
    key: str,
    label: str,
    framed: bool = False,
) -> Inline:
    """Paint one figure and return it as an inline `<svg>` element.

    Args:
        paint: Receives an empty matplotlib `Figure`.
        width: In CSS pixels; the element shrinks with its column but never grows beyond this.
        height: In CSS pixels.
        key: Prefix of every element id, unique on the page.
        label: What a screen reader says in place of the picture.
        framed: `paint` places its axes itself. Otherwise they are laid out around their labels,
            which takes as long again as drawing: too long for a hundred small pictures.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = None if framed else ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02)
    figure = Figure(figsize=(width / 96, height / 96), layout=layout, facecolor="none")
    FigureCanvasSVG(figure)
    paint(figure)
    text = StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(text, format="svg", metadata=nothing)
    return _inline(text.getvalue(), width=width, key=key, label=label)


def _inline(svg: str, *, width: float, key: str, label: str) -> Inline:
    body = svg[svg.index("<svg") :]
    box = re.search(r'viewBox="([^"]+)"', body)
    assert box is not None  # matplotlib always writes one
    inside = body[body.index(">") + 1 : body.rindex("</svg>")]
    inside = re.sub(r"<(metadata|style)\b.*?</\1>", "", inside, flags=re.DOTALL)
    # Pictures on a page share one id space: ids nobody refers to go, the others get a prefix.
    referred = set(re.findall(r'(?:href="#|url\(#)([^")]+)', inside))
    inside = re.sub(
        r' id="([^"]*)"', lambda m: f' id="{key}-{m[1]}"' if m[1] in referred else "", inside
    )
    inside = re.sub(r'href="#', f'href="#{key}-', inside)
    inside = re.sub(r"url\(#", f"url(#{key}-", inside)
    inside = re.sub(r' d="([^"]*)"', _short_path, inside)
    inside = re.sub(r"font-family: [^;]*;", "", inside)
    inside = re.sub(r' transform="rotate\(-0 [^"]*"', "", inside)
    inside = re.sub(r"\n\s*", "\n", inside).strip()
    return Inline(
        f'<svg role="img" aria-label="{escape(label)}" viewBox="{box[1]}" '
        f'style="max-width:{round(width)}px" xmlns="http://www.w3.org/2000/svg" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink">{inside}</svg>'
    )


def _short_path(match: re.Match[str]) -> str:
    """Two decimals of a point are a hundredth of what the eye resolves."""
    numbers = re.sub(r"-?\d+\.\d{3,}", lambda m: f"{float(m[0]):.2f}", match[1])
    return f' d="{" ".join(numbers.split())}"'
