"""Outputs of a trained model, and the first one in which an exported file differs."""

import dataclasses
from collections import defaultdict

import numpy as np

from ..signatures import NO_SCORE

TOLERANCE = 1e-4
KINDS = {"string": "U", "bool": "b", "int32": "i", "float32": "f"}  # Of NumPy, by dtype.


@dataclasses.dataclass
class Comparison:
    """Running comparison of the outputs of an exported file with those of the trained model.

    What is compared goes by the table of the task: strings, integers and bools must be equal,
    floats differ by `TOLERANCE` at most. Of two outputs of different lengths, what one is longer by
    must be padding: zeros or empty strings. Hypotheses are compared in the order of their scores;
    those whose scores differ by `TOLERANCE` at most have no order.

    Attributes:
        task: `Task`.
        best_only: bool. Whether the trained model's hypotheses are only the first of those that a
            file gives.
        largest: dict of floats, the largest differences compared so far, by the `measure` of their
            ports.
    """

    task: object
    best_only: bool = False
    largest: dict = dataclasses.field(default_factory=lambda: defaultdict(float))

    def difference(self, expected, actual, sample):
        """What differs in one sample.

        Args:
            expected: dict of dicts of arrays, by endpoint and output: those of the trained model.
            actual: likewise, those of the exported file. What is missing there is a difference,
                what is not expected is not compared.
            sample: int. Its place along the first axis.

        Returns:
            A phrase, or None if nothing differs.
        """
        for name, outputs in expected.items():
            endpoint, found = self.task.endpoints[name], actual.get(name, {})
            for output in outputs:
                port = endpoint.outputs[output]
                if output not in found:
                    return f"{output} of {name} is missing"
                if not has_kind(found[output], port):
                    return f"{output} of {name} is no {port}"
            wanted = {output: array[sample] for output, array in outputs.items()}
            got = {output: found[output][sample] for output in outputs}
            compare = self._hypotheses if endpoint.ranked_by in wanted else self._outputs
            phrase = compare(name, wanted, got)
            if phrase:
                return phrase
        return None

    def _outputs(self, name, wanted, got):
        """The first difference of outputs, or None and their differences are in `largest`."""
        differences = defaultdict(float)
        for output, expected in wanted.items():
            port = self.task.endpoints[name].outputs[output]
            first, second = same_shape(expected, got[output])
            if port.dtype != "float32":
                if not np.array_equal(first, second):
                    values = expected.tolist(), got[output].tolist()
                    return f"{output} of {name}: expected {values[0]!r}, got {values[1]!r}"
                continue
            difference = _largest_difference(first, second)
            if not difference <= TOLERANCE:  # Not a number is a difference too.
                values = f"expected {first:.6f}, got {second:.6f}" if not first.ndim else ""
                return f"{output} of {name}: {values or f'differs by {difference:.6f}'}"
            differences[port.measure] = max(difference, differences[port.measure])
        for measure, difference in differences.items():
            self.largest[measure] = max(self.largest[measure], difference)
        return None

    def _hypotheses(self, name, wanted, got):
        """The first difference of hypotheses: each must be among those of the same score."""
        ranked_by = self.task.endpoints[name].ranked_by
        scores = wanted[ranked_by]
        theirs = got[ranked_by][: len(scores)] if self.best_only else got[ranked_by]
        left = list(np.flatnonzero(_exists(theirs)))
        for rank in np.flatnonzero(_exists(scores)):
            near = [place for place in left if abs(theirs[place] - scores[rank]) <= TOLERANCE]
            phrase = f"{ranked_by} of {name}: no hypothesis has {scores[rank]:.6f}"
            expected = {output: array[rank] for output, array in wanted.items()}
            # The one of the same rank last, so that its difference is the one that is named.
            for place in sorted(near, key=lambda place: place == rank):
                actual = {output: got[output][place] for output in wanted}
                phrase = self._outputs(name, expected, actual)
                if phrase is None:
                    left.remove(place)
                    break
            if phrase:
                return f"{phrase} (hypothesis {rank + 1})"
        if left:
            return f"{name} has {len(left)} hypotheses more than the trained model"
        for rank in np.flatnonzero(_exists(scores)):  # All are there: in this order?
            if not abs(theirs[rank] - scores[rank]) <= TOLERANCE:
                values = f"expected {scores[rank]:.6f}, got {theirs[rank]:.6f}"
                return f"{ranked_by} of {name}: {values} (hypothesis {rank + 1})"
        return None


def _exists(scores):
    return ~(scores <= NO_SCORE / 2)  # One whose score is not a number does.


def has_kind(array, port):
    """Whether an array has the kind of numbers or strings and the axes of a port.

    Args:
        array: NumPy array.
        port: `Port`.
    """
    return array.dtype.kind == KINDS[port.dtype] and array.ndim == len(port.axes)


def same_shape(*arrays):
    """Two arrays of one rank, the smaller sides filled up with zeros or empty strings.

    Args:
        *arrays: NumPy arrays.
    """
    shape = np.max([array.shape for array in arrays], axis=0).astype(int)
    filled = [np.zeros(shape, array.dtype) for array in arrays]
    for whole, array in zip(filled, arrays, strict=True):
        whole[tuple(map(slice, array.shape))] = array
    return filled


def _largest_difference(first, second):
    with np.errstate(invalid="ignore"):  # Of infinities, which differ from all.
        difference = np.abs(first.astype("float64") - second.astype("float64"))
    return float(difference.max(initial=0.0))
