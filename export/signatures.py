"""The one place that names endpoints, inputs, outputs and dynamic axes of exported files."""

from typing import NamedTuple

from .errors import BundleError

TEXT = "text"
SCORE = "score"
SOURCE_TOKENS = "source_tokens"
TARGET_TOKENS = "target_tokens"
ALIGNMENT = "alignment"
TOKEN_SCORES = "token_scores"
FINISHED = "finished"
LABEL = "label"
PROBABILITIES = "probabilities"
EVIDENCE = "evidence"
BEGINS = "begins"
ENDS = "ends"
TAGS = "tags"
TAG_SCORES = "tag_scores"

NO_SCORE = -1e30  # Of a hypothesis that does not exist: the search found fewer than were asked.

SOURCE_IDS = "source_ids"
IDS = "ids"
SCORES = "scores"
LENGTHS = "lengths"
ALIGNMENTS = "alignments"
WORDS = "words"
TAG_IDS = "tag_ids"
ROW_SCORES = "row_scores"

SERVE, EXPLAIN, NBEST, SEARCH = "serving_default", "explain", "nbest", "search"
READ = "read"  # From ids to what an encoder-only model finds.


class Port(NamedTuple):
    """An input or output of an endpoint.

    Attributes:
        dtype: str, as NumPy and TensorFlow name it.
        axes: tuple of str. All of them are dynamic, but where a model fixes a size.
        measure: str. Of floats, under which name a comparison reports the largest difference.
    """

    dtype: str
    axes: tuple
    measure: str | None = None

    def __str__(self):
        return f"{self.dtype}[{', '.join(self.axes)}]"


class Endpoint(NamedTuple):
    """What a file computes of a batch under one name.

    Attributes:
        inputs, outputs: dicts of `Port` by name.
        ranked_by: str. The output by which hypotheses are ranked along the second axis of every
            output: those with equal scores have no order, one with a score of `NO_SCORE` does not
            exist. None where there is one answer.
    """

    inputs: dict
    outputs: dict
    ranked_by: str | None = None

    def described(self):
        """The ports as a manifest has them, such as `"float32[batch, source]"`."""
        sides = {"inputs": self.inputs, "outputs": self.outputs}
        return {
            side: {name: str(port) for name, port in ports.items()} for side, ports in sides.items()
        }


class Task(NamedTuple):
    """What the exported files of a task take and give.

    Attributes:
        name: str, as a manifest has it.
        endpoints: dict of `Endpoint` by name; the SavedModel has all of them.
        arrays: str. The endpoint that takes arrays, no raw things: the ONNX file is it.
        answer: pair of str, the endpoint and its output that is the answer to a raw thing, which is
            the endpoint's first input.
        encoded_answer: str. The output of `arrays` that the target codec decodes to the answer.
        encoded_score: str. The output of `arrays` that tells how sure the answer is.
        codecs: str. The folder of a bundle with the codecs `source` and `target`.
    """

    name: str
    endpoints: dict
    arrays: str
    answer: tuple
    encoded_answer: str
    encoded_score: str
    codecs: str = "codec"

    @property
    def signatures(self):
        """Inputs and outputs of all endpoints as a manifest has them."""
        return {name: endpoint.described() for name, endpoint in self.endpoints.items()}

    @property
    def raw_input(self):
        """The name of the input that takes raw things."""
        return next(iter(self.endpoints[self.answer[0]].inputs))

    @property
    def raw_endpoints(self):
        """Names of the endpoints that take raw things."""
        return [name for name, found in self.endpoints.items() if self.raw_input in found.inputs]


def _port(description, measure=None):
    """`Port` of a description such as `"float32[batch, source]"`."""
    dtype, axes = description.removesuffix("]").split("[")
    return Port(dtype, tuple(axes.split(", ")), measure)


TRANSLATION = Task(
    name="translation",
    endpoints={
        SERVE: Endpoint(
            inputs={TEXT: _port("string[batch]")},
            outputs={TEXT: _port("string[batch]"), SCORE: _port("float32[batch]", "score")},
        ),
        EXPLAIN: Endpoint(
            inputs={TEXT: _port("string[batch]")},
            outputs={
                TEXT: _port("string[batch]"),
                SCORE: _port("float32[batch]", "score"),
                SOURCE_TOKENS: _port("string[batch, source]"),
                TARGET_TOKENS: _port("string[batch, target]"),
                ALIGNMENT: _port("float32[batch, target, source]", "alignment"),
                TOKEN_SCORES: _port("float32[batch, target]", "score"),
                FINISHED: _port("bool[batch]"),
            },
        ),
        NBEST: Endpoint(
            inputs={TEXT: _port("string[batch]")},
            outputs={
                TEXT: _port("string[batch, n]"),
                SCORE: _port("float32[batch, n]", "score"),
                FINISHED: _port("bool[batch, n]"),
            },
            ranked_by=SCORE,
        ),
        SEARCH: Endpoint(
            inputs={SOURCE_IDS: _port("int32[batch, source]")},
            outputs={
                IDS: _port("int32[batch, beams, target]"),
                SCORES: _port("float32[batch, beams]", "score"),
                LENGTHS: _port("int32[batch, beams]"),
                ALIGNMENTS: _port("float32[batch, beams, target, source]", "alignment"),
                TOKEN_SCORES: _port("float32[batch, beams, target]", "score"),
            },
            ranked_by=SCORES,
        ),
    },
    arrays=SEARCH,
    answer=(SERVE, TEXT),
    encoded_answer=IDS,
    encoded_score=SCORES,
    codecs="tokenizer",
)


