"""The baseline that anyone takes first for labels: TF-IDF and logistic regression of scikit-learn.

    python benchmarks/label_baseline.py --train-table train.csv --test-table test.csv \\
        --target-column category [--folds 10] [--json]

Takes the options of labelled data that `keras-attention train` takes, and reads, holds out and
scores with the same functions. The regularization and the features (words, or words and characters)
are chosen by the accuracy on validation; the test is scored once. With --folds the training data is
divided into as many parts of the same labels, each of which is the test once; equal texts stay
together, and what is chosen is chosen anew in each fold, on a held-out tenth of its training texts.
"""

import argparse
import json
import time

import machine
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline, make_union

from keras_attention.training import LabelledDataOptions, labelled_splits
from keras_attention.training.data.pairs import normalized_source, split_share
from keras_attention.training.label_scores import score_labels

STRENGTHS = (1, 3, 10, 30, 100)


def features(name):
    """The TF-IDF of words and pairs of words, or also that of two to five characters."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    if name == "words":
        return words
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    return make_union(words, characters)


def chosen(train, validation):
    """The model that is best on validation, with its features and the strength it was given."""
    found = []
    for name in ("words", "words and characters"):
        vectors = features(name).fit(train.texts)
        inputs, held_out = vectors.transform(train.texts), vectors.transform(validation.texts)
        for strength in STRENGTHS:
            model = LogisticRegression(C=strength, max_iter=1000).fit(inputs, train.labels)
            accuracy = np.mean(model.predict(held_out) == np.array(validation.labels))
            found.append((accuracy, name, strength, make_pipeline(vectors, model)))
    return max(found, key=lambda row: row[0])


def scored(model, test):
    """Scores of a model on the examples of a test."""
    probabilities = model.predict_proba(test.texts)
    answers = model.classes_[probabilities.argmax(axis=1)].tolist()
    return score_labels(answers, test.labels, probabilities.max(axis=1).tolist())


def texts_per_second(model, texts, batch):
    """Texts per second in batches, the best of three rounds."""
    texts = texts[: 200 if batch == 1 else 3200]
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        for place in range(0, len(texts), batch):
            model.predict_proba(texts[place : place + batch])
        seconds.append(time.perf_counter() - begin)
    return len(texts) / min(seconds)


def row_of(train, validation, test):
    """What is chosen on validation and how it does on the test."""
    begin = time.perf_counter()
    accuracy, name, strength, model = chosen(train, validation)
    seconds = time.perf_counter() - begin
    scores = scored(model, test)
    return {
        "features": name,
        "C": strength,
        "validation": round(float(accuracy), 4),
        "accuracy": round(scores["accuracy"], 4),
        "macro_f1": round(scores["macro_f1"], 4),
        "calibration_error": round(scores["calibration"]["error"], 4),
        "fit_seconds": round(seconds, 1),
        "texts_per_second_1": round(texts_per_second(model, test.texts, 1)),
        "texts_per_second_32": round(texts_per_second(model, test.texts, 32)),
    }


def folds(examples, number, seed):
    """Pairs of training and test examples: each example is in one test."""
    groups = [normalized_source(text) for text in examples.texts]
    splitter = StratifiedGroupKFold(number, shuffle=True, random_state=seed)
    for rest, test in splitter.split(examples.texts, examples.labels, groups):
        yield examples.select(rest.tolist()), examples.select(test.tolist())


def main():
    """Prints a row, or with folds a row for each and their means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folds", type=int, default=0, help="divide the training data into tests")
    parser.add_argument("--seed", type=int, default=0, help="of what is held out")
    parser.add_argument("--json", action="store_true", help="rows as JSON lines")
    known, others = parser.parse_known_args()
    names = [flag.removeprefix("--").replace("-", "_") for flag in others[::2]]
    options = dict(zip(names, others[1::2], strict=True))
    for name in options:
        if name.endswith(("_share", "_size", "_per_label")):
            options[name] = json.loads(options[name])
    splits = labelled_splits(LabelledDataOptions(**options), known.seed, report=lambda line: None)
    machine.report(known.json)
    if not known.folds:
        rows = [row_of(splits.train, splits.validation, splits.test)]
    else:
        everything = splits.train
        for part in (splits.validation, splits.test):
            everything = type(everything)(
                everything.texts + part.texts, everything.labels + part.labels
            )
        rows = []
        for train, test in folds(everything, known.folds, known.seed):
            train, validation = split_share(train, 0.1, known.seed, strata=train.labels)
            rows.append(row_of(train, validation, test))
        numbers = [name for name, value in rows[0].items() if isinstance(value, float)]
        rows.append({name: round(float(np.mean([r[name] for r in rows])), 4) for name in numbers})
    for row in rows:
        print(json.dumps(row) if known.json else row, flush=True)


if __name__ == "__main__":
    main()
