"""Recipes are strict: whatever does not fit is named, with the nearest key that would."""

import dataclasses
import json

import pytest
import torch
import yaml
from made import make_pairs

from depthlib.errors import DepthError
from depthlib.preflight import preflight
from depthlib.recipe import PROFILES, from_dict, load_recipe, recipe_names
from depthlib.training import open_spec


@pytest.mark.parametrize("name", recipe_names())
@pytest.mark.parametrize("profile", PROFILES)
def test_every_recipe_reads_in_every_profile_and_back(name, profile):
    recipe = load_recipe(name, profile)
    assert recipe.name == name and from_dict(recipe.to_dict(), "again") == recipe


def leaves(node, path=""):
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list | tuple) else None
    if items is None:
        return {path: node}
    return {at: value for key, child in items for at, value in leaves(child, f"{path}.{key}").items()}


#: What a profile may change: how much, how large, how exactly, and where the first weights come from.
SIZES = {"samples", "batch", "count", "size", "width", "blocks", "levels", "keep", "precision", "weights",
         "checkpoint_every", "validate_every", "device", "processes"}  # fmt: skip


def test_profiles_change_sizes_and_nothing_else():
    for name in recipe_names():
        whole = [leaves(load_recipe(name, profile).to_dict()) for profile in PROFILES]
        for path in set().union(*whole):
            last = next(part for part in reversed(path.split(".")) if not part.isdigit())
            same = len({repr(each.get(path)) for each in whole}) == 1
            assert same or last in SIZES or path.startswith(".evaluate."), (name, path)


@pytest.mark.parametrize(("name", "coarse", "fine"), [("eigen-nyu-raw", 2_000_000, 1_500_000),
    ("eigen-nyu-raw-paper", 2_000_000, 1_500_000), ("eigen-nyu-paper", 2_000_000, 1_500_000),
    ("eigen-kitti", 1_500_000, 1_000_000), ("eigen-kitti-paper", 1_500_000, 1_000_000), ("eigen-nyu-report", 4 * 795, 4 * 795)])  # fmt: skip
def test_what_trains_as_long_as_in_the_paper_does_so_on_a_gpu(name, coarse, fine):
    assert [phase.samples for phase in load_recipe(name, "gpu").phases] == [coarse, fine]


@pytest.mark.parametrize("name", recipe_names())
def test_on_a_gpu_scenes_are_drawn_there_and_saving_does_not_hold_up_the_steps(name):
    """Adam's numbers and the weights of Eigen's network are 0.9 GB: every 200 steps of 4 ms they would take half of the time."""
    recipe = load_recipe(name, "gpu")
    for spec in (recipe.data, *(phase.data for phase in recipe.phases if phase.data)):
        if spec.name in ("rooms", "roads"):
            assert spec.options["device"] == spec.options["processes"] == "auto"
            assert open_spec(dataclasses.replace(spec, options={**spec.options, "keep": False})).device == torch.device(
                "cuda" if torch.cuda.is_available() else "cpu"
            )
    assert all(phase.checkpoint_every >= 2000 for phase in recipe.phases)


@pytest.mark.parametrize("name", ["eigen-nyu-raw-paper", "eigen-kitti-paper"])
def test_as_near_to_the_paper_as_this_library_comes(name):
    recipe, small = load_recipe(name, "gpu"), load_recipe("eigen-nyu-paper", "gpu")
    assert recipe.model.options["identity_start"] is False and recipe.loss == small.loss
    for ours, theirs in zip(recipe.phases, small.phases, strict=True):
        assert (ours.rates, ours.weight_decay, ours.momentum) == (theirs.rates, theirs.weight_decay, 0.9)
        assert (ours.optimiser, ours.schedule, ours.precision, ours.batch) == ("sgd", "constant", "fp32", 32)


def test_densedepth_on_its_own_frames_trains_twenty_epochs_of_them():
    for encoder in ("densenet169", "densenet121"):
        recipe = load_recipe(f"densedepth{encoder.removeprefix('densenet')}-nyu50k", "gpu")
        assert recipe.phases[0].samples == 20 * 50_688 and recipe.model.options["encoder"] == encoder
        assert recipe.data.size == recipe.evaluate[0].data.size == (480, 640)


