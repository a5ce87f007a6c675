"""The instructions that lie in a bundle of labels or tags."""

import json

from .readme import outputs, quoted, spelled_vocabulary
from .signatures import LABEL, TAGS, TASKS, WORDS

TEMPLATE = """\
# {name}

A model that {does}, exported by keras_attention. It takes strings and returns strings. You can
move this folder anywhere: no file in it contains a path.

| File | What it is |
|---|---|
| `saved_model/1/` | SavedModel for TF Serving, warm-up requests included: strings in and out |
| `onnx/model.onnx` | takes token ids (opset {opset}); needs only onnxruntime |
{int8_file}| `codec/source` | the tokenizer ({kind}): it makes ids |
| `codec/target` | the names of {names} |
| `parity.npz` | NumPy arrays: held-out texts and the outputs of the trained model |
| `manifest.json` | origin, versions, settings, scores, parity check, checksums |

    keras-attention predict {name} {shell_text}
    keras-attention predict {name} --format onnx {shell_text}
    keras-attention verify {name}

## TF Serving

    docker run -p 8501:8501 -e MODEL_NAME={name} \\
        -v "$PWD/saved_model:/models/{name}" tensorflow/serving
    curl http://localhost:8501/v1/models/{name}:predict -d {shell_request}

Add `"signature_name"` to the request to call another endpoint:

- `"explain"` also returns the source tokens, and where each begins and ends in the text, counted in
  characters (Unicode code points){explained}.
- `"read"` takes ids.

{answer_note}A text with more than {max_source_length} tokens, including the end token, is an error.
{text_note}
## Python, with TensorFlow only

```python
import tensorflow as tf
{text_import}
model = tf.saved_model.load("saved_model/1")
answer = model.signatures["serving_default"](text=tf.constant([{python_text}]))
print({printed})
```

## Python, with onnxruntime only

Each row of ids ends with {end} and is padded with {pad}. {ids_note}

```python
import json
from pathlib import Path

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("onnx/model.onnx", providers=["CPUExecutionProvider"])
names = json.loads(Path("manifest.json").read_text("utf-8"))["{part}"]
given = {{"source_ids": np.array([[4, 5, {end}]], "int32"){words}}}  # (batch, source)
ids, scores = session.run(["{ids}", "{scores}"], given)
print({named}, scores[0])
```

{outputs}
{int8_note}
To make ids with the tokenizer, in Python:

```python
from keras_attention import text

source = text.load("codec/source")
ids = source.encode([{python_text}]).to_tensor()  # append {end} to each row
```
"""
TAGS_NOTE = (
    'There is one tag for each word, that is for each of `text.split(" ")`; `""` fills shorter\n'
    "rows of a batch up. "
)
WORDS_NOTE = "`words` is true where a token begins a word. "
TEXT_NOTE = (
    "The tokenizer is SentencePiece: to load the SavedModel, import tensorflow_text first.\n"
)
INT8_FILE = "| `onnx/model.int8.onnx` | the same with 8-bit weights: smaller, less exact |\n"
INT8_NOTE = (
    "\n`onnx/model.int8.onnx` is called in the same way. It rounds, so that an answer may differ\n"
    "from that of the trained model. `int8` in `manifest.json` says for how many of the held-out\n"
    "texts it gives the same answer.\n"
)


def label_readme(description, text, int8=False):
    """The text of a bundle's README.md.

    Args:
        description: dict, the manifest's part that does not depend on the files.
        text: str. A text of the examples.
        int8: bool. Whether there is an ONNX file with integer weights.
    """
    task = TASKS[description["task"]]
    served = task.endpoints["serving_default"].outputs
    has_labels, has_tags = LABEL in served, TAGS in served
    does = ["labels texts"] * has_labels + ["tags their words"] * has_tags
    answer = 'answer["label"].numpy()[0].decode()'
    if not has_labels:
        does, answer = ["tags the words of texts"], 'answer["tags"].numpy()[0]'
    explained = [", the evidence: how much the label looked at each token"] * has_labels
    explained += [", the probability of each tag"] * has_tags
    request = json.dumps({"inputs": {"text": [text]}}, ensure_ascii=False)
    inputs = task.endpoints[task.arrays].inputs
    with_text = description["needs_tensorflow_text"]
    note = WORDS_NOTE if WORDS in inputs else ""
    return TEMPLATE.format(
        name=description["name"],
        does=" and ".join(does),
        names=" and ".join(part for part in ("labels", "tags") if part in description),
        opset=description["onnx_opset"],
        outputs=outputs(description),
        kind=description["tokenizer"]["source"]["kind"],
        max_source_length=description["max_source_length"],
        end=description["special_ids"]["end"],
        pad=description["special_ids"]["pad"],
        explained="".join(explained),
        answer_note=TAGS_NOTE if has_tags else "",
        printed=f'{answer}, answer["score"].numpy()[0]',
        part="labels" if has_labels else "tags",
        words=f', "{WORDS}": np.array([[True, True, False]])' if WORDS in inputs else "",
        ids=task.encoded_answer,
        scores=task.encoded_score,
        named="names[ids[0]]" if has_labels else "[names[tag] for tag in ids[0, :2]]",
        shell_text=quoted(text),
        shell_request=quoted(request),
        python_text=repr(text),
        text_note=TEXT_NOTE if with_text else "",
        text_import="import tensorflow_text\n" if with_text else "",
        int8_file=INT8_FILE if int8 else "",
        int8_note=INT8_NOTE if int8 else "",
        ids_note=note + spelled_vocabulary(description, "codec/source"),
    )
