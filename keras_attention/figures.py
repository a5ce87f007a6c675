"""What all pictures share: a figure of their own, colours, titles in any script."""

import functools
import io
import textwrap

import numpy as np

from keras_attention import fonts
from keras_attention.labels import LEFT_TO_RIGHT_MARK, is_right_to_left, visible

FONT_SIZE = 10  # points
EDGE = 0.12  # inches around what is drawn
DOTS_PER_INCH = 150

INK = "#1f2933"
FAINT_INK = "#7b8794"
# White to deep blue; darkens evenly, also in greyscale print and for colour-blind readers.
COLORS = ("#f4f7fb", "#d3e3f3", "#9cc3e6", "#5b9bd5", "#2566a8", "#0b3c78", "#041f45")


def new_figure():
    """A figure with its own canvas, which no window and no pyplot knows of."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            'Pictures need matplotlib. Install it with: pip install "keras-attention[training]"'
        ) from error
    figure = Figure(dpi=DOTS_PER_INCH, facecolor="white")
    FigureCanvasAgg(figure)
    # Without pyplot, a notebook would print the object: it looks for this method on the instance.
    figure._repr_png_ = functools.partial(_png, figure)
    return figure


def _png(figure):
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def color_map():
    """The colours of weights, from none to the heaviest."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("alignment", COLORS)


def rendered(figure):
    """The pixels of a figure, a uint8 array `(height, width, 4)`."""
    figure.canvas.draw()
    return np.array(figure.canvas.buffer_rgba())


def title_words(title):
    """A title with nothing in it that cannot be seen, its arrows in reading order."""
    words = " ".join(visible(word) for word in title.split())
    if is_right_to_left(words):
        # What stands on either side of an arrow keeps its own direction, and the line reads
        # from left to right like the matrix.
        mark = LEFT_TO_RIGHT_MARK
        words = mark + words.replace("→", f"{mark}→{mark}")
    return words


def write_title(ax, title, width):
    """Writes a title in lines of about `width` characters, in a font that has its letters."""
    text, families = fonts.fit(title_words(title))
    text = textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)
    drawn = ax.set_title(text, loc="left", color=INK, fontsize=1.2 * FONT_SIZE, pad=10)
    drawn.set(fontfamily=families, parse_math=False)
