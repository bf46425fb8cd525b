# %% [markdown]
# # Bibliography
#
# Everything that the chapters cite.
#
# ```{bibliography}
# :all:
# ```
