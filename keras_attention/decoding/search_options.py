"""How a recipe and a command line describe a search: plain values, each optional."""

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True)
class SearchOptions:
    """How a model decodes. An option that is not given keeps its recorded or default value.

    An option that the search does not have is an error. The scores after each epoch of training
    are those of greedy search.
    """

    search: Literal["greedy", "beam", "diverse", "sample"] | None = None
    """Kind of search; if not given, the one that the other options belong to, or greedy if there
    are none."""
    beam_width: int | None = None
    """Beam size: hypotheses kept at each step; 1 is greedy search. Beam and diverse."""
    n_best: int | None = None
    """Hypotheses returned, at most --beam-width. Beam and diverse."""
    length_penalty: float | None = None
    """Alpha of Wu et al. 2016, equation 14; higher prefers longer translations. Beam and
    diverse."""
    length_normalization: Literal["wu", "simple"] | None = None
    """What --length-penalty is the exponent of: (5 + length) / 6 (wu), or the length (simple).
    Beam and diverse."""
    coverage_penalty: float | None = None
    """Beta of Wu et al. 2016, equation 14; higher prefers translations that cover the whole
    source. Beam and diverse."""
    groups: int | None = None
    """Groups of diverse beam search (Vijayakumar et al. 2018); divides --beam-width. Diverse."""
    diversity: float | None = None
    """Diversity strength: the penalty of a token that an earlier group selected at the same step.
    Diverse."""
    temperature: float | None = None
    """Softmax temperature: below 1 sharpens the distribution, above 1 flattens it. Sample."""
    top_k: int | None = None
    """Top-k sampling (Fan et al. 2018): draw from the k most probable tokens. Sample."""
    top_p: float | None = None
    """Nucleus sampling (Holtzman et al. 2020): draw from the fewest tokens whose probabilities sum
    up to p. Sample."""
    min_p: float | None = None
    """Min-p sampling: draw from the tokens at least this fraction as probable as the most probable
    one. Sample."""
    samples: int | None = None
    """Translations drawn for each text. Sample."""
    sample_seed: int | None = None
    """Random seed of sampling: the same seed gives the same texts. Sample."""
    min_length: int | None = None
    """Fewest tokens of a translation, not counting the end token; 0 for no limit."""
    no_repeat_ngram: int | None = None
    """Size of the n-grams that may not occur twice in a translation; 0 allows all."""