def _reading(name, labels, tags):
    """The task of an encoder-only model.

    Args:
        name: str.
        labels, tags: bool. Whether it says what a text is, and what its words are.
    """
    text = {TEXT: _port("string[batch]")}
    answer, why = {}, {}
    given, found = {SOURCE_IDS: _port("int32[batch, source]")}, {}
    if labels:
        answer[LABEL] = _port("string[batch]")
        why |= {
            PROBABILITIES: _port("float32[batch, labels]", "score"),
            EVIDENCE: _port("float32[batch, source]", "alignment"),
        }
        found |= {
            IDS: _port("int32[batch]"),
            SCORES: _port("float32[batch]", "score"),
            PROBABILITIES: _port("float32[batch, labels]", "score"),
            EVIDENCE: _port("float32[batch, source]", "alignment"),
        }
    answer[SCORE] = _port("float32[batch]", "score")
    if tags:
        answer[TAGS] = _port("string[batch, words]")
        why[TAG_SCORES] = _port("float32[batch, words]", "score")
        given[WORDS] = _port("bool[batch, source]")
        found |= {
            TAG_IDS: _port("int32[batch, source]"),
            TAG_SCORES: _port("float32[batch, source]", "score"),
            ROW_SCORES: _port("float32[batch]", "score"),
        }
    tokens = {
        SOURCE_TOKENS: _port("string[batch, source]"),
        BEGINS: _port("int32[batch, source]"),
        ENDS: _port("int32[batch, source]"),
    }
    return Task(
        name=name,
        endpoints={
            SERVE: Endpoint(inputs=text, outputs=answer),
            EXPLAIN: Endpoint(inputs=text, outputs={**answer, **tokens, **why}),
            READ: Endpoint(inputs=given, outputs=found),
        },
        arrays=READ,
        answer=(SERVE, LABEL if labels else TAGS),
        encoded_answer=IDS if labels else TAG_IDS,
        encoded_score=SCORES if labels else ROW_SCORES,
    )


LABELLING = _reading("labelling", labels=True, tags=False)
TAGGING = _reading("tagging", labels=False, tags=True)
LABELLING_AND_TAGGING = _reading("labelling-and-tagging", labels=True, tags=True)

TASKS = {task.name: task for task in (TRANSLATION, LABELLING, TAGGING, LABELLING_AND_TAGGING)}


def check_ports(file, endpoint, expected, inputs, outputs):
    """Compares the inputs and outputs of a file's endpoint with those that it should have.

    Args:
        file: path of the file, for the message of an error.
        endpoint: str.
        expected: dict of `inputs` and `outputs`, each a collection of names.
        inputs, outputs: collections of the names that are there, or None where there is no such
            endpoint.

    Raises:
        BundleError: one is missing.
    """
    if inputs is None:
        raise BundleError(f"{file} has no endpoint {endpoint}: it is not a file of this package.")
    for kind, names, there in (
        ("input", expected["inputs"], inputs),
        ("output", expected["outputs"], outputs),
    ):
        missing = sorted(name for name in names if name not in there)
        if missing:
            raise BundleError(
                f"The endpoint {endpoint} of {file} has no {kind} {missing[0]}: "
                "it is not a file of this package."
            )


def check_signatures(file, task, signatures, may_lack=frozenset()):
    """Compares what a manifest says of endpoints with the table of the task.

    Args:
        file: path of the manifest, for the message of an error.
        task: `Task`.
        signatures: dict, as the manifest has it.
        may_lack: set of the names of outputs that need not be there.

    Raises:
        BundleError: they are those of no version.
    """
    unknown = [endpoint for endpoint in signatures if endpoint not in task.endpoints]
    if unknown:
        raise BundleError(f"{file} names an endpoint {unknown[0]}, which no {task.name} has.")
    for endpoint, expected in task.signatures.items():
        recorded = signatures.get(endpoint, {"inputs": None, "outputs": None})
        required = {"inputs": expected["inputs"], "outputs": set(expected["outputs"]) - may_lack}
        check_ports(file, endpoint, required, recorded["inputs"], recorded["outputs"])
        for kind in ("inputs", "outputs"):
            for name, port in recorded[kind].items():
                if port != expected[kind].get(name):
                    raise BundleError(
                        f"{file} says that {name} of the endpoint {endpoint} is {port!r}: "
                        f"expected {expected[kind].get(name, 'no such name')!r}."
                    )
