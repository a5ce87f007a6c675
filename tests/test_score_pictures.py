"""Pictures of scores: each label and each mistake is there, and can be read."""

import numpy as np
import pytest

from keras_attention.score_pictures import (
    confusion_image,
    plot_confusion,
    plot_reliability,
    reliability_image,
)


def overlapping(boxes):
    """Pairs of boxes that have more than a hair of area in common."""
    return [
        (one, other)
        for place, one in enumerate(boxes)
        for other in boxes[:place]
        if min(one.x1, other.x1) - max(one.x0, other.x0) > 1
        and min(one.y1, other.y1) - max(one.y0, other.y0) > 1
    ]


def test_each_of_77_labels_and_each_mistake_can_be_read():
    labels = [f"label_number_{number}" for number in range(77)]
    counts = np.diag(np.arange(77) + 100)
    counts[3, 71], counts[70, 4] = 12, 7
    figure = plot_confusion(counts, labels, title="77 labels")
    (ax, *_) = figure.axes
    renderer = figure.canvas.get_renderer()
    figure.draw_without_rendering()
    for axis in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert [label.get_text() for label in axis] == labels
        assert min(label.get_fontsize() for label in axis) >= 6
    assert not overlapping([label.get_window_extent(renderer) for label in ax.get_yticklabels()])
    texts = {text.get_position(): text for text in ax.texts}
    assert len(texts) == 79
    assert texts[71.5, 3.52].get_text() == "12" and texts[4.5, 70.52].get_text() == "7"
    cell = ax.transData.transform([[0, 1], [1, 0]])
    width, height = np.abs(cell[1] - cell[0])
    for text in texts.values():
        box = text.get_window_extent(renderer)
        assert box.width < width and box.height < height


def test_colors_are_fractions_of_the_row():
    figure = plot_confusion([[3, 1, 0], [0, 0, 0], [0, 10, 30]], ["a", "b", "c"])
    values = np.asarray(figure.axes[0].collections[0].get_array())
    np.testing.assert_allclose(values, [[0.75, 0.25, 0], [0, 0, 0], [0, 0.25, 0.75]])


def test_of_many_labels_those_with_most_mistakes():
    counts = np.diag([9] * 6)
    counts[1, 4] = counts[4, 3] = 2
    figure = plot_confusion(counts, list("abcdef"), title="x", most=3)
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert shown == ["b", "d", "e"]
    title = figure.axes[0].get_title(loc="left").replace("\n", " ")
    assert title == "x (3 of 6 labels, those with the most mistakes)"
    with pytest.raises(ValueError, match=r"Expected `counts`.*Received: counts.shape=\(6, 6\)"):
        plot_confusion(counts, ["a"])


def test_reliability():
    bins = [
        {"probability": 0.3, "accuracy": 0.5, "count": 10},
        {"probability": 1.0, "accuracy": 0.8, "count": 30},
    ]
    ax = plot_reliability(bins, error=0.2, title="calibration").axes[0]
    bars = [
        (bar.get_x() + bar.get_width() / 2, bar.get_y(), bar.get_height()) for bar in ax.patches
    ]
    expected = [(4.5, 0, 0.5), (4.5, 0.5, -0.2), (14.5, 0, 0.8), (14.5, 0.8, 0.2)]
    np.testing.assert_allclose(bars, [(x / 15, y, height) for x, y, height in expected])
    texts = [text.get_text() for text in ax.texts]
    assert texts[:2] == ["25", "75"] and "calibration error 0.200" in texts[2]


def test_as_arrays():
    image = confusion_image([[1]], ["a"])
    assert image.dtype == np.uint8 and image.shape[2] == 4
    image = reliability_image([{"probability": 0.9, "accuracy": 1.0, "count": 1}])
    assert image.dtype == np.uint8 and len(np.unique(image[..., 0])) > 10
