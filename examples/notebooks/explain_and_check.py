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
# # What did autograd record, and is the gradient right?
#
# The magic `%%explain` runs a cell under the tape, and says below it what went wrong, by line.

# %%
# %load_ext backproof
import torch

# %% [markdown]
# A weight is cut off by `detach`. The cell runs without an error; the tape says what is wrong.

# %%
# %%explain
w = torch.tensor([1.0, 2.0], requires_grad=True)
scale = torch.ones(2, requires_grad=True)
loss = (w.detach() * scale).sum()
loss.backward()

# %% [markdown]
# In code, the same as a context manager. A graph is drawn where it is the last value of a cell.

# %%
from backproof import tape

with tape.explain() as session:
    w = torch.tensor(1.0, requires_grad=True)
    loss = (torch.exp(w) - 5) ** 2
    loss.backward()

session.graph

# %% [markdown]
# ## A gradient of one's own
#
# A custom function whose backward pass has a mistake in one of its entries.

# %%
from backproof import gradcheck


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        gradient = 3 * x**2 * g
        gradient[-1] *= 0.9
        return gradient


x = torch.linspace(1, 2, 100, dtype=torch.float64)
report = gradcheck.check(Cube.apply, x)
report

# %% [markdown]
# The report names the entry, and by which factor it is off. Numbers can be taken from it:

# %%
(entry,) = report.tensors[0].wrong
entry.index, entry.claimed / entry.numeric

# %% [markdown]
# ## The error against the step
#
# On the right the truncation of the difference, which falls with the square of the step; on the left rounding.

# %%
from backproof import plots

plots.sweep([gradcheck.sweep(torch.exp, x[:5], loss=torch.sum)])
