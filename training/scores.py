"""Exact match, BLEU, chrF and TER, as fractions, with sacrebleu's signatures."""

from sacrebleu.metrics import BLEU, CHRF, TER


def exact_match(translations, references):
    """Share of translations that are their reference, letter for letter.

    Example:

    >>> exact_match(["a", "b"], ["a", "c"])
    0.5
    """
    pairs = zip(translations, references, strict=True)
    return sum(translation == reference for translation, reference in pairs) / len(references)


def score_texts(translations, references, bleu_tokenizer="13a", ter=True):
    """Scores of a corpus, each a fraction: sacrebleu's numbers divided by 100.

    Args:
        translations: list of str.
        references: list of str, as many.
        bleu_tokenizer: str. One of sacrebleu's tokenizers; `"none"` for text that is tokenised.
        ter: bool. Whether to compute TER, the slowest.

    Returns:
        Dict with `exact_match`, `bleu`, `chrf`, `ter` (lower is better) and `signatures`,
        sacrebleu's own for each of its metrics.
    """
    metrics = {"bleu": BLEU(tokenize=bleu_tokenizer, force=True), "chrf": CHRF()}
    if ter:
        metrics["ter"] = TER()
    scores = {"exact_match": exact_match(translations, references)}
    signatures = {}
    for name, metric in metrics.items():
        score = metric.corpus_score(translations, [references]).score / 100
        scores[name] = round(score, 9)  # A perfect BLEU comes as 100.00000000000004.
        signatures[name] = str(metric.get_signature())
    return {**scores, "signatures": signatures}
