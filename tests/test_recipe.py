"""Recipes are strict: whatever does not fit is named, with the nearest key that would."""

import pytest

from depthlib.errors import DepthError
from depthlib.recipe import PROFILES, from_dict, load_recipe, recipe_names


@pytest.mark.parametrize("name", recipe_names())
@pytest.mark.parametrize("profile", PROFILES)
def test_every_recipe_reads_in_every_profile_and_back(name, profile):
    recipe = load_recipe(name, profile)
    assert recipe.name == name and from_dict(recipe.to_dict(), "again") == recipe


def test_profiles_change_numbers_not_code_paths():
    for name in recipe_names():
        kinds = {
            tuple((p.train, p.optimiser, p.augment) for p in load_recipe(name, profile).phases) for profile in PROFILES
        }
        assert len(kinds) == 1


def test_parameters_by_tail_or_path_and_their_types():
    recipe = load_recipe("eigen-nyu", "smoke", lam="0.25", seed="3", **{"phases.1.samples": 7})
    assert recipe.loss.options["lam"] == 0.25 and recipe.seed == 3 and recipe.phases[1].samples == 7


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"lambda": 1}, "did you mean 'lam'"),
        ({"samples": 10}, r"ambiguous.*phases\.0\.samples"),
        ({"seed": "many"}, "expected int"),
        ({"phases.0.schedule": "warm"}, "constant"),
        ({"phases.0.rates": 3}, "mapping"),
    ],
)
def test_parameters_that_do_not_fit(parameters, words):
    with pytest.raises(DepthError, match=words):
        load_recipe("eigen-nyu", "smoke", **parameters)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: x\n", "missing"),
        ("- 1\n", "mapping"),
        ("name: [", "YAML"),
        ("nmae: x\n", "did you mean 'name'"),
    ],
)
def test_files_that_are_no_recipe(tmp_path, text, words):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(DepthError, match=words):
        load_recipe(tmp_path / "bad.yaml")


def test_unknown_recipe_and_profile():
    with pytest.raises(DepthError, match="did you mean 'eigen-nyu'"):
        load_recipe("eigen-nuy")
    with pytest.raises(DepthError, match="smoke, cpu, gpu"):
        load_recipe("eigen-nyu", "huge")
