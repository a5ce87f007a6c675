"""Recipes: every option of a training run, the named recipes, and `recipe.json`."""

from .named import RECIPES as RECIPES
from .named import NamedRecipe as NamedRecipe
from .named import dates as dates
from .named import dates_transformer as dates_transformer
from .named import get as get
from .named import translation as translation