def test_parameters_by_tail_or_path_and_their_types():
    recipe = load_recipe("eigen-nyu", "smoke", lam="0.25", seed="3", **{"phases.1.samples": 9})
    assert recipe.loss.options["lam"] == 0.25 and recipe.seed == 3 and recipe.phases[1].samples == 9


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"lambda": 1}, "it is 'lam'"),
        ({"lamda": 1}, "did you mean 'lam'"),
        ({"lr": 1}, "rates are said by part of the network"),
        ({"epochs": 3}, "phases.0.samples=20000"),
        ({"samples": 10}, r"ambiguous.*phases\.0\.samples"),
        ({"seed": "many"}, "expected int"),
        ({"phases.0.schedule": "warm"}, "constant"),
        ({"phases.0.rates": 3}, "mapping"),
        ({"phases.0.rates": {1: 1.0}}, "names as keys"),
        ({"phases.0.rates": {"coarse": -1}}, "coarse is -1.0; expected 0 or more"),
        ({"phases.0.weight_decay": {"coarse": float("nan")}}, "coarse is nan"),
        ({"phases.0.batch": 0}, "batch is 0; expected 1 or more"),
        ({"phases.0.batch": 1000000}, "at most the phase's 32 samples"),
        ({"phases.0.samples": -8}, "samples is -8"),
        ({"phases.0.accumulate": 0}, "accumulate is 0"),
        ({"phases.0.accumulate": 9}, "at most the batch, 8"),
        ({"phases.0.checkpoint_every": 0}, "checkpoint_every is 0"),
        ({"phases.0.validate_every": -1}, "validate_every is -1"),
        ({"phases.0.warmup": -5}, "warmup is -5"),
        ({"phases.0.clip": -1}, "clip is -1"),
        ({"phases.0.ema": 2}, "ema is 2.0; expected 0 or more and less than 1"),
        ({"phases.0.ema": float("nan")}, "ema is nan"),
        ({"phases.0.momentum": -1}, "momentum is -1"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**32}, "seed is 4294967296"),
        ({"phases": []}, "phases is empty"),
        ({"name": "../../esc"}, "it names a folder"),
        ({"lam": "[1"}, "parameter lam: not valid YAML"),
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
        ("name: x\nname: y\n", "stands twice"),
        ("name: x\nprofiles: [1]\n", "overrides under smoke, cpu, gpu"),
        ("name: x\nprofiles: {smok: {seed: 1}}\n", "overrides under smoke, cpu, gpu"),
        ("name: x\nprofiles: {smoke: abc}\n", "overrides under smoke, cpu, gpu"),
        ("name: !!python/name:os.system\n", "not valid YAML"),
        ("name: x\nbase: eigen-nuy\ndescription: d\noverrides: {}\n", "did you mean 'eigen-nyu'"),
        ("name: x\nbase: ../recipes/eigen-nyu\ndescription: d\noverrides: {}\n", "is no recipe of the library"),
        ("name: x\nbase: bad.yaml\ndescription: d\noverrides: {}\n", "is no recipe of the library"),
        ("name: x\nbase: eigen-nyu\ndescription: d\noverrides: {model.options: 3, width: 1}\n", "no parameter 'width'"),
        ("name: x\nbase: densedepth-mobilenet-random\ndescription: d\noverrides: {}\n", "has a base itself"),
        ("name: x\nbase: eigen-nyu\ndescription: d\noverrides: {lamda: 1}\n", "did you mean 'lam'"),
        ("name: x\nbase: eigen-nyu\ndescription: d\noverrides: {}\nseed: 1\n", "unknown key 'seed'"),
        ("name: x\nbase: eigen-nyu\noverrides: {}\n", "'description' is missing"),
    ],
)
def test_files_that_are_no_recipe(tmp_path, text, words):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(DepthError, match=words):
        load_recipe(tmp_path / "bad.yaml")


def test_a_recipe_that_cannot_be_read_as_text(tmp_path):
    (tmp_path / "bad.yaml").write_bytes(b"name: \xff\xfe")
    (tmp_path / "folder.yaml").mkdir()
    for name in ("bad", "folder"):
        with pytest.raises(DepthError, match=f"{name}.yaml: cannot be read"):
            load_recipe(tmp_path / f"{name}.yaml")


