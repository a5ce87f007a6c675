"""Labelled texts as one web page that needs no other file."""

import html
import re
from string import Template

from keras_attention.display.shown import best_first, shown_label, strengths
from keras_attention.evidence_words import evidence_words

# Text keeps a contrast of 4.5 to 1 on the strongest mark, in both modes.
COLORS = {
    "light": {"page": "#ffffff", "ink": "#1f2933", "faint": "#52606d", "mark": "#ffb300"},
    "dark": {"page": "#14181d", "ink": "#eef2f6", "faint": "#a9b4c0", "mark": "#9a5b00"},
}
_PROBABILITIES = 5  # Labels listed for each text.
_WORDS = 10  # Words in the list of the largest weights of each text.
# What no HTML may hold: controls but white space, surrogates, noncharacters.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root { $light }
@media (prefers-color-scheme: dark) { :root { $dark } }
body { background: var(--page); color: var(--ink); max-width: 48rem; margin: 2rem auto;
  padding: 0 1rem; font: 1rem/1.7 system-ui, sans-serif; }
h1 { font-size: 1.4rem; }
article { border-top: 1px solid var(--faint); padding: .75rem 0; }
h2 { font-size: 1.1rem; margin: 0; }
p { margin: .3rem 0; }
.source { white-space: pre-wrap; overflow-wrap: anywhere; }
.faint, h2 span, summary, td + td, th { color: var(--faint); font-weight: normal; }
mark { background: none; color: inherit; border-radius: .2em; }
mark.strong { font-weight: 700; }
.span { border-bottom: .15em solid var(--ink); }
.span small { color: var(--faint); font-weight: normal; margin-left: .3em; }
td, th { text-align: left; padding-right: 1.5rem; }
@media (forced-colors: active) { mark { text-decoration: underline; } }
</style>
</head>
<body>
<main>
<h1>$title</h1>
$legend
$answers
</main>
</body>
</html>
""")
_LEGEND = (
    "The stronger a word is marked, the larger its weight is in the evidence for the label of its "
    "text; the largest of each text is marked fully. Point at a word to read its weight."
)


def evidence_page(labellings, title="Labels and their evidence"):
    """A web page that shows labelled texts, with the evidence marked in them.

    It is one string with all it needs: no script, no font and no other file is loaded. It follows
    the light or dark mode of the reader.

    Args:
        labellings: iterable of `keras_attention.predictors.Labelling`.
        title: str.

    Returns:
        str, HTML in UTF-8.
    """
    labellings = list(labellings)
    has_evidence = any(labelling.evidence is not None for labelling in labellings)
    return _PAGE.substitute(
        title=escape(title),
        legend=f'<p class="faint">{escape(_LEGEND)}</p>' if has_evidence else "",
        light=_variables(COLORS["light"]),
        dark=_variables(COLORS["dark"]),
        answers="\n".join(map(_answer, labellings)),
    )


def escape(text):
    """A text as HTML may hold it; U+FFFD takes the place of characters that it may not."""
    return html.escape(_FORBIDDEN.sub("\ufffd", text))


def _variables(colors):
    return " ".join(f"--{name}: {value};" for name, value in colors.items())


def _answer(labelling):
    """One text with its label, its evidence and its spans."""
    words = evidence_words(labelling)
    parts = [_heading(labelling), _source(labelling.input, words, labelling.spans or ())]
    others = best_first(labelling.probabilities)[:_PROBABILITIES]
    if len(others) > 1:
        parts.append(_table("Probabilities", ("label", "probability"), others))
    largest = sorted((word for word in words if word.weight > 0), key=lambda word: -word.weight)
    if largest:
        rows = [(word.text, word.weight) for word in largest[:_WORDS]]
        parts.append(_table("Largest weights", ("word", "weight"), rows))
    return "<article>\n" + "\n".join(filter(None, parts)) + "\n</article>"


def _heading(labelling):
    if not labelling.probabilities:
        return ""
    return (
        f"<h2><bdi>{escape(shown_label(labelling))}</bdi> <span>{labelling.score:.2f}</span></h2>"
    )


def _source(text, words, spans):
    """The text itself: words in marks, spans of tags underlined and named.

    A span that begins inside another one is named below the text.
    """
    inline, below, end = [], [], 0
    for span in sorted(spans, key=lambda span: (span.begin, -span.end)):
        fits = end <= span.begin < span.end
        (inline if fits else below).append(span)
        end = span.end if fits else end
    pieces, place = [], 0
    marks = list(zip(words, strengths(words), strict=True))
    for span in inline:
        pieces.append(_marked(text, place, span.begin, marks))
        inside = _marked(text, span.begin, span.end, marks)
        title = "" if span.score is None else f' title="{span.score:.3f}"'
        kind = escape(span.kind)
        pieces.append(f'<span class="span"{title}>{inside}<small>{kind}</small></span>')
        place = span.end
    pieces.append(_marked(text, place, len(text), marks))
    rows = [f'<p class="source" dir="auto" lang="">{"".join(pieces)}</p>']
    rows += [f'<p class="faint">{escape(span.kind)}: {escape(span.text)}</p>' for span in below]
    return "\n".join(rows)


def _marked(text, begin, end, marks):
    """The part `text[begin:end]` with its words in marks."""
    pieces, place = [], begin
    for word, strength in marks:
        first, last = max(word.begin, begin), min(word.end, end)
        if first >= last or strength <= 0:
            continue
        pieces.append(escape(text[place:first]))
        pieces.append(_mark(text[first:last], word.weight, strength))
        place = last
    return "".join([*pieces, escape(text[place:end])])


def _mark(text, weight, strength):
    """A word in a mark as strong as its weight."""
    # Mixed with the page, so that one number serves the light and the dark mode.
    percent = round(100 * strength)
    color = f"color-mix(in srgb, var(--mark) {percent}%, var(--page))"
    kind = ' class="strong"' if percent >= 70 else ""
    return (
        f'<mark{kind} style="background: {color}" title="weight {weight:.3f}">{escape(text)}</mark>'
    )


def _table(title, names, rows):
    """A table that opens when the reader asks for it: what no color and no pointer tells."""
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = "\n".join(
        f'<tr><td dir="auto">{escape(name)}</td><td>{number:.3f}</td></tr>' for name, number in rows
    )
    return (
        f"<details><summary>{title}</summary>\n<table>\n<tr>{head}</tr>\n{body}\n</table></details>"
    )
