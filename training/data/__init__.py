"""From where data lies to padded batches: readers, splits, digests, tokenization."""
