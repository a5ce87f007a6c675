"""Pictures and terminal drawings of alignments, in every script, with and without fonts."""

import builtins
import concurrent.futures
import logging
import pickle
import re
import sys
import unicodedata
import warnings

import numpy as np
import pytest

from keras_attention import fonts, labels, visualization

PNG = b"\x89PNG\r\n\x1a\n"
DATES = {
    "latin": "Mittwoch, 3. März 2021",
    "cyrillic": "среда, 3 марта 2021 г.",
    "greek": "Τετάρτη 3 Μαρτίου 2021",
    "chinese": "2021年3月3日星期三",
    "korean": "2021년 3월 3일 수요일",
    "arabic": "الأربعاء، 3 مارس 2021",
    "hebrew": "יום רביעי, 3 במרץ 2021",
    "hindi": "बुधवार, 3 मार्च 2021",
    "thai": "วันพุธที่ 3 มีนาคม พ.ศ. 2564",
    "georgian": "ოთხშაბათი, 03 მარტი, 2021",
    "emoji": "😀 2021",
}


def weights_for(source, target):
    generator = np.random.default_rng(7)
    scores = np.exp(3 * generator.normal(size=(len(target), len(source))))
    return scores / scores.sum(axis=1, keepdims=True)


def x_labels(figure):
    return [label.get_text() for label in figure.axes[0].get_xticklabels()]


def y_labels(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


@pytest.fixture
def only_dejavu(monkeypatch):
    """A machine with no font but the one matplotlib brings."""
    from matplotlib import font_manager

    dejavu = [font for font in font_manager.fontManager.ttflist if font.name == "DejaVu Sans"]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", dejavu)
    for cached in (fonts._families, fonts._family_of, fonts._code_points):
        cached.cache_clear()
    yield
    for cached in (fonts._families, fonts._family_of, fonts._code_points):
        cached.cache_clear()


# Labels.


@pytest.mark.parametrize(
    "token, expected",
    [
        ("ä", "ä"),
        (" ", "␣"),
        ("\u00a0", "␣"),
        ("\u202f", "␣"),
        ("a b", "a␣b"),
        ("\n", "U+000A"),
        ("\u200f", "RLM"),
        ("a\u200fb", "ab"),
        ("\u0301", "◌\u0301"),
        ("\u0e35", "◌\u0e35"),
        ("e\u0301", "e\u0301"),
        ("\ue000", "U+E000"),
        ("\ud800", "U+D800"),
        ("", ""),
    ],
)
def test_a_label_can_always_be_seen(token, expected):
    assert labels.visible(token) == expected


@pytest.mark.parametrize(
    "text, width",
    [
        ("März", 4),
        ("年", 2),
        ("ｱ", 1),
        ("Ａ", 2),
        ("e\u0301", 1),
        ("한", 2),
        ("\u1112\u1161", 2),
        ("", 0),
    ],
)
def test_display_width(text, width):
    assert labels.display_width(text) == width


# Pictures.


def test_matrix_has_source_on_top_and_target_downwards():
    figure = visualization.plot_alignment(np.eye(2, 3), ["a", " ", "c"], ["x", "y"])
    axes = figure.axes[0]
    assert x_labels(figure) == ["a", "␣", "c"]
    assert y_labels(figure) == ["x", "y"]
    assert axes.xaxis.get_ticks_position() == "top"
    assert axes.yaxis_inverted()
    np.testing.assert_array_equal(axes.collections[0].get_array(), np.eye(2, 3))


def test_heavier_weight_is_darker_and_stands_in_its_cell():
    image = visualization.alignment_image([[0.0, 1.0], [0.3, 0.6]], ["a", "b"], ["x", "y"])
    figure = visualization.plot_alignment([[0.0, 1.0], [0.3, 0.6]], ["a", "b"], ["x", "y"])
    height = image.shape[0]
    brightness = {}
    for row in range(2):
        for column in range(2):
            across, up = figure.axes[0].transData.transform((column + 0.5, row + 0.5))
            pixel = image[height - 1 - int(up), int(across)]
            brightness[row, column] = int(pixel[:3].sum())
    order = sorted(brightness, key=brightness.get, reverse=True)
    assert order == [(0, 0), (1, 0), (1, 1), (0, 1)]


@pytest.mark.parametrize("source_length, target_length", [(1, 1), (30, 15), (2, 23), (61, 11)])
def test_nothing_is_cut_off_and_labels_do_not_touch(source_length, target_length):
    source = [f"Wort{i}" for i in range(source_length)]
    target = [f"{i}" for i in range(target_length)]
    figure = visualization.plot_alignment(weights_for(source, target), source, target, title="t")
    drawn, page = figure.get_tightbbox(), figure.get_size_inches()
    assert drawn.x0 >= 0 and drawn.y0 >= 0
    assert drawn.x1 <= page[0] and drawn.y1 <= page[1]
    assert max(page) < 16
    rows = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert all(above.y0 >= below.y1 for above, below in zip(rows, rows[1:], strict=False))


def test_cells_are_square():
    figure = visualization.plot_alignment(np.ones((5, 11)) / 11, list("abcdefghijk"), list("12345"))
    box = figure.axes[0].get_window_extent()
    assert box.width / 11 == pytest.approx(box.height / 5)


@pytest.mark.parametrize("script", DATES)
def test_every_script_is_drawn_without_a_warning(script, caplog):
    source, target = list(DATES[script]), list("2021-03-03")
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING, "matplotlib"):
        warnings.simplefilter("error")
        image = visualization.alignment_image(
            weights_for(source, target), source, target, title=DATES[script]
        )
    assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 4
    assert not caplog.records


