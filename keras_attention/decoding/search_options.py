"""How a recipe and a command line describe a search: plain values, each optional."""

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True)
class SearchOptions:
    """How a model decodes. What is not given is left to the search, or stays as it was recorded.

    An option that the search does not know is refused. The scores of each epoch of training are
    those of greedy search.
    """

    search: Literal["greedy", "beam", "diverse", "sample"] | None = None
    """Kind of search; without it the one that the other options belong to, greedy if there are
    none."""
    beam_width: int | None = None
    """Hypotheses kept at each step; 1 is greedy search. Beam and diverse."""
    n_best: int | None = None
    """Hypotheses returned, at most --beam-width. Beam and diverse."""
    length_penalty: float | None = None
    """Alpha of Wu et al. 2016, equation 14; higher prefers longer translations. Beam and
    diverse."""
    length_normalization: Literal["wu", "simple"] | None = None
    """What --length-penalty is the power of: ((5 + length) / 6), or the length. Beam and
    diverse."""
    coverage_penalty: float | None = None
    """Beta of Wu et al. 2016, equation 14; higher prefers to cover the whole source. Beam and
    diverse."""
    groups: int | None = None
    """Groups of beams that avoid each other's words; divides --beam-width. Diverse."""
    diversity: float | None = None
    """What a word costs that an earlier group chose (Vijayakumar et al. 2018). Diverse."""
    temperature: float | None = None
    """Below 1 sharpens the distribution, above 1 flattens it. Sample."""
    top_k: int | None = None
    """Draw from so many most probable tokens. Sample."""
    top_p: float | None = None
    """Draw from the fewest tokens with so much probability together. Sample."""
    min_p: float | None = None
    """Draw from the tokens at least this fraction as probable as the first. Sample."""
    samples: int | None = None
    """Translations drawn of each text. Sample."""
    sample_seed: int | None = None
    """Seed of what is drawn: the same one, the same texts. Sample."""
    min_length: int | None = None
    """Tokens at least, the end token not counted; 0 for none."""
    no_repeat_ngram: int | None = None
    """Let no sequence of so many tokens occur twice; 0 lets them."""
