"""Random blocks for sparse attention: a function of integers, not of a generator's state."""

from keras import ops

# The largest prime whose square fits into an int32: products below do not overflow on any backend.
PRIME = 46337
ROUNDS = 4


def random_key_block(query_block, slot, window_blocks, random_seed):
    """The block that a block of queries draws, outside of its window.

    Even slots look back and odd ones ahead, so that a causal mask leaves every other one. Block `a`
    draws its distance from those up to `a`; a block behind the last is simply not there. What is
    drawn does not depend on the length: a sequence attends alike with padding and without.

    The number is a function of its arguments alone, computed with integers below `2 ** 31` as a
    cipher of a few cubes modulo a prime: the same in every backend and file format.

    Args:
        query_block: Int32 tensor of block numbers.
        slot: Which of the random blocks, an integer.
        window_blocks: How many blocks the window holds, the query's own in the middle.
        random_seed: An integer.

    Returns:
        Int32 tensor of block numbers, negative where no block lies before the window.
    """
    reach = window_blocks // 2
    candidates = ops.maximum(query_block - reach, 1)
    distance = reach + 1 + _scrambled(query_block, slot, random_seed) % candidates
    return query_block - distance if slot % 2 == 0 else query_block + distance


def _scrambled(numbers, slot, seed):
    """Numbers below `PRIME`, spread evenly: cubing is one-to-one modulo this prime."""
    numbers = numbers % PRIME
    for turn in range(ROUNDS):
        key = (seed * 7919 + slot * 15859 + turn * 27449 + 12553) % PRIME
        numbers = (numbers + key) % PRIME
        numbers = (numbers * numbers % PRIME) * numbers % PRIME
    return numbers