@pytest.mark.parametrize("script", DATES)
def test_with_dejavu_alone_unknown_characters_are_code_points(script, only_dejavu):
    source = list(DATES[script])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = visualization.plot_alignment(weights_for(source, "2"), source, ["2"])
        figure.canvas.draw()
    assert len(x_labels(figure)) == len(source)
    if script == "chinese":
        assert x_labels(figure)[4] == "U+5E74"
    if script == "thai":
        assert "U+0E35" in x_labels(figure)  # a mark: without the circle it would stand on
    if script in ("latin", "cyrillic", "greek"):
        assert not any(label.startswith("U+") for label in x_labels(figure))


def test_code_points_in_a_word_are_set_apart(only_dejavu):
    assert fonts.fit("2021年3月")[0] == "2021 U+5E74 3 U+6708"


def test_every_chosen_font_has_the_glyph():
    from matplotlib import font_manager

    for text in DATES.values():
        for character in set(text):
            label, families = fonts.fit(labels.visible(character))
            paths = [font_manager.findfont(family) for family in families]
            charmaps = [font_manager.get_font(path).get_charmap() for path in paths]
            assert all(any(ord(part) in charmap for charmap in charmaps) for part in label)
            assert not any("LastResort" in path for path in paths)


def test_dollar_signs_are_not_mathematics():
    image = visualization.alignment_image([[1.0]], ["$x_1$"], ["$\\bad{"], title="$a$ ^ $")
    assert image.size


def test_a_right_to_left_word_is_one_label():
    figure = visualization.plot_alignment([[1.0]], ["مارس"], ["March"])
    assert x_labels(figure) == ["مارس"]


def test_draws_in_given_axes():
    from matplotlib.figure import Figure

    figure = Figure()
    left, right = figure.subplots(1, 2)
    drawn = visualization.plot_alignment([[1.0, 0.0]], ["a", "b"], ["x"], title="t", ax=right)
    assert drawn is figure
    assert not left.collections and len(right.collections) == 1
    assert right.get_title(loc="left") == "t"


def test_empty_output_is_still_a_picture():
    assert visualization.alignment_image(np.zeros((0, 3)), list("abc"), []).size
    assert visualization.alignment_image([], [], []).size


def test_save_writes_png_and_makes_folders(tmp_path):
    path = tmp_path / "new" / "alignment.png"
    visualization.save_alignment(path, [[1.0]], ["a"], ["b"], title="a → b")
    assert path.read_bytes().startswith(PNG)
    visualization.save_alignment(tmp_path / "plain", [[1.0]], ["a"], ["b"])
    assert (tmp_path / "plain").read_bytes().startswith(PNG)
    visualization.save_alignment(tmp_path / "slide.svg", [[1.0]], ["a"], ["b"])
    assert "<svg" in (tmp_path / "slide.svg").read_text(encoding="utf-8")


def test_notebooks_show_the_figure_and_it_can_be_pickled():
    figure = visualization.plot_alignment([[1.0]], ["a"], ["b"])
    assert figure._repr_png_().startswith(PNG)
    assert pickle.loads(pickle.dumps(figure))._repr_png_().startswith(PNG)


