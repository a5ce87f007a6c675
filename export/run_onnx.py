"""Runs an ONNX file with onnxruntime and NumPy alone: a program for a clean process, not a module.

    python -I run_onnx.py ONNX_FILE REQUEST ANSWER

Reads source ids and batch sizes from the JSON file REQUEST and writes to ANSWER what the search
finds, sentence by sentence, for each batch size. Neither TensorFlow nor Keras nor the package that
wrote the file can be imported here.
"""

import json
import sys

for name in ("tensorflow", "keras", "tf_keras", "keras_attention", "tensorflow_text", "tf2onnx"):
    sys.modules[name] = None  # Makes `import` raise ImportError.

import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402


def answer_batch(session, source_ids):
    """For each row of source ids a dict of what the search finds."""
    padded = np.zeros((len(source_ids), max(map(len, source_ids))), "int32")
    for row, ids in enumerate(source_ids):
        padded[row, : len(ids)] = ids
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(names, {"source_ids": padded}), strict=True))
    answers = []
    for row in range(len(source_ids)):
        best = {name: output[row, 0] for name, output in found.items()}
        length = best["lengths"]
        answer = {
            "ids": best["ids"][:length].tolist(),
            "ids_score": float(best["scores"]),
            "ids_alignment": best["alignments"][:length].tolist(),
        }
        if "token_scores" in best:  # A bundle of version 0.1 has none.
            answer["ids_token_scores"] = best["token_scores"][:length].tolist()
        answers.append(answer)
    return answers


def main(onnx_file, request_file, answer_file):
    """Answers a request."""
    with open(request_file, encoding="utf-8") as file:
        request = json.load(file)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        onnx_file, sess_options=options, providers=["CPUExecutionProvider"]
    )
    source_ids = request["source_ids"]
    answers = {}
    for size in request["batch_sizes"]:
        rows = answers[str(size)] = []
        for begin in range(0, len(source_ids), size):
            rows.extend(answer_batch(session, source_ids[begin : begin + size]))
    with open(answer_file, "w", encoding="utf-8") as file:
        json.dump(answers, file)


if __name__ == "__main__":
    main(*sys.argv[1:4])
