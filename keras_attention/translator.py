"""`Translator` under the name of the module that held it until version 0.1."""

from keras_attention.predictors.rows import LENGTH_STEP as LENGTH_STEP
from keras_attention.predictors.rows import Found as Found
from keras_attention.predictors.rows import pad as pad
from keras_attention.predictors.rows import too_long as too_long
from keras_attention.predictors.translator import Translator as Translator