def test_pyplot_is_never_used(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it now fails
    from matplotlib import rcParams

    before = dict(rcParams)
    visualization.alignment_image([[1.0]], ["年"], ["b"], title="年")
    assert dict(rcParams) == before


def test_threads_draw_the_same_picture():
    source, target = list(DATES["chinese"]), list("2021-03-03")
    drawing = (weights_for(source, target), source, target)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        images = list(pool.map(lambda _: visualization.alignment_image(*drawing), range(5)))
    assert all(np.array_equal(image, images[0]) for image in images)


def test_missing_matplotlib_is_one_sentence(monkeypatch):
    real_import = builtins.__import__

    def without_matplotlib(name, *args, **kwargs):
        if name.split(".")[0] == "matplotlib":
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_matplotlib)
    with pytest.raises(ImportError, match=r'pip install "keras-attention\[training\]"'):
        visualization.plot_alignment([[1.0]], ["a"], ["b"])


@pytest.mark.parametrize("draw", [visualization.plot_alignment, visualization.alignment_text])
def test_wrong_shape_says_what_was_expected(draw):
    with pytest.raises(ValueError, match=r"Received: alignment\.shape=\(2, 3\)"):
        draw(np.ones((2, 3)), ["a", "b"], ["x", "y", "z"])


# Terminal.


def without_marks(text):
    """What a terminal shows in columns: everything but characters of no width."""
    return text.replace("\u200e", "")


def test_characters_across_and_shades_down():
    alignment = [[0.9, 0.04, 0.06], [0.2, 0.4, 0.4]]
    assert visualization.alignment_text(alignment, ["3", " ", "м"], ["2", "-"]) == (
        "   3␣м\n"  #
        "2  █ ░\n"
        "-  ▒▓▓"
    )


def test_words_are_written_downwards():
    alignment = np.array([[0.7, 0.2, 0.1], [0.0, 0.1, 0.9]])
    drawn = visualization.alignment_text(alignment, ["am", "Tag", "!"], ["day", "."])
    assert drawn.split("\n") == [
        "       T",
        "     a a",
        "     m g !",
        "day  █ ▒ ░",
        "  .    ░ █",
    ]


@pytest.mark.parametrize("script", DATES)
def test_shades_stand_below_their_token(script):
    source = list(DATES[script])
    drawn = visualization.alignment_text(np.eye(len(source)), source, list("日") * len(source))
    header, *rows = map(without_marks, drawn.split("\n"))
    for position, row in enumerate(rows):
        shaded = row.index("█")
        token = labels.visible(source[position])
        before = header[: header.index(token)] if source.count(source[position]) == 1 else None
        assert row.count("█") == labels.display_width(token)
        if before is not None:
            # A row has one character a column, but for the wide label that takes two.
            assert shaded + 1 == labels.display_width(before)


def test_right_to_left_text_cannot_turn_a_line():
    drawn = visualization.alignment_text(np.eye(2), ["م", "ا"], ["مارس", "x"])
    for line in drawn.split("\n"):
        for letters in re.findall(r"[\u0590-\u08ff]+", line):
            assert f"\u200e{letters}\u200e" in line
    latin = visualization.alignment_text(np.eye(2), ["a", "b"], ["c", "d"])
    assert "\u200e" not in latin


def test_a_long_source_continues_below():
    source = list("abcdefghijk")
    drawn = visualization.alignment_text(np.eye(11), source, list("0123456789X"), max_width=8)
    blocks = drawn.split("\n\n")
    assert [block.split("\n")[0].strip() for block in blocks] == ["abcde", "fghij", "k"]
    assert all(labels.display_width(line) <= 8 for line in drawn.split("\n"))
    assert all(len(block.split("\n")) == 12 for block in blocks)


def test_empty_translation_is_the_source_alone():
    assert visualization.alignment_text(np.zeros((0, 2)), ["a", "b"], []) == "  ab"
    assert visualization.alignment_text([], [], []) == ""


def test_no_line_holds_a_control_character():
    tokens = ["\n", "\t", "\u202e", "\x1b[31m", "\u2028"]
    drawn = visualization.alignment_text(np.eye(5), tokens, tokens)
    kinds = {unicodedata.category(character) for character in drawn.replace("\n", "")}
    assert not kinds & {"Cc", "Cf", "Zl"}


# What weights are fractions of.


