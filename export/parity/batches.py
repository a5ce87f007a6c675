"""What the programs of this folder share: a request is run in batches, its answer written.

For clean processes, which read this file by its path: it imports NumPy alone. A request is a `.npz`
file with an array `endpoint/input` for every input, samples along the first axis, and with
`batch_sizes`. An answer has an array `size/endpoint/output` for every output and batch size.
"""

import numpy as np


def answer(request_file, answer_file, call):
    """Reads a request and writes its answer.

    Args:
        request_file, answer_file: paths.
        call: function from the name of an endpoint and a dict of input arrays to a dict of output
            arrays.
    """
    with np.load(request_file) as file:
        request = dict(file)
    sizes = request.pop("batch_sizes").tolist()
    answers = {}
    for endpoint, inputs in by_endpoint(request).items():
        samples = len(next(iter(inputs.values())))
        for size in sizes:
            found = []
            for begin in range(0, samples, size):
                batch = {name: array[begin : begin + size] for name, array in inputs.items()}
                found.append(call(endpoint, trimmed(batch)))
            for name in found[0]:
                arrays = [outputs[name] for outputs in found]
                answers[f"{size}/{endpoint}/{name}"] = stacked(arrays)
    np.savez(answer_file, **answers)


def by_endpoint(arrays):
    """A dict of dicts of arrays, from arrays named `endpoint/name`."""
    found = {}
    for key, array in arrays.items():
        endpoint, name = key.split("/")
        found.setdefault(endpoint, {})[name] = array
    return found


def trimmed(inputs):
    """Inputs without the padding behind their longest sample: positions with nothing but zeros.

    Inputs that are padded to one length stay as long as each other.

    Args:
        inputs: dict of arrays.
    """
    lengths = {}
    for array in inputs.values():
        if array.ndim > 1:
            is_used = array != np.zeros((), array.dtype)
            used = np.flatnonzero(is_used.any(axis=(0, *range(2, array.ndim))))
            longest = used[-1] + 1 if len(used) else 1
            lengths[array.shape[1]] = max(longest, lengths.get(array.shape[1], 1))
    return {
        name: array[:, : lengths[array.shape[1]]] if array.ndim > 1 else array
        for name, array in inputs.items()
    }


def stacked(batches):
    """Arrays of batches as one, filled up with zeros or empty strings to the largest shape."""
    shape = np.max([batch.shape[1:] for batch in batches], axis=0).astype(int)
    samples = sum(map(len, batches))
    whole = np.zeros((samples, *shape), np.result_type(*batches))
    begin = 0
    for batch in batches:
        place = (slice(begin, begin + len(batch)), *map(slice, batch.shape[1:]))
        whole[place] = batch
        begin += len(batch)
    return whole
