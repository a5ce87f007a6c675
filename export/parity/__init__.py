"""Whether exported files produce the outputs of the trained model, in processes without it."""

from .check import agreement as agreement
from .check import check_parity as check_parity
from .check import compare as compare
from .check import onnx_outputs as onnx_outputs
