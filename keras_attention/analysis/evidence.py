"""The evidence for a label, by three methods: one weight for each source token."""

import numpy as np

from keras_attention.analysis.gradients import gradient_times_input
from keras_attention.errors import UserError
from keras_attention.evidence_words import words_of
from keras_attention.predictors.rows import pad

METHODS = ("attention", "gradient", "leave-one-out")
_AT_A_TIME = 64  # Texts whose words are left out together.
_TINY = 1e-30  # Keeps the logarithm of a probability of 0 finite.


def evidence(predictor, texts, method="attention"):
    """How much each source token speaks for the label of its text.

    - `"attention"`: the attention weights of the label, from 0 to 1, as `predictor.explain` gives
      them.
    - `"gradient"`: gradient x input at the embedding, of the log-odds of the label (Shrikumar et
      al., 2016). Needs the Keras model, not an exported file.
    - `"leave-one-out"`: how much the log-probability of the label falls when a word is left out of
      the text (Li et al., 2016, equation 1, without the division, which is the same for all words).
      The tokens of a word share its weight. It runs the model once for each word.

    The last two may be below 0: the token speaks against the label.

    Args:
        predictor: `keras_attention.Labeller` with labels, or what has its `explain(texts)`.
        texts: list of str.
        method: one of the names above.

    Returns:
        List of float arrays `(source,)`, one weight for each token of
        `predictor.explain(texts)[i].source_tokens`.

    Raises:
        ValueError: there is no such method.
        UserError: the model has no labels, or is an exported file that gives no gradients.

    Reference:
        Shrikumar et al., 2016, "Not Just a Black Box: Learning Important Features Through
        Propagating Activation Differences". Li et al., 2016, "Understanding Neural Networks
        through Representation Erasure".
    """
    check_method(method)
    texts = list(texts)
    return evidence_of(predictor, predictor.explain(texts) if texts else [], method)


def check_method(method):
    """Raises ValueError if there is no such method."""
    if method not in METHODS:
        raise ValueError(f"Expected `method` to be one of {METHODS}. Received: method={method!r}")


def evidence_of(predictor, labellings, method):
    """What `evidence` returns, for texts that were labelled already.

    Args:
        predictor, method: see `evidence`.
        labellings: list of `Labelling`, as `predictor.explain` returns it.
    """
    if any(labelling.evidence is None for labelling in labellings):
        raise UserError("The model gives tags alone: there is no label to give evidence for.")
    if method == "gradient":
        return _gradients(predictor, [labelling.input for labelling in labellings])
    if method == "attention":
        return [np.asarray(labelling.evidence, "float32") for labelling in labellings]
    return _left_out(predictor, labellings)


def _gradients(predictor, texts):
    """Gradient x input of each token of each text."""
    if getattr(predictor, "model", None) is None:
        raise UserError("An exported file gives no gradients: ask the run that it was made of.")
    rows, weights = predictor.source_ids(texts), []
    starts = predictor.word_starts(texts) if predictor.tags_words else None
    for begin in range(0, len(rows), predictor.batch_size):
        batch = slice(begin, begin + predictor.batch_size)
        inputs = pad(rows[batch])
        if starts is not None:
            inputs = {"source": inputs, "words": pad(starts[batch]) != 0}
        of_batch = gradient_times_input(predictor.model, inputs)
        weights += [row[: len(ids)] for row, ids in zip(of_batch, rows[batch], strict=True)]
    return weights


def _left_out(predictor, labellings):
    """How much the log-probability of the label falls without the word of each token."""
    weights = []
    for begin in range(0, len(labellings), _AT_A_TIME):
        some = labellings[begin : begin + _AT_A_TIME]
        words = [words_of(labelling.input) for labelling in some]
        shortened = [
            without_word(labelling.input, of_text, place)
            for labelling, of_text in zip(some, words, strict=True)
            for place in range(len(of_text))
        ]
        found = iter(predictor.explain(shortened) if shortened else ())
        for labelling, of_text in zip(some, words, strict=True):
            label = max(labelling.probabilities, key=labelling.probabilities.get)
            whole = _log(labelling.probabilities[label])
            falls = [whole - _log(next(found).probabilities[label]) for _ in of_text]
            weights.append(_shared(labelling, of_text, falls))
    return weights


def _log(probability):
    return float(np.log(max(probability, _TINY)))


def _shared(labelling, words, of_words):
    """The weight of each word divided among its tokens."""
    weights = np.zeros(len(labelling.offsets), "float32")
    for (begin, end), weight in zip(words, of_words, strict=True):
        inside = [
            place
            for place, (first, last) in enumerate(labelling.offsets)
            if first < end and last > begin
        ]
        weights[inside] += weight / max(len(inside), 1)
    return weights


def without_word(text, words, place):
    """A text without one of its words."""
    return kept_words(text, words, [other for other in range(len(words)) if other != place])


def kept_words(text, words, places):
    """Some words of a text, with a space between two of them where the text has one.

    Args:
        text: str.
        words: list of pairs of int, as `words_of` returns it.
        places: increasing list of int, the places of those to keep.

    Returns:
        str.

    Example:

    >>> from keras_attention.evidence_words import words_of
    >>> kept_words("on 3月  3日", words_of("on 3月  3日"), [0, 2, 4])
    'on 月 日'
    """
    pieces, before = [], None
    for place in places:
        begin, end = words[place]
        has_gap = before is not None and any(map(str.isspace, text[before:begin]))
        pieces += [" "] * has_gap + [text[begin:end]]
        before = end
    return "".join(pieces)
