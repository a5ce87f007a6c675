"""Labelled texts for people and programs: in a terminal, as a web page, as JSON."""

from keras_attention.display.page import evidence_page as evidence_page
from keras_attention.display.records import labelling_record as labelling_record
from keras_attention.display.shown import given_labels as given_labels
from keras_attention.display.text import labelling_text as labelling_text
from keras_attention.display.text import print_labelling as print_labelling
