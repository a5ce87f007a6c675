"""What a hypothesis' log-probability is corrected with (Wu et al., 2016, equation 14).

    score(Y, X) = log P(Y | X) / lp(Y) + cp(X; Y)
    lp(Y)       = ((5 + |Y|) / 6) ** alpha
    cp(X; Y)    = beta * sum_i log(min(sum_j p_ij, 1))

`|Y|` counts the end token, and so does the sum over `j`.

Reference:
    Wu et al., 2016: Google's Neural Machine Translation System, section 7
    (https://arxiv.org/abs/1609.08144).
"""

from keras import ops

COVERAGE_FLOOR = 1e-6


def length_penalty(length, alpha):
    """Length normaliser `((5 + length) / 6) ** alpha` of Wu et al. (2016), equation 14.

    Args:
        length: Integer or integer tensor of any shape, tokens with the end token.
        alpha: Float; 0 gives 1 everywhere, more than 0 favours longer sentences.

    Output:
        float32, the shape of `length`.

    Example:

    >>> float(length_penalty(7, alpha=1.0))
    2.0
    """
    length = ops.cast(length, "float32")
    return ops.power((5.0 + length) / 6.0, float(alpha))


def simple_length_penalty(length, alpha):
    """Length normaliser `length ** alpha`: with 1, the score is the mean over the tokens.

    Args:
        length: Integer of at least 1 or integer tensor of any shape, tokens with the end token.
        alpha: Float; 0 gives 1 everywhere, more than 0 favours longer sentences.

    Output:
        float32, the shape of `length`.

    Example:

    >>> float(simple_length_penalty(7, alpha=1.0))
    7.0
    """
    return ops.power(ops.cast(length, "float32"), float(alpha))


def coverage_penalty(coverage, source_mask, beta):
    """Coverage penalty `beta * sum_i log(min(coverage_i, 1))` of Wu et al. (2016), equation 14.

    The paper's logarithm is minus infinity for a source token that was never attended to, which
    sparse and hard attention do reach; here a coverage counts as at least 1e-6.

    Args:
        coverage: float32 `(rows, source)`, the attention weights summed over all target tokens,
            the end token included.
        source_mask: Bool `(rows, source)`; masked source positions add nothing.
        beta: Float of at least 0.

    Output:
        float32 `(rows,)`, never above 0.
    """
    covered = ops.clip(coverage, COVERAGE_FLOOR, 1.0)
    return beta * ops.sum(ops.where(source_mask, ops.log(covered), 0.0), axis=-1)
