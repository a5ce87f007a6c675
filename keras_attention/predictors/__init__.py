"""What a user holds: raw things in, answers out, whatever computes them."""

from keras_attention.predictors.predictor import Predictor as Predictor
from keras_attention.predictors.translator import Translator as Translator
