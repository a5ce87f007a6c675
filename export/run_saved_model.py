"""Runs a SavedModel with TensorFlow alone: a program for a clean process, not a module to import.

    python -I run_saved_model.py SAVED_MODEL REQUEST ANSWER [--tensorflow-text]

Reads texts, source ids and batch sizes from the JSON file REQUEST and writes to ANSWER what the
endpoints say, text by text, for each batch size. The package that wrote the file cannot be imported
here, and neither Keras nor tensorflow-text unless it is asked for.
"""

import json
import sys

WITH_TENSORFLOW_TEXT = "--tensorflow-text" in sys.argv
BLOCKED = ["keras_attention"]
if not WITH_TENSORFLOW_TEXT:  # Which imports Keras itself.
    BLOCKED += ["keras", "tf_keras", "tensorflow_text"]
for name in BLOCKED:
    sys.modules[name] = None  # Makes `import` raise ImportError.

import tensorflow as tf  # noqa: E402

if WITH_TENSORFLOW_TEXT:
    import tensorflow_text  # noqa: F401


def plain(value):
    """What JSON can hold of an array or of bytes."""
    if isinstance(value, bytes):
        return value.decode()
    return [plain(item) for item in value] if isinstance(value, list) else value


def call(endpoint, **inputs):
    """The outputs of an endpoint, each as nested lists."""
    outputs = endpoint(**inputs)
    return {name: plain(value.numpy().tolist()) for name, value in outputs.items()}


def answer_batch(endpoints, texts, source_ids):
    """For each text a dict of what the endpoints say about it."""
    width = max(map(len, source_ids))
    padded = [row + [0] * (width - len(row)) for row in source_ids]
    text = tf.constant(texts)
    served = call(endpoints["serving_default"], text=text)
    explained = call(endpoints["explain"], text=text)
    nbest = call(endpoints["nbest"], text=text)
    found = call(endpoints["search"], source_ids=tf.constant(padded, tf.int32))
    answers = []
    for row in range(len(texts)):
        length = found["lengths"][row][0]
        answer = {
            "text": served["text"][row],
            "score": served["score"][row],
            "explained_text": explained["text"][row],
            "explained_score": explained["score"][row],
            "source_tokens": explained["source_tokens"][row],
            "target_tokens": explained["target_tokens"][row],
            "alignment": explained["alignment"][row],
            "nbest": list(zip(nbest["text"][row], nbest["score"][row], strict=True)),
            "ids": found["ids"][row][0][:length],
            "ids_score": found["scores"][row][0],
            "ids_alignment": found["alignments"][row][0][:length],
        }
        # What an older bundle lacks.
        if "finished" in explained:
            answer["finished"] = explained["finished"][row]
        if "finished" in nbest:
            answer["nbest_finished"] = nbest["finished"][row].count(True)
        if "token_scores" in explained:
            answer["token_scores"] = explained["token_scores"][row]
        if "token_scores" in found:
            answer["ids_token_scores"] = found["token_scores"][row][0][:length]
        answers.append(answer)
    return answers


def main(saved_model, request_file, answer_file):
    """Answers a request."""
    with open(request_file, encoding="utf-8") as file:
        request = json.load(file)
    endpoints = tf.saved_model.load(saved_model).signatures
    missing = {"serving_default", "explain", "nbest", "search"} - set(endpoints)
    if missing:
        sys.exit(f"it has no endpoint {min(missing)}")
    texts, source_ids = request["texts"], request["source_ids"]
    answers = {}
    for size in request["batch_sizes"]:
        rows = answers[str(size)] = []
        for begin in range(0, len(texts), size):
            part = slice(begin, begin + size)
            rows.extend(answer_batch(endpoints, texts[part], source_ids[part]))
    with open(answer_file, "w", encoding="utf-8") as file:
        json.dump(answers, file)


if __name__ == "__main__":
    main(*sys.argv[1:4])
