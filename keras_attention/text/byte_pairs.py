"""Learning sub-words by merging the most frequent neighbours, again and again."""

import heapq
from collections import Counter, defaultdict

from keras_attention.text.words import JOINER, has_joiner, without_joiner


def learn_pieces(word_counts, limit, minimum_count=2):
    """Learn pieces of words by byte pair encoding over characters.

    All characters come first, the frequent ones first, each as the beginning of a word ("a") and
    inside one ("##a"). Then, until there are `limit` pieces, the two neighbouring pieces that
    occur most often become one; equally frequent ones in the order of their code points.

    Args:
        word_counts: how often each word of the corpus occurs; a word that follows another one
            without a space begins with "##".
        limit: how many pieces to learn at most.
        minimum_count: how often a pair must occur to be merged.

    Returns:
        A list of distinct pieces.

    Reference:
        Sennrich, Haddow and Birch (2016), Neural Machine Translation of Rare Words with Subword
        Units, section 3.2.
    """
    words = [(_spell(word), count) for word, count in sorted(word_counts.items())]
    pieces = dict.fromkeys(_alphabet(words)[:limit])
    merges = _Merges(words)
    while len(pieces) < limit:
        pair, count = merges.most_frequent()
        if count < minimum_count:
            break
        pieces[merges.merge(pair)] = None
    return list(pieces)


def _spell(word):
    """The word as a list of one-character pieces."""
    characters = list(without_joiner(word))
    first = JOINER + characters[0] if has_joiner(word) else characters[0]
    return [first] + [JOINER + character for character in characters[1:]]


def _alphabet(words):
    counts = Counter()
    for spelling, count in words:
        for piece in spelling:
            counts[piece[-1]] += count
    ranked = sorted(counts, key=lambda character: (-counts[character], character))
    return [piece for character in ranked for piece in (character, JOINER + character)]


class _Merges:
    """The pairs of neighbours in all words, kept up to date while pairs are merged."""

    def __init__(self, words):
        self.words = words
        self.counts = Counter()
        self.places = defaultdict(set)  # pair -> numbers of the words that hold it
        for number in range(len(words)):
            self._count(number, 1)
        self.heap = [(-count, pair) for pair, count in self.counts.items()]
        heapq.heapify(self.heap)

    def most_frequent(self):
        """The pair that occurs most often and how often, `(None, 0)` when there is none."""
        while self.heap:
            count, pair = self.heap[0]
            if -count == self.counts[pair]:
                return pair, -count
            heapq.heappop(self.heap)  # out of date: a newer entry is in the heap
        return None, 0

    def merge(self, pair):
        """Make one piece of each occurrence of the pair; returns the piece."""
        merged = pair[0] + pair[1][len(JOINER) :]
        touched = set()
        for number in sorted(self.places[pair]):
            touched.update(self._count(number, -1))
            spelling, count = self.words[number]
            self.words[number] = (_replace(spelling, pair, merged), count)
            touched.update(self._count(number, 1))
        for changed in touched:
            if self.counts[changed] > 0:
                heapq.heappush(self.heap, (-self.counts[changed], changed))
        return merged

    def _count(self, number, sign):
        spelling, count = self.words[number]
        pairs = list(zip(spelling, spelling[1:], strict=False))
        for pair in pairs:
            self.counts[pair] += sign * count
            if sign > 0:
                self.places[pair].add(number)
            else:
                self.places[pair].discard(number)
        return pairs


def _replace(spelling, pair, merged):
    result, position = [], 0
    while position < len(spelling):
        if tuple(spelling[position : position + 2]) == pair:
            result.append(merged)
            position += 2
        else:
            result.append(spelling[position])
            position += 1
    return result