@pytest.mark.parametrize(
    "scale, largest, top",
    [
        ("auto", 0.29, 0.29),
        ("auto", 0.3, 1.0),
        ("auto", 0.0, 1.0),
        ("unit", 0.01, 1.0),
        ("data", 0.8, 0.8),
        (0.5, 0.01, 0.5),
    ],
)
def test_scale(scale, largest, top):
    weights = [[largest, 0.0]]
    mesh = visualization.plot_alignment(weights, ["a", "b"], ["x"], scale=scale).axes[0]
    assert mesh.collections[0].get_clim() == (0.0, top)
    drawn = visualization.alignment_text(weights, ["a", "b"], ["x"], scale=scale)
    shades = {0.29: "█", 0.3: "▒", 0.0: "", 0.8: "█", 0.01: ""}
    assert drawn.splitlines()[1] == f"x  {shades[largest]}".rstrip()
    told = [line for line in drawn.splitlines()[2:] if line]
    assert told == ([] if top == 1 else [f"Shades are fractions of a weight of {top}."])


@pytest.mark.parametrize("scale", ["large", 0, -1.0, True])
def test_a_scale_that_is_none(scale):
    with pytest.raises(ValueError, match='`scale` to be "auto", "data", "unit" or a positive'):
        visualization.plot_alignment([[1.0]], ["a"], ["b"], scale=scale)


def test_small_weights_of_a_long_text_can_be_seen():
    size = 96
    weights = np.full((size, size), 0.01) + 0.04 * np.eye(size)
    names = [f"w{place}" for place in range(size)]
    figure = visualization.plot_alignment(weights, names, names)
    assert x_labels(figure) == y_labels(figure) == names[::2]
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert all(upper.y0 >= lower.y1 for upper, lower in zip(boxes, boxes[1:], strict=False))
    image = visualization.alignment_image(weights, names, names)
    # The diagonal is the darkest color, and more than a hundredth of the picture.
    darkest = np.all(np.abs(image[..., :3].astype(int) - (4, 31, 69)) < 8, axis=-1)
    assert darkest.mean() > 0.005


def test_a_long_text_in_small_axes_has_few_labels():
    from matplotlib.figure import Figure

    ax = Figure(figsize=(3, 3)).add_subplot()
    names = [str(place) for place in range(60)]
    visualization.plot_alignment(np.eye(60), names, names, ax=ax)
    shown = [label.get_text() for label in ax.get_xticklabels()]
    assert 2 < len(shown) < 20 and shown == names[:: 60 // len(shown)][: len(shown)]


# One row of weights.


def test_words_on_shades_stand_in_order_and_lines():
    words = [f"word{place}" for place in range(40)]
    weights = np.linspace(0, 0.05, 40)
    figure = visualization.plot_word_weights(weights, words, title="A title")
    texts = [text.get_text() for text in figure.texts]
    assert texts == [*words, "0 to 0.05", "A title"]
    boxes = [text.get_window_extent() for text in figure.texts[:40]]
    pairs = list(zip(boxes, boxes[1:], strict=False))
    next_line = [second.y1 < first.y0 for first, second in pairs]
    assert 2 <= sum(next_line) <= 8
    for (first, second), breaks in zip(pairs, next_line, strict=True):
        assert second.x0 < first.x0 if breaks else second.x0 > first.x1
    shades = [patch.get_facecolor()[:3] for patch in figure.patches]
    assert np.all(np.diff(np.sum(shades, axis=1)) <= 0)  # heavier is darker
    inside = figure.bbox
    for text, patch in zip(figure.texts, figure.patches, strict=False):
        box, shade = text.get_window_extent(), patch.get_window_extent()
        assert shade.x0 < box.x0 and box.x1 < shade.x1
        assert shade.y0 < (box.y0 + box.y1) / 2 < shade.y1
        assert inside.x0 <= shade.x0 and shade.x1 <= inside.x1 and inside.y0 <= shade.y0


def test_words_with_weights_for_a_terminal():
    drawn = visualization.word_weights_text([0.1, 0.75, 0.15], ["日", "not", " "])
    assert drawn == "日 not ␣\n░░ ███ ░"
    drawn = visualization.word_weights_text([0.2, 0.1, 0.0], ["aa", "bb", "cc"], max_width=5)
    assert drawn.splitlines() == [
        "aa bb",
        "██ ▓▓",
        "cc",
        "",
        "Shades are fractions of a weight of 0.2.",
    ]
    assert visualization.word_weights_text([], []) == ""
    assert visualization.word_weights_image([], []).size
    with pytest.raises(ValueError, match="one column for each source token"):
        visualization.word_weights_text([0.1], ["a", "b"])