def test_numbers_as_people_write_them():
    recipe = load_recipe("eigen-nyu", "smoke", lam="1e-1", **{"phases.0.rates": "{coarse: 1e-4}"})
    assert recipe.loss.options["lam"] == 0.1 and recipe.phases[0].rates["coarse"] == 1e-4


def test_unknown_recipe_and_profile():
    with pytest.raises(DepthError, match="did you mean 'eigen-nyu'"):
        load_recipe("eigen-nuy")
    with pytest.raises(DepthError, match="smoke, cpu, gpu"):
        load_recipe("eigen-nyu", "huge")


def test_a_twin_is_its_base_but_for_what_it_says():
    base, twin = (load_recipe(f"densedepth-mobilenet-{name}", "cpu").to_dict() for name in ("nyu", "random"))
    assert twin.pop("description") != base.pop("description") and twin.pop("name") != base.pop("name")
    options = [d["model"]["options"] for d in (base, twin)]
    assert [o.pop("weights") for o in options] == ["IMAGENET1K_V1", None]
    assert [o.pop("freeze_statistics") for o in options] == [True, False]
    assert base["phases"][0].pop("rates") != twin["phases"][0].pop("rates")
    assert twin == base
    assert load_recipe("densedepth-mobilenet-random", "smoke").phases[0].samples == 32  # profiles come along


def test_the_task_is_what_the_network_is_shown(tmp_path):
    path = tmp_path / "mine.yaml"
    whole = load_recipe("eigen-rooms", "smoke").to_dict()
    path.write_text(yaml.safe_dump(json.loads(json.dumps({**whole, "task": "sparse"}))))
    with pytest.raises(DepthError, match="task is 'sparse', but what model 'eigen' is shown makes it 'depth'"):
        preflight(load_recipe(path))


def test_a_folder_is_not_scored_on_what_it_taught(tmp_path):
    pairs = make_pairs(tmp_path / "pairs", 4)
    folder = {"name": "folder", "size": [240, 320], "options": {"root": str(pairs)}}
    changes = {
        "data": folder,
        "evaluate": [{"data": {**folder, "split": "test"}, "protocol": "full", "stages": ["coarse"]}],
    }
    with pytest.raises(DepthError, match=r"evaluate\.0\.data: folder has no part 'test'"):
        preflight(load_recipe("eigen-rooms", "smoke", **changes))
    names = sorted(path.stem for path in (pairs / "rgb").iterdir())
    (tmp_path / "link").symlink_to(pairs)
    for learned, scored, shared in (
        (None, names[:1], True), (names[:3], names[2:], True), (names[:3], names[3:], False), (names[1:], None, True),
    ):  # fmt: skip
        for root in (pairs, tmp_path / "link", tmp_path / "pairs" / ".." / pairs.name):
            parts = [
                {**folder, "options": {"root": str(where), **({"names": some} if some else {})}}
                for where, some in ((pairs, learned), (root, scored))
            ]
            changes["data"], changes["evaluate"][0]["data"] = parts[0], {**parts[1], "split": "test"}
            if shared:
                with pytest.raises(DepthError, match="has no part 'test'"):
                    preflight(load_recipe("eigen-rooms", "smoke", **changes))
            else:
                preflight(load_recipe("eigen-rooms", "smoke", **changes))


def test_a_file_that_is_not_there_is_no_unknown_recipe(tmp_path):
    with pytest.raises(DepthError, match=r"none\.yaml: no such file"):
        load_recipe(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("recipe", "changes", "words"),
    [
        ("eigen-rooms", {"phases.1.rates": {"coarse": 1.0}}, "'coarse' fits no learning parameter"),
        (
            "eigen-rooms",
            {"loss": {"name": "metres", "options": {}}},
            "MetresLoss compares metres, but the target of Eigen is log metres",
        ),
        (
            "densedepth-mobilenet-rooms",
            {"model.options.output": "reciprocal"},
            "compares log metres, but the target of DenseDepth is reciprocal",
        ),
        (
            "superres-base",
            {"observe.options.factor": 4},
            r"observe: makes maps 4 times smaller, but Generator enlarges 8 times",
        ),
    ],
)
def test_what_would_fail_later_fails_before_the_first_step(recipe, changes, words):
    with pytest.raises(DepthError, match=words):
        preflight(load_recipe(recipe, "smoke", **changes))
