"""Losses of token sequences, labels and tags."""

from keras_attention.losses.contrastive import InBatchContrastive as InBatchContrastive
from keras_attention.losses.crf import CRFLoss as CRFLoss
from keras_attention.losses.multi_label import MultiLabelCrossEntropy as MultiLabelCrossEntropy
from keras_attention.losses.sequence import MaskedReduction as MaskedReduction
from keras_attention.losses.sequence import SequenceCrossEntropy as SequenceCrossEntropy
from keras_attention.losses.sequence import token_labels as token_labels
from keras_attention.losses.sequence import token_weights as token_weights
from keras_attention.losses.span import SpanLoss as SpanLoss
