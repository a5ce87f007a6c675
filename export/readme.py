"""The instructions that lie in a bundle."""

import json
import textwrap

from keras_attention.predictors.rows import LENGTH_STEP

from .signatures import TASKS

TEMPLATE = """\
# {name}

A translation model, exported by keras_attention. It takes strings and returns strings. You can
move this folder anywhere: no file in it contains a path.

| File | What it is |
|---|---|
| `saved_model/1/` | SavedModel for TF Serving, warm-up requests included: strings in and out |
| `onnx/model.onnx` | takes token ids, contains the search (opset {opset}); needs only onnxruntime |
{int8_file}| `tokenizer/source`, `tokenizer/target` | the tokenizers ({kinds}): they make ids |
| `parity.npz` | NumPy arrays: held-out sentences and the outputs of the trained model |
| `manifest.json` | origin, versions, settings, scores, parity check, checksums |

    keras-attention translate {name} {shell_text}
    keras-attention translate {name} --format onnx {shell_text}
    keras-attention verify {name}

## TF Serving

    docker run -p 8501:8501 -e MODEL_NAME={name} \\
        -v "$PWD/saved_model:/models/{name}" tensorflow/serving
    curl http://localhost:8501/v1/models/{name}:predict -d {shell_request}

Add `"signature_name"` to the request to call another endpoint:

- `"explain"` also returns the tokens, their scores, the alignment, and `finished`, which is
  false if the translation was cut off at the maximum length of the search.
- `"nbest"` returns all hypotheses, and for each of them `finished`.
- `"search"` takes ids.

A score of -1e30 marks an empty place: the search found fewer hypotheses than it can return, or it
allows no translation of the text. A text with more than {max_source_length} tokens, including the
end token, is an error.
{text_note}{xla_note}
## Python, with TensorFlow only

```python
import tensorflow as tf
{text_import}
translator = tf.saved_model.load("saved_model/1")
answer = translator.signatures["serving_default"](text=tf.constant([{python_text}]))
print(answer["text"].numpy()[0].decode(), answer["score"].numpy()[0])
```

## Python, with onnxruntime only

Each row of ids ends with {end} and is padded with {pad}. {ids_note}

```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("onnx/model.onnx", providers=["CPUExecutionProvider"])
source_ids = np.array([[4, 5, {end}]], "int32")  # (batch, source)
ids, scores, lengths = session.run(["ids", "scores", "lengths"], {{"source_ids": source_ids}})
print(ids[0, 0, : lengths[0, 0]], scores[0, 0])
```

{outputs}

The best hypothesis comes first. A score of -1e30 marks an empty place. A translation as long as the
axis `target` was cut off at the maximum length; a shorter one is finished.
{int8_note}
To make ids with the tokenizers, in Python:

```python
from keras_attention import text

source, target = text.load("tokenizer/source"), text.load("tokenizer/target")
ids = source.encode([{python_text}]).to_tensor()  # append {end} to each row
```
"""

TEXT_NOTE = (
    "The tokenizer is SentencePiece: to load the SavedModel, import tensorflow_text first.\n"
)
XLA_NOTE = (
    "XLA compiles the search at the first request of each shape, which takes seconds: once for\n"
    "`serving_default`, once for `explain` and `search`, and once for `nbest` if it keeps more\n"
    "hypotheses than the others. To keep the number of shapes small, batches are padded to a\n"
    "power of two, and sources to a multiple of {step} tokens. On a CPU, TF Serving needs\n"
    "`--xla_cpu_compilation_enabled=true` at the end of its command.\n"
)
INT8_FILE = "| `onnx/model.int8.onnx` | the same with 8-bit weights: smaller, less exact |\n"
INT8_NOTE = (
    "\n`onnx/model.int8.onnx` is called in the same way. It rounds, with one scale for the whole\n"
    "batch, so a translation may differ from that of the trained model, and may depend on the\n"
    "other rows of the batch. `int8` in `manifest.json` says for how many of the held-out\n"
    "sentences it gives the text of the trained model.\n"
)
VOCABULARY_NOTE = (
    "Token `i` of `vocabulary` in\n`{folder}/tokenizer.json` has the id `4 + i`; "
    "an unknown token has the id 1."
)


def readme(description, text, int8=False):
    """The text of a bundle's README.md.

    Args:
        description: dict, the manifest's part that does not depend on the files.
        text: str. A text to translate in the examples.
        int8: bool. Whether there is an ONNX file with integer weights.
    """
    kinds = dict.fromkeys(side["kind"] for side in description["tokenizer"].values())
    with_text = description["needs_tensorflow_text"]
    request = json.dumps({"inputs": {"text": [text]}}, ensure_ascii=False)
    return TEMPLATE.format(
        name=description["name"],
        opset=description["onnx_opset"],
        outputs=outputs(description),
        kinds=", ".join(kinds),
        max_source_length=description["max_source_length"],
        end=description["special_ids"]["end"],
        pad=description["special_ids"]["pad"],
        shell_text=quoted(text),
        shell_request=quoted(request),
        python_text=repr(text),
        text_note=TEXT_NOTE if with_text else "",
        xla_note=XLA_NOTE.format(step=LENGTH_STEP) if description["xla"] else "",
        int8_file=INT8_FILE if int8 else "",
        int8_note=INT8_NOTE if int8 else "",
        text_import="import tensorflow_text\n" if with_text else "",
        ids_note=spelled_vocabulary(description, "tokenizer/source"),
    )


def spelled_vocabulary(description, folder):
    """What ids stand for, where the tokenizer of the source spells it out.

    Args:
        description: dict, as for `readme`.
        folder: str. That of the tokenizer.
    """
    kind = description["tokenizer"]["source"]["kind"]
    is_spelled = kind in ("character", "word", "wordpiece")
    return VOCABULARY_NOTE.format(folder=folder) if is_spelled else ""


def outputs(description):
    """A sentence that lists the outputs of the ONNX file.

    Args:
        description: dict, as for `readme`.
    """
    task = TASKS[description["task"]]
    ports = task.endpoints[task.arrays].outputs
    listed = ", ".join(
        f"`{name}` {port.dtype} `({', '.join(port.axes)})`" for name, port in ports.items()
    )
    return textwrap.fill(f"Outputs: {listed}.", width=100, break_on_hyphens=False)


def quoted(text):
    """A text as a shell takes it."""
    return "'" + text.replace("'", "'\\''") + "'"
