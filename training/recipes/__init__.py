"""Recipes: every option of a training run, the named recipes, and `recipe.json`."""

from .named import RECIPES as RECIPES
from .named import NamedRecipe as NamedRecipe
from .named import get as get
