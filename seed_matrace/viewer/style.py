"""How pictures look: colours, line styles and markers that tell variants apart, axes, and how a figure is saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# Okabe and Ito's colours: apart for the colour-blind, and of different lightness, hence apart in grey.
TRAIN_COLOUR, EVAL_COLOUR, NEUTRAL_COLOUR = "#0072B2", "#E69F00", "#404040"
VARIANT_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
_LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
_MARKERS = "os^Dv"


def variant_style(index: int) -> dict[str, Any]:
    """Colour, line and marker of the index-th variant; all three differ, for eyes and printers without colour."""
    return {
        "color": VARIANT_COLOURS[index % len(VARIANT_COLOURS)],
        "linestyle": _LINES[index % len(_LINES)],
        "marker": _MARKERS[index % len(_MARKERS)],
    }


def new_figure(width: float, height: float) -> Any:
    """A matplotlib Figure that owes nothing to matplotlib's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Any, output: str | Path) -> Path:
    """Saves a picture; its suffix decides the format (.png, .svg, .pdf). The same picture gives the same bytes."""
    from matplotlib import rc_context
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a dollar in a name is a dollar
    path = Path(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    with rc_context({"svg.hashsalt": "seed_matrace"}):
        figure.savefig(path, dpi=130, metadata={"Date": None} if path.suffix == ".svg" else None)
    return path


def style_axes(axes: Any, x_ticks: int = 6) -> None:
    """Light grid, no frame; env steps on the x axis as 2M."""
    from matplotlib.ticker import EngFormatter, MaxNLocator

    axes.title.set(fontsize=10.5, color="#202020")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#d8d8d8", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_major_locator(MaxNLocator(x_ticks, steps=(1, 2, 5, 10)))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10)))
    if axes.get_ylim()[1] >= 10_000:
        axes.yaxis.set_major_formatter(EngFormatter(sep=""))
