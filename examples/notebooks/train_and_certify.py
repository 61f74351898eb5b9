# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Train networks, and say what their test error is worth
#
# Two classes in the plane whose law is known, so that every estimate can be compared with the truth.

# %%
from backproof import datasets, plots, risk, training

data = datasets.lab_mixture()
x, t = data.sample(200, seed=1)
print(f"Bayes error {data.bayes_error():.4%}")

# %% [markdown]
# Every size with every seed in one call; the band is where networks of a size disagree.

# %%
fits = training.fit([5, 100], seeds=range(8), x=x, t=t, steps=1000)
plots.boundaries(fits, x, t, bayes=data.score)

# %% [markdown]
# ## One test set
#
# A network and a thousand examples. The interval is exact, whatever the true error is.

# %%
network = fits.of_size(100)[0]
test_x, test_t = data.sample(1000, seed=2)
predicted = network.classify(test_x).numpy()
risk.certify(test_t, predicted)

# %% [markdown]
# Since the law is known, so is the true error:

# %%
print(f"{data.true_error(network.classify):.4%}")

# %% [markdown]
# ## Is it below five percent? How many examples does one percent take?

# %%
risk.bound_error(int((predicted != test_t).sum()), 1000, limit=0.05)

# %%
risk.plan(margin=0.01, confidence=0.99)

# %% [markdown]
# ## Other test sets
#
# What the error would have been on two thousand other test sets, and how often the interval covers.

# %%
errors = risk.simulate_errors(data.sample, [network.classify], sets=2000)[0]
covered = risk.covered_sets(
    "clopper-pearson", errors, 1000, error=data.true_error(network.classify)
)
print(f"{covered.mean():.2%} of the intervals cover the true error")
