"""What a user holds: raw things in, answers out, whatever computes them."""

from keras_attention.predictors.labeller import Labeller as Labeller
from keras_attention.predictors.labelling import Labelling as Labelling
from keras_attention.predictors.predictor import Predictor as Predictor
from keras_attention.predictors.translator import Translator as Translator
