"""How far a run is, and how its learning rates go."""

from __future__ import annotations

from dataclasses import fields

import pytest

from models.training.checkpoint import LifterRecipeFields, RefineRecipeFields
from models.training.recipe import LifterRecipe, RefineRecipe


def test_a_lifters_rate_rises_stays_and_falls() -> None:
    recipe = LifterRecipe(steps=10, minutes=2.0, warmup=1, decay=0.5)
    assert recipe.progress(9, 30) == 0.25 and recipe.rate(9, 0.25) == 1 and recipe.rate(9, 0.75) == pytest.approx(0.5)
    assert recipe.rate(9, 1.1) == 0
    assert LifterRecipe(warmup=4).rate(0, 0.0) == 0.25 and LifterRecipe(steps=10).progress(5, 1e9) == 0.5


def test_a_modules_rate_falls_by_a_cosine() -> None:
    recipe = RefineRecipe()
    assert [recipe.rate(0, progress) for progress in (0, 0.5, 1, 2)] == pytest.approx([1, 0.5, 0, 0])


@pytest.mark.parametrize(("recipe", "stored"), [(LifterRecipe, LifterRecipeFields), (RefineRecipe, RefineRecipeFields)])
def test_every_field_is_stored(recipe: type, stored: type) -> None:
    assert {field.name for field in fields(recipe)} == set(stored.__annotations__)
