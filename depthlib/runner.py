# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # One run
#
# This notebook is what `depthlib run RECIPE` executes: it trains a recipe, scores it, and shows what came of it.
# `depthlib train RECIPE` is the same without the pictures.

# %% tags=["parameters"]
recipe = "eigen-rooms"  # a name from `depthlib run --list`, or the path of a YAML file
profile = "smoke"  # smoke (seconds), cpu (minutes), gpu (the real thing)
parameters: dict = {}  # overrides, such as {"lam": 0.25}
out = "runs/eigen-rooms/smoke-0"  # checkpoints, log and results
trackers: list = []  # such as ["tensorboard"]
command = ""  # how this run was started; kept with its results

# %%
from IPython.display import Markdown, display

from depthlib import plots
from depthlib.prediction import predict
from depthlib.predictors import Shown
from depthlib.recipe import load_recipe
from depthlib.reporting import left_out, table
from depthlib.runs import run_and_score
from depthlib.sample import collate
from depthlib.scoring import observed
from depthlib.training import open_spec

settings = load_recipe(recipe, profile, **parameters)
display(Markdown(f"**{settings.name}** ({profile}): {settings.description}"))

# %% [markdown]
# ## Data

# %%
dataset = open_spec(settings.data)
samples = dataset.__getitems__(range(min(6, len(dataset))))
print(f"{settings.data.name}: {len(dataset)} samples", *left_out(dataset), sep="\n")
plots.contact_sheet(samples)

# %% [markdown]
# ## Training

# %%
run, results = run_and_score(
    settings, profile, out, parameters, progress=False, trackers=tuple(trackers), command=command or None
)
plots.curves(run.history)

# %% [markdown]
# ## Scores

# %%
for where, entry in results["metrics"].items():
    display(Markdown(f"**{where}**\n\n{table(entry)}"))
print(f"{results['samples_seen']} samples in {results['seconds']['train'] / 60:.1f} minutes on {results['device']}")

# %% [markdown]
# ## Predictions

# %%
spec = settings.evaluate[0] if settings.evaluate else None
dataset = open_spec(spec.data if spec else settings.data)
shown = dataset.__getitems__(range(min(4, len(dataset))))
observation = observed(settings, spec)
stages = {}
for stage in spec.stages if spec else (settings.phases[-1].train,):
    run.model.begin_phase(stage)
    if observation:
        stages[stage] = list(Shown(run.model, observation).of(collate(shown)))
    else:
        stages[stage] = [predict(run.model, sample["rgb"]).full()[0] for sample in shown]
for i, sample in enumerate(shown):
    display(plots.compare(sample["rgb"], {name: maps[i] for name, maps in stages.items()}, sample["depth"]))
