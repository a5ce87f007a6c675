"""From a run directory to a bundle that others serve.

from keras_attention.export import export, open_predictor, verify

export("runs/dates", to="exports/dates")
open_predictor("exports/dates").predict(["3 mars 2021"])
verify("exports/dates")
"""

from . import requirements as _requirements  # noqa: F401  First: it says what is missing.
from .bundle import export as export
from .bundle import verify as verify
from .errors import BundleError as BundleError
from .errors import ParityError as ParityError
from .predictor import KerasPredictor as KerasPredictor
from .predictor import OnnxInt8Predictor as OnnxInt8Predictor
from .predictor import OnnxPredictor as OnnxPredictor
from .predictor import Predictor as Predictor
from .predictor import SavedModelPredictor as SavedModelPredictor
from .predictor import open_predictor as open_predictor
from .quantize import write_int8 as write_int8
from .saved_model import write_saved_model as write_saved_model
from .to_onnx import write_onnx as write_onnx
