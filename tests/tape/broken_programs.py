# mypy: disable-error-code="no-untyped-call, no-any-return, operator, arg-type, union-attr"
"""Programs with one mistake each, of the kind that people make, and the code that it has.

The lines at fault end in a comment that names their role, such as ``# <- saved, wrote``. With
``also`` before the role, a further finding may name the line; with ``not``, none may.
Random numbers come from PyTorch's generator; whoever runs a program seeds it.
"""

import copy
import inspect
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.checkpoint import checkpoint

_MARK = re.compile(r"# <- (.+?)(?:  #|$)")
_RAISES = {
    "inplace-after-save": "modified by an inplace operation",
    "leaf-inplace": "a leaf Variable that requires grad is being used in an in-place operation",
    "integer-leaf": "dtype can require gradients",
    "backward-twice": "Trying to backward through the graph a second time",
}


Places = set[tuple[str, int]]
"""Roles and lines."""


@dataclass(frozen=True)
class Broken:
    """One program and what is to be found in it."""

    program: Callable[[], object]
    code: str
    """The code of the mistake."""
    raises: str
    """Part of what PyTorch says when it raises; empty if it does not."""
    warns: str
    """Part of what PyTorch warns of; empty if it does not."""
    also: tuple[str, ...]
    """Codes of other errors that are just as right."""
    folds: bool
    """Whether it runs so many steps that older records are folded."""

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.program.__name__

    @property
    def marks(self) -> Places:
        """The roles and lines that one finding must name, and in these roles no other line."""
        return {one for one in self._marked if not one[0].startswith(("also ", "not "))}

    @property
    def further(self) -> Places:
        """What another finding of the same code may name as well."""
        return self._with("also ")

    @property
    def innocent(self) -> Places:
        """What no finding of the same code may name."""
        return self._with("not ")

    @property
    def _marked(self) -> Places:
        lines, first = inspect.getsourcelines(self.program)
        found = ((number, _MARK.search(line)) for number, line in enumerate(lines, first))
        return {
            (role, number)
            for number, mark in found
            if mark is not None
            for role in mark.group(1).strip().split(", ")
        }

    def _with(self, word: str) -> Places:
        return {(role.removeprefix(word), n) for role, n in self._marked if role.startswith(word)}


PROGRAMS: list[Broken] = []


def broken(
    code: str,
    *,
    raises: str | None = None,
    warns: str = "",
    also: tuple[str, ...] = (),
    folds: bool = False,
) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """Add a function to the programs."""

    def add(program: Callable[[], object]) -> Callable[[], object]:
        says = _RAISES.get(code, "") if raises is None else raises
        PROGRAMS.append(Broken(program, code, says, warns, also, folds))
        return program

    return add


NO_GRAPH = "does not require grad and does not have a grad_fn"
NON_LEAF = "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed"
TO_SCALAR = "Converting a tensor with requires_grad=True to a scalar"
COPY = "To copy construct from a tensor"


# inplace-after-save


@broken("inplace-after-save")
def halves_the_result_of_exp() -> None:
    """Divide in place what exp needs for its own gradient."""
    w = torch.tensor([0.5, -1.0, 2.0], requires_grad=True)
    y = torch.exp(w)  # <- saved
    loss = y.sum()
    y /= 2  # <- wrote
    loss.backward()


@broken("inplace-after-save")
def scales_one_row_through_a_view() -> None:
    """Write to a row of a saved tensor."""
    w = torch.randn(4, 3, requires_grad=True)
    y = torch.sigmoid(w)  # <- saved
    loss = y.mean()
    row = y[1]
    row.mul_(3)  # <- wrote
    loss.backward()


@broken("inplace-after-save")
def writes_through_a_reshaped_transpose() -> None:
    """Write to a view of a view."""
    w = torch.randn(4, 6, requires_grad=True)
    y = torch.tanh(w)  # <- saved
    loss = y.square().mean()  # <- also saved
    columns = y.t().unsqueeze(0)[0, :2]
    columns.neg_()  # <- wrote
    loss.backward()


@broken("inplace-after-save")
def sets_padding_to_zero() -> None:
    """Assign to entries of a result that was saved."""
    scores = torch.randn(2, 5, requires_grad=True)
    weights = torch.softmax(scores, dim=-1)  # <- saved
    weights[:, 3:] = 0  # <- wrote
    (weights * torch.arange(5.0)).sum().backward()


@broken("inplace-after-save")
def masks_attention_weights() -> None:
    """Mask after the softmax, in place."""
    query, key = torch.randn(2, 4, requires_grad=True), torch.randn(2, 4)
    attention = torch.softmax(query @ key.t(), dim=-1)  # <- saved
    mask = torch.tensor([[False, True], [False, False]])
    attention.masked_fill_(mask, 0.0)  # <- wrote
    attention.square().sum().backward()


@broken("inplace-after-save")
def reuses_a_buffer_with_out() -> None:
    """Give a tensor that is still needed as `out=`."""
    w = torch.randn(3, requires_grad=True)
    scale = torch.ones(3)
    loss = (w * scale).sum()  # <- saved
    torch.mul(scale, 0.5, out=scale)  # <- wrote
    loss.backward()


@broken("inplace-after-save")
def counts_with_index_put() -> None:
    """Add to entries of a factor between forward and backward."""
    w = torch.randn(4, requires_grad=True)
    counts = torch.zeros(4)
    loss = (w * counts).sum()  # <- saved
    seen = torch.tensor([0, 2, 2])
    counts.index_put_((seen,), torch.ones(3), accumulate=True)  # <- wrote
    loss.backward()


@broken("inplace-after-save")
def scatters_into_a_saved_tensor() -> None:
    """Scatter into a tensor that a product saved."""
    w = torch.randn(2, 3, requires_grad=True)
    h = w * 2
    loss = (h * h).sum()  # <- saved
    h.scatter_(1, torch.tensor([[0], [2]]), 0.0)  # <- wrote
    loss.backward()


@broken("inplace-after-save")
def relu_module_overwrites_sigmoid() -> None:
    """Put an in-place ReLU behind a layer that saved its result."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.ReLU(inplace=True), nn.Linear(4, 1))
    output = model(torch.randn(5, 3))  # <- saved, wrote
    output.mean().backward()


@broken("inplace-after-save")
def dropout_module_overwrites_tanh() -> None:
    """Put an in-place dropout behind a tanh, inside a module of one's own."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 4)
            self.drop = nn.Dropout(0.5, inplace=True)

        def forward(self, x: Tensor) -> Tensor:
            h = torch.tanh(self.linear(x))  # <- saved
            return self.drop(h)  # <- wrote

    Block()(torch.randn(5, 3)).sum().backward()


@broken("inplace-after-save")
def adds_the_residual_in_place() -> None:
    """Add a shortcut with `+=` to the result of a ReLU."""

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 2, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            out = F.relu(self.conv(x))  # <- saved
            out += x  # <- wrote
            return out

    Residual()(torch.randn(1, 2, 4, 4)).mean().backward()


@broken("inplace-after-save")
def sgd_step_between_two_backwards() -> None:
    """Step between the backward passes of two losses of one forward pass."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    output = model(torch.randn(5, 3))  # <- saved
    policy_loss, value_loss = output[:, 0].mean(), output[:, 1].mean()
    policy_loss.backward(retain_graph=True)
    optimizer.step()  # <- wrote
    value_loss.backward()


@broken("inplace-after-save")
def adam_step_between_two_backwards() -> None:
    """Step the critic, then differentiate the generator's loss through its old forward pass."""
    generator, critic = nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    optimizer = torch.optim.Adam(critic.parameters(), lr=0.01, foreach=False)
    fake = generator(torch.randn(5, 2))
    score = critic(fake)  # <- saved
    score.mean().backward(retain_graph=True)
    optimizer.step()  # <- wrote
    loss = -score.mean()
    loss.backward()


@broken("inplace-after-save")
def foreach_adam_step_between_two_backwards() -> None:
    """Do the same with the optimizer that writes all parameters at once."""
    encoder, decoder = nn.Linear(3, 2), nn.Linear(2, 3)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], foreach=True)
    x = torch.randn(4, 3)
    rebuilt = decoder(encoder(x))  # <- saved
    F.mse_loss(rebuilt, x).backward(retain_graph=True)
    optimizer.step()  # <- wrote
    F.l1_loss(rebuilt, x).backward()


@broken("inplace-after-save")
def writes_recurrent_states_into_one_tensor() -> None:
    """Keep all states in one tensor, each step writing what the product of the last one saved."""
    x = torch.randn(3, 4)
    w = torch.randn(4, 4, requires_grad=True)
    states = torch.zeros(4, 4)
    for t in range(3):
        mixed = states[t] @ w  # <- saved
        states[t + 1] = torch.tanh(mixed + x[t])  # <- wrote
    states[-1].sum().backward()


@broken("inplace-after-save")
def resets_the_hidden_state_too_early() -> None:
    """Zero the hidden state for the next sequence before the backward pass of this one."""
    cell = nn.RNNCell(2, 3)
    hidden = torch.zeros(1, 3)
    for _ in range(2):
        hidden = cell(torch.randn(1, 2), hidden)  # <- saved
    loss = hidden.sum()
    hidden.zero_()  # <- wrote
    loss.backward()


@broken("inplace-after-save")
def helper_centres_its_argument() -> None:
    """Call a helper that changes what it was given."""

    def centred(values: Tensor) -> Tensor:
        values -= values.mean()  # <- wrote
        return values

    w = torch.randn(5, requires_grad=True)
    y = torch.exp(w)  # <- saved
    centred(y).square().sum().backward()


@broken("inplace-after-save")
def another_module_scales_its_input() -> None:
    """Let a module change the result of the module before it."""

    class Scale(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            x *= 0.1  # <- wrote
            return x

    model = nn.Sequential(nn.Linear(3, 3), nn.Softplus(), nn.Sigmoid(), Scale())
    output = model(torch.randn(2, 3))  # <- saved
    output.sum().backward()


@broken("inplace-after-save")
def custom_function_saves_what_is_zeroed() -> None:
    """Zero the argument of a custom function."""

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return 3 * x**2 * gradient

    w = torch.randn(3, requires_grad=True)
    h = w + 1
    loss = Cube.apply(h).sum()  # <- saved
    h.zero_()  # <- wrote
    loss.backward()


@broken("inplace-after-save")
def writes_three_times() -> None:
    """Normalise a result in place, in three steps."""
    w = torch.randn(6, requires_grad=True)
    y = torch.sigmoid(w)  # <- saved
    loss = y.mean()
    with torch.no_grad():
        y.sub_(y.min())  # <- wrote
        y.div_(y.max())  # <- wrote
        y.clamp_(0.1, 0.9)  # <- wrote
    loss.backward()


@broken("inplace-after-save")
def writes_to_every_tensor_of_a_list() -> None:
    """Change each of a list of activations in a loop."""
    w = torch.randn(3, requires_grad=True)
    activations = [torch.exp(w * k) for k in range(3)]  # <- saved
    loss = torch.stack(activations).sum()
    for activation in activations:
        activation.add_(1)  # <- wrote
    loss.backward()


@broken("inplace-after-save")
def foreach_writes_to_a_list() -> None:
    """Change a list of activations in one call."""
    w = torch.randn(3, requires_grad=True)
    first, second = torch.exp(w), w * 2  # <- saved
    loss = first.sum() + second.sum()
    torch._foreach_mul_([first, second], 0.5)  # <- wrote
    loss.backward()


@broken("inplace-after-save")
def loads_the_next_batch_too_early() -> None:
    """Copy the next batch into the input before the backward pass."""
    model = nn.Linear(3, 1)
    batch = torch.randn(4, 3)
    output = model(batch)  # <- saved
    batch.copy_(torch.randn(4, 3))  # <- wrote
    output.mean().backward()


@broken("inplace-after-save")
def fills_one_buffer_with_each_batch() -> None:
    """Sum the losses of several batches that share a buffer."""
    w = torch.randn(3, requires_grad=True)
    buffer = torch.empty(3)
    total = torch.zeros(())
    for batch in torch.randn(2, 3):
        buffer[:] = batch  # <- wrote
        total = total + (w * buffer).sum()  # <- saved
    total.backward()


@broken("inplace-after-save")
def pushes_to_the_queue_before_backward() -> None:
    """Replace keys of a contrastive queue that the logits still need."""
    encoder = nn.Linear(3, 2)
    queue = torch.randn(2, 6)
    query, key = encoder(torch.randn(2, 3)), torch.randn(2, 2)
    logits = query @ queue  # <- saved
    with torch.no_grad():
        queue[:, :2] = key  # <- wrote
    logits.logsumexp(1).mean().backward()


@broken("inplace-after-save")
def clips_the_critic_before_backward() -> None:
    """Clip weights between the forward and the backward pass."""
    critic = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    loss = critic(torch.randn(2, 3)).mean()  # <- saved
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.clamp_(-0.01, 0.01)  # <- wrote
    loss.backward()


@broken("inplace-after-save")
def updates_the_average_before_backward() -> None:
    """Update a moving average that the loss was computed from."""
    w = torch.randn(3, requires_grad=True)
    average = torch.ones(3)
    loss = (w * average).sum()  # <- saved
    with torch.no_grad():
        average.mul_(0.9).add_(w, alpha=0.1)  # <- wrote
    loss.backward()


@broken("inplace-after-save")
def embedding_renormalises_a_used_weight() -> None:
    """Use an embedding's weight in a product, then call the embedding with `max_norm`."""
    embedding = nn.Embedding(4, 3, max_norm=0.1)
    mixed = embedding.weight @ torch.randn(3, 3, requires_grad=True)  # <- saved
    picked = embedding(torch.tensor([0, 2]))  # <- wrote
    (mixed.sum() + picked.sum()).backward()


@broken("inplace-after-save")
def detached_alias_of_a_saved_tensor() -> None:
    """Take a detached tensor for a copy."""
    w = torch.randn(3, requires_grad=True)
    y = torch.exp(w)  # <- saved
    loss = y.sum()
    copied = y.detach()
    copied.clamp_(max=1)  # <- wrote
    loss.backward()


@broken("inplace-after-save")
def autograd_grad_after_a_write() -> None:
    """Ask for gradients by `torch.autograd.grad` after a write."""
    x = torch.randn(3, requires_grad=True)
    energy = torch.exp(-x)  # <- saved
    total = energy.sum()
    energy.sqrt_()  # <- wrote
    torch.autograd.grad(total, x)


@broken("inplace-after-save")
def gradient_penalty_clips_the_gradient() -> None:
    """Clip a gradient in place after its norm was taken for a penalty."""
    x = torch.randn(3, requires_grad=True)
    w = torch.randn(3, requires_grad=True)
    (gradient,) = torch.autograd.grad((w * x * x).sum(), x, create_graph=True)
    penalty = gradient.norm()  # <- saved
    gradient.clamp_(-1, 1)  # <- wrote
    penalty.backward()


@broken("inplace-after-save")
def overwrites_the_result_of_a_call_on_several_lines() -> None:
    """Write to a tensor whose call spreads over several lines."""
    w = torch.randn(2, 3, requires_grad=True)
    y = torch.softmax(  # <- saved
        w,
        dim=1,
    )
    loss = y.square().sum()  # <- also saved
    torch.add(  # <- wrote
        y.detach(),
        1,
        out=y.detach(),
    )
    loss.backward()


# silent-data-write


@broken("silent-data-write")
def scales_data_after_the_save() -> None:
    """Scale a saved result through `.data`."""
    w = torch.randn(3, requires_grad=True)
    y = torch.exp(w)  # <- saved
    y.data.mul_(2)  # <- wrote
    y.sum().backward()


@broken("silent-data-write")
def divides_data_after_the_save() -> None:
    """Divide a saved result by an augmented assignment to `.data`."""
    w = torch.randn(3, requires_grad=True)
    y = torch.sigmoid(w)  # <- saved
    loss = y.sum()
    y.data /= 2  # <- wrote
    loss.backward()


@broken("silent-data-write")
def sets_entries_of_data() -> None:
    """Assign to entries of `.data`."""
    w = torch.randn(2, 4, requires_grad=True)
    y = torch.tanh(w)  # <- saved
    y.data[:, 0] = 0  # <- wrote
    y.mean().backward()


@broken("silent-data-write")
def fills_a_slice_of_data() -> None:
    """Fill a slice of `.data` whole."""
    w = torch.randn(2, 3, requires_grad=True)
    y = torch.exp(w)  # <- saved
    loss = y.square().sum()  # <- also saved
    y.data[...] = 1.0  # <- wrote
    loss.backward()


@broken("silent-data-write")
def normalises_data_in_a_variable() -> None:
    """Keep `.data` in a variable and change it there."""
    w = torch.randn(5, requires_grad=True)
    y = torch.softmax(w, dim=0)  # <- saved
    values = y.data
    values.sub_(values.mean())  # <- wrote
    (y * torch.arange(5.0)).sum().backward()


@broken("silent-data-write")
def replaces_data_before_use() -> None:
    """Quantise by putting other values into `.data`."""
    w = torch.randn(4, requires_grad=True)
    h = w * 3  # <- made
    h.data = h.data.round()  # <- wrote
    (h * h).sum().backward()


@broken("silent-data-write")
def detached_alias_before_use() -> None:
    """Clamp a detached alias before the tensor itself is used."""
    w = torch.tensor([-1.0, 2.0], requires_grad=True)
    h = w + 1  # <- made
    copied = h.detach()
    copied.clamp_(min=0.5)  # <- wrote
    (h * h).sum().backward()


@broken("silent-data-write")
def detached_chain_before_use() -> None:
    """Scale in place what `.detach()` gave, on one line."""
    layer = nn.Linear(3, 2)
    h = layer(torch.randn(4, 3))  # <- made
    h.detach().mul_(0.5)  # <- wrote
    h.square().mean().backward()


@broken("silent-data-write")
def no_grad_scales_an_unsaved_tensor() -> None:
    """Scale under `no_grad` what no node had saved."""
    w = torch.randn(3, requires_grad=True)
    h = w + 1  # <- made
    with torch.no_grad():
        h *= 0.5  # <- wrote
    h.square().sum().backward()


@broken("silent-data-write")
def no_grad_masks_an_unsaved_tensor() -> None:
    """Set entries to zero under `no_grad`, as dropout by hand."""
    layer = nn.Linear(3, 4)
    h = layer(torch.randn(2, 3))  # <- made
    with torch.no_grad():
        h[:, ::2] = 0  # <- wrote
    torch.exp(h).sum().backward()


@broken("silent-data-write")
def decorated_helper_clips_its_argument() -> None:
    """Clip in place in a helper that is decorated with `no_grad`."""

    @torch.no_grad()
    def clip(values: Tensor) -> Tensor:
        return values.clamp_(-1, 1)  # <- wrote

    w = torch.tensor([3.0, -2.0, 0.5], requires_grad=True)
    h = w - 0.1  # <- made
    clip(h)
    (h**2).sum().backward()


@broken("silent-data-write")
def init_function_on_a_result() -> None:
    """Zero a result with a function of `nn.init`, which runs without gradients."""
    w = torch.randn(2, 3, requires_grad=True)
    h = w.clone()  # <- made
    nn.init.zeros_(h)  # <- wrote
    (h + 1).square().sum().backward()


@broken("silent-data-write")
def view_of_data_before_use() -> None:
    """Zero a column through a view of `.data`."""
    w = torch.randn(3, 2, requires_grad=True)
    h = w * 2  # <- made
    column = h.data[:, 0]
    column.zero_()  # <- wrote
    (h * h).sum().backward()


@broken("silent-data-write")
def copies_the_target_into_data() -> None:
    """Teacher forcing: copy the target into `.data` of the prediction."""
    cell = nn.RNNCell(2, 2)
    state = cell(torch.randn(1, 2))  # <- saved
    state.data.copy_(torch.ones(1, 2))  # <- wrote
    state = cell(torch.randn(1, 2), state)
    state.sum().backward()


@broken("silent-data-write")
def clips_parameter_data_before_backward() -> None:
    """Clip weights through `.data` between the forward and the backward pass."""
    critic = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    loss = critic(torch.randn(2, 3)).mean()  # <- saved
    for parameter in critic.parameters():
        parameter.data.clamp_(-0.01, 0.01)  # <- wrote
    loss.backward()


@broken("silent-data-write")
def normalises_a_shared_weight_in_forward() -> None:
    """Normalise `.data` of a weight in a forward that runs twice before backward."""

    class Cosine(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(3, 2))

        def forward(self, x: Tensor) -> Tensor:
            self.weight.data *= 2.0 / self.weight.data.norm()  # <- wrote
            return x @ self.weight  # <- saved

    twin = Cosine()
    left = torch.randn(4, 3, requires_grad=True)
    loss = (twin(left) - twin(torch.randn(4, 3))).square().mean()
    loss.backward()


# leaf-inplace


@broken("leaf-inplace")
def gradient_step_without_no_grad() -> None:
    """Step by hand while autograd records."""
    w = torch.tensor([1.0, 2.0], requires_grad=True)  # <- made
    loss = (w * w).sum()
    loss.backward()
    w -= 0.1 * w.grad  # <- wrote


@broken("leaf-inplace")
def sets_an_entry_of_a_leaf() -> None:
    """Assign to one weight."""
    w = torch.zeros(3, requires_grad=True)  # <- made
    w[0] = 1  # <- wrote


@broken("leaf-inplace")
def fills_a_leaf() -> None:
    """Initialise a leaf after it was made to require a gradient."""
    bias = torch.empty(4, requires_grad=True)  # <- made
    bias.fill_(0.1)  # <- wrote


@broken("leaf-inplace", raises="a view of a leaf Variable")
def zeroes_a_row_of_a_leaf() -> None:
    """Zero the row of the padding token."""
    table = torch.randn(5, 3, requires_grad=True)  # <- made
    padding = table[0]
    padding.zero_()  # <- wrote


@broken("leaf-inplace", raises="a view of a leaf Variable")
def writes_the_diagonal_of_a_leaf() -> None:
    """Set the diagonal of a weight through views."""
    w = torch.randn(3, 3, requires_grad=True)  # <- made
    w.t().diagonal().copy_(torch.ones(3))  # <- wrote


@broken("leaf-inplace", raises="a function that returns multiple views")
def normalises_the_rows_of_a_leaf() -> None:
    """Normalise each row of a weight in a loop over the rows."""
    w = torch.randn(2, 3, requires_grad=True)  # <- made
    for row in w:
        row /= row.norm()  # <- wrote


@broken("leaf-inplace")
def draws_parameters_anew() -> None:
    """Initialise the parameters of a model without `nn.init`."""
    model = nn.Linear(3, 2)
    for parameter in model.parameters():
        parameter.normal_(0, 0.02)  # <- wrote


@broken("leaf-inplace")
def adds_noise_to_a_module_attribute() -> None:
    """Add noise to a weight by `+=` on the module's attribute."""
    model = nn.Linear(3, 2)
    model(torch.randn(1, 3)).sum().backward()
    model.weight += 0.01 * torch.randn(2, 3)  # <- wrote


@broken("leaf-inplace")
def clamps_a_parameter_in_forward() -> None:
    """Keep a parameter in bounds inside forward."""

    class Positive(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(3))

        def forward(self, x: Tensor) -> Tensor:
            self.scale.clamp_(min=0)  # <- wrote
            return x * self.scale

    Positive()(torch.randn(3)).sum().backward()


@broken("leaf-inplace")
def perturbs_an_adversarial_input() -> None:
    """Add the sign of the gradient to the input itself."""
    model = nn.Linear(3, 1)
    image = torch.rand(2, 3)
    attacked = image.clone().requires_grad_()  # <- made
    model(attacked).sum().backward()
    attacked += 0.1 * torch.sign(attacked.grad)  # <- wrote


@broken("leaf-inplace")
def in_place_relu_on_the_input() -> None:
    """Begin a network with an in-place ReLU and give it an input that requires a gradient."""
    x = torch.randn(2, 3, requires_grad=True)  # <- made
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 1))
    model(x).sum().backward()  # <- wrote


@broken("leaf-inplace")
def copies_pretrained_weights() -> None:
    """Copy pretrained weights while autograd records."""
    pretrained = torch.randn(2, 3)
    w = torch.zeros(2, 3).requires_grad_(True)  # <- made
    w.copy_(pretrained)  # <- wrote


@broken("leaf-inplace")
def helper_steps_its_argument() -> None:
    """Write to the leaf in a helper."""

    def step(parameters: list[Tensor]) -> None:
        for parameter in parameters:
            parameter.sub_(0.1)  # <- wrote

    w = torch.ones(2, requires_grad=True)  # <- made
    w.sum().backward()
    step([w])


# integer-leaf


@broken("integer-leaf")
def list_of_integers() -> None:
    """Forget the decimal points."""
    w = torch.tensor([1, 2], requires_grad=True)  # <- asked
    (w * 2).sum().backward()


@broken("integer-leaf")
def arange_of_integers() -> None:
    """Make a range without a floating-point dtype."""
    x = torch.arange(4, requires_grad=True)  # <- asked
    x.square().sum().backward()


@broken("integer-leaf")
def requires_grad_method_on_integers() -> None:
    """Ask later, by the method."""
    x = torch.tensor([3, 4])
    x.requires_grad_()  # <- asked


@broken("integer-leaf")
def requires_grad_attribute_on_integers() -> None:
    """Ask later, by the attribute."""
    x = torch.zeros(3, dtype=torch.int32)
    x.requires_grad = True  # <- asked


@broken("integer-leaf")
def mask_that_should_be_learned() -> None:
    """Ask for the gradient of a mask of truth values."""
    scores = torch.randn(4)
    mask = scores > 0
    mask.requires_grad_(True)  # <- asked


@broken("integer-leaf")
def class_that_should_be_differentiable() -> None:
    """Cure a missing graph by asking for it at an argmax."""
    model = nn.Linear(3, 4)
    predicted = model(torch.randn(2, 3)).argmax(1)
    predicted.requires_grad_()  # <- asked


@broken("integer-leaf")
def zeros_like_of_indices() -> None:
    """Take over the dtype of indices."""
    indices = torch.tensor([0, 2, 1])
    offsets = torch.zeros_like(indices, requires_grad=True)  # <- asked
    (indices + offsets).sum().backward()


@broken("integer-leaf")
def numpy_array_of_integers() -> None:
    """Take over the dtype of a NumPy array."""
    array = np.array([[1, 2], [3, 4]])
    x = torch.from_numpy(array)
    x.requires_grad_()  # <- asked


@broken("integer-leaf")
def image_of_bytes() -> None:
    """Optimise an image that was read as bytes."""
    image = torch.full((1, 2, 2), 128, dtype=torch.uint8)
    image = image.clone().requires_grad_(True)  # <- asked
    (image / 255).sum().backward()


@broken("integer-leaf")
def parameter_of_integers() -> None:
    """Make a parameter of integers."""
    weight = nn.Parameter(torch.arange(3))  # <- raised
    weight.sum().backward()


@broken("integer-leaf")
def integer_parameter_of_a_module() -> None:
    """Make a parameter of an integer in a module."""

    class Temperature(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.value = nn.Parameter(torch.tensor(1))  # <- raised

    Temperature()


@broken("integer-leaf")
def embedding_of_integers() -> None:
    """Make a trainable embedding of an integer table."""
    table = torch.tensor([[1, 0], [0, 1]])
    nn.Embedding.from_pretrained(table, freeze=False)  # <- raised


# non-leaf-grad


@broken("non-leaf-grad", warns=NON_LEAF)
def converts_the_dtype_of_a_leaf() -> object:
    """Read the gradient of the converted copy."""
    w = torch.ones(3, requires_grad=True).to(torch.float64)  # <- made
    (w * w).sum().backward()
    return w.grad  # <- read


@broken("non-leaf-grad", warns=NON_LEAF)
def scales_the_initial_values() -> object:
    """Scale the initial values after `requires_grad=True`."""
    w = torch.randn(3, 2, requires_grad=True) * 0.1  # <- made
    w.square().sum().backward()
    return w.grad  # <- read


@broken("non-leaf-grad", warns=NON_LEAF)
def clones_a_leaf() -> object:
    """Read the gradient of a clone."""
    start = torch.ones(2, requires_grad=True)
    x = start.clone()  # <- made
    (x * 3).sum().backward()
    return x.grad  # <- read


@broken("non-leaf-grad", raises="unsupported operand type", warns=NON_LEAF)
def rebinds_the_weight_in_a_loop() -> None:
    """Give the name of the leaf to a new tensor in each step."""
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(2):
        loss = (w * w).sum()
        loss.backward()
        w = w - 0.1 * w.grad  # <- made, read


@broken("non-leaf-grad", warns=NON_LEAF)
def reshapes_a_leaf() -> object:
    """Read the gradient of a reshaped leaf."""
    w = torch.arange(4.0, requires_grad=True).reshape(2, 2)  # <- made
    (w @ w).sum().backward()
    return w.grad  # <- read


@broken("non-leaf-grad", warns=NON_LEAF)
def transposes_a_leaf() -> object:
    """Read the gradient of a transposed leaf."""
    w = torch.randn(2, 3, requires_grad=True).T  # <- made
    (torch.ones(1, 3) @ w).sum().backward()
    return w.grad  # <- read


@broken("non-leaf-grad", warns=NON_LEAF)
def reads_the_gradient_of_one_entry() -> object:
    """Index first, then read the gradient."""
    w = torch.randn(3, requires_grad=True)
    w.square().sum().backward()
    return w[0].grad  # <- made, read


@broken("non-leaf-grad", warns=NON_LEAF)
def reads_the_gradient_of_an_activation() -> object:
    """Read the gradient of an activation without `retain_grad`."""
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    activation = model(torch.randn(2, 3))  # <- made
    activation.sum().backward()
    return activation.grad  # <- read


@broken("non-leaf-grad", warns=NON_LEAF)
def helper_reads_the_gradient() -> list[object]:
    """Stack leaves, and let a helper read the gradients."""

    def gradients(tensors: list[Tensor]) -> list[object]:
        return [tensor.grad for tensor in tensors]  # <- read

    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    both = torch.stack([a, b])  # <- made
    both.square().sum().backward()
    return gradients([a, both])


@broken("non-leaf-grad", warns=NON_LEAF)
def scaled_parameter_of_a_module() -> object:
    """Scale an `nn.Parameter` when it is made, so that the module has none."""

    class Gain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gain = nn.Parameter(torch.ones(3)) * 0.5  # <- made

        def forward(self, x: Tensor) -> Tensor:
            return x * self.gain

    model = Gain()
    model(torch.randn(3)).sum().backward()
    return model.gain.grad  # <- read


@broken("non-leaf-grad", raises="can't optimize a non-leaf Tensor")
def optimizer_of_a_scaled_tensor() -> None:
    """Give the optimizer a tensor that was scaled after it was made."""
    w = torch.randn(3, requires_grad=True) * 0.01  # <- made
    torch.optim.SGD([w], lr=0.1)  # <- raised


@broken("non-leaf-grad", raises="can't optimize a non-leaf Tensor")
def optimizer_of_a_converted_tensor() -> None:
    """Convert the parameter in the list of the optimizer."""
    w = torch.ones(3, requires_grad=True)
    torch.optim.Adam([w.to(torch.float64)])  # <- made, raised


@broken("non-leaf-grad", raises="can't optimize a non-leaf Tensor")
def parameter_group_of_a_view() -> None:
    """Add some rows of a weight as a group of their own."""
    w = torch.randn(4, 2, requires_grad=True)
    head = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
    rows = w[:2]  # <- made
    optimizer.add_param_group({"params": [rows]})  # <- raised


# backward-twice


@broken("backward-twice")
def two_losses_share_a_trunk() -> None:
    """Call backward for each of two heads."""
    trunk, first, second = nn.Linear(3, 4), nn.Linear(4, 1), nn.Linear(4, 2)
    features = torch.tanh(trunk(torch.randn(5, 3)))  # <- shared
    loss_a = first(features).mean()
    loss_b = second(features).mean()
    loss_a.backward()  # <- first backward
    loss_b.backward()  # <- second backward


@broken("backward-twice")
def carries_the_hidden_state_over() -> None:
    """Keep the graph of the hidden state from step to step."""
    w, u = torch.randn(2, 3, requires_grad=True), torch.randn(3, 3, requires_grad=True)
    hidden = torch.zeros(1, 3)
    for x in torch.randn(2, 1, 2):
        hidden = torch.tanh(x @ w + hidden @ u)  # <- shared
        loss = hidden.sum()
        loss.backward()  # <- first backward, second backward


@broken("backward-twice")
def carries_the_state_of_an_lstm_over() -> None:
    """Keep the state of an LSTM from batch to batch."""
    lstm, head = nn.LSTM(2, 3), nn.Linear(3, 1)
    state = None
    for x in torch.randn(2, 4, 1, 2):
        output, state = lstm(x, state)  # <- shared
        loss = head(output).mean()
        loss.backward()  # <- first backward, second backward


@broken("backward-twice")
def calls_backward_two_times() -> None:
    """Call backward of one loss two times."""
    w = torch.randn(3, requires_grad=True)
    loss = (w * w).sum()  # <- shared
    loss.backward()  # <- first backward
    loss.backward()  # <- second backward


@broken("backward-twice")
def grad_and_then_backward() -> None:
    """Look at a gradient first, then train with the same loss."""
    model = nn.Linear(2, 1)
    x = torch.randn(3, 2, requires_grad=True)
    loss = model(x).square().mean()  # <- shared
    torch.autograd.grad(loss, x)  # <- first backward
    loss.backward()  # <- second backward


@broken("backward-twice")
def computes_a_kernel_outside_the_loop() -> None:
    """Compute what depends on a parameter once, before the loop."""
    log_scale = torch.zeros(3, requires_grad=True)
    kernel = torch.exp(log_scale)  # <- shared
    for x in torch.randn(2, 3):
        loss = (kernel * x).sum()
        loss.backward()  # <- first backward, second backward


@broken("backward-twice", folds=True)
def uses_a_penalty_every_sixth_step() -> None:
    """Compute a penalty once and add it to the loss of every sixth step."""
    w = torch.ones(3, requires_grad=True)
    penalty = torch.exp(w).sum()  # <- shared
    for step in range(7):
        loss = (w * w).sum()
        if step % 6 == 0:
            loss = loss + penalty
        loss.backward()  # <- first backward, second backward


@broken("backward-twice")
def discriminator_frees_the_generator() -> None:
    """Forget `.detach()` in the discriminator's loss."""
    generator = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    discriminator = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    fake = generator(torch.randn(5, 2))  # <- shared
    discriminator(fake).mean().backward()  # <- first backward
    discriminator(fake).neg().mean().backward()  # <- second backward


@broken("backward-twice")
def sums_the_losses_of_all_steps() -> None:
    """Differentiate the running sum in each step."""
    w = torch.randn(3, requires_grad=True)
    total = torch.zeros(())
    for x in torch.randn(2, 3):
        loss = (w * x).square().sum()  # <- shared
        total = total + loss
        total.backward()  # <- first backward, second backward


@broken("backward-twice")
def differentiates_each_term_of_a_list() -> None:
    """Call backward for each term of a loss."""
    mean, spread = torch.zeros(3, requires_grad=True), torch.ones(3, requires_grad=True)
    sample = mean + spread * torch.randn(3)
    squared = sample.square()  # <- shared
    for term in [squared.sum(), squared.mean()]:
        term.backward()  # <- first backward, second backward


@broken("backward-twice")
def helper_calls_backward_as_well() -> None:
    """Log gradients by a helper that has already called backward."""

    def log_gradients(loss: Tensor) -> None:
        torch.autograd.backward([loss])  # <- first backward

    model = nn.Linear(2, 2)
    loss = F.cross_entropy(model(torch.randn(4, 2)), torch.tensor([0, 1, 1, 0]))  # <- shared
    log_gradients(loss)
    loss.backward()  # <- second backward


@broken("backward-twice")
def custom_function_is_shared() -> None:
    """Share the result of a custom function."""

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:
            return 2 * ctx.saved_tensors[0] * gradient

    w = torch.randn(3, requires_grad=True)
    y = Square.apply(w)  # <- shared
    y.sum().backward()  # <- first backward
    y.mean().backward()  # <- second backward


@broken("backward-twice")
def normalises_the_weight_once() -> None:
    """Normalise the class vectors once, outside the loop over batches."""
    model = nn.Linear(3, 4, bias=False)
    vectors = F.normalize(model.weight, dim=1)  # <- shared
    for x in torch.randn(2, 5, 3):
        logits = F.linear(x, vectors)
        logits.square().mean().backward()  # <- first backward, second backward


# cut-graph


@broken("cut-graph")
def detaches_the_features() -> None:
    """Leave a `.detach()` between the encoder and the head."""
    encoder, head = nn.Linear(3, 4), nn.Linear(4, 1)
    features = encoder(torch.randn(5, 3)).detach()  # <- cut
    head(features).mean().backward()  # <- backward


@broken("cut-graph")
def takes_data_of_the_features() -> None:
    """Take `.data` between the parameter and the loss."""
    w, v = torch.randn(3, requires_grad=True), torch.randn(3, requires_grad=True)  # <- made
    hidden = torch.tanh(w)
    hidden = hidden.data  # <- cut
    (hidden * v).sum().backward()  # <- backward


@broken("cut-graph", warns=COPY)
def wraps_the_loss_in_a_tensor() -> None:
    """Wrap a term of the loss in `torch.tensor`."""
    w = torch.randn(3, requires_grad=True)  # <- made
    v = torch.randn(3, requires_grad=True)
    term = (w * w).sum()
    loss = torch.tensor(term) + v.sum()  # <- cut
    loss.backward()  # <- backward


@broken("cut-graph", warns=TO_SCALAR)
def collects_scalars_in_a_tensor() -> None:
    """Build a vector of scalars by `torch.tensor` instead of `torch.stack`."""
    angle = torch.tensor(0.3, requires_grad=True)  # <- made
    point = torch.ones(2, requires_grad=True)
    direction = torch.tensor([angle.cos(), angle.sin()])  # <- cut
    (direction * point).sum().backward()  # <- backward


@broken("cut-graph", warns=TO_SCALAR)
def collects_losses_by_as_tensor() -> None:
    """Average losses by `torch.as_tensor` of a list."""
    first, second = nn.Linear(2, 1), nn.Linear(2, 1)
    x = torch.randn(3, 2)
    losses = [first(x).mean(), first(-x).mean()]
    loss = torch.as_tensor(losses).mean()  # <- cut
    (loss + second(x).mean()).backward()  # <- backward


@broken("cut-graph", warns=TO_SCALAR)
def collects_losses_by_the_old_constructor() -> None:
    """Average losses by `torch.FloatTensor` of a list."""
    w, v = torch.randn(2, requires_grad=True), torch.randn(2, requires_grad=True)  # <- made
    loss = torch.FloatTensor([w.square().sum(), w.abs().sum()]).mean()  # <- left
    (loss + v.sum()).backward()  # <- backward


@broken("cut-graph", warns=COPY)
def copies_by_new_tensor() -> None:
    """Copy a result by `new_tensor`."""
    w, v = torch.randn(2, requires_grad=True), torch.randn(2, requires_grad=True)  # <- made
    y = torch.exp(w)
    again = v.new_tensor(y)  # <- cut
    (again * v).sum().backward()  # <- backward


@broken("cut-graph")
def forward_under_no_grad() -> None:
    """Compute the features of a part that is to be trained under `no_grad`."""
    encoder, head = nn.Linear(3, 4), nn.Linear(4, 1)
    optimizer = torch.optim.SGD([*encoder.parameters(), *head.parameters()], lr=0.1)
    with torch.no_grad():
        features = encoder(torch.randn(5, 3))  # <- cut
    head(features).mean().backward()  # <- backward
    optimizer.step()


@broken("cut-graph")
def helper_decorated_with_no_grad() -> None:
    """Leave `no_grad` on a helper from the time when it was used for metrics."""

    @torch.no_grad()
    def distance(a: Tensor, b: Tensor) -> Tensor:
        return (a - b).square().sum()  # <- cut

    w, v = torch.randn(3, requires_grad=True), torch.randn(3, requires_grad=True)
    loss = distance(w, torch.ones(3)) + v.sum()
    loss.backward()  # <- backward


@broken("cut-graph")
def forward_under_inference_mode() -> None:
    """Compute a part of the loss in inference mode."""
    w = torch.randn(3, requires_grad=True)  # <- made
    v = torch.randn(3, requires_grad=True)
    with torch.inference_mode():
        y = torch.exp(w)  # <- cut
    (y + v).sum().backward()  # <- backward


@broken("cut-graph", raises=NO_GRAPH)
def gradients_only_in_training_mode() -> None:
    """Switch gradients by the mode of a model that was left in evaluation mode."""
    model = nn.Linear(3, 1)
    model.eval()
    with torch.set_grad_enabled(model.training):
        loss = model(torch.randn(4, 3)).mean()  # <- cut
    loss.backward()  # <- backward


@broken("cut-graph")
def takes_the_item_of_a_parameter() -> None:
    """Use the number instead of the parameter."""
    scale = torch.tensor(2.0, requires_grad=True)  # <- made
    v = torch.randn(3, requires_grad=True)
    (v * scale.item()).sum().backward()  # <- left, backward


@broken("cut-graph", warns=TO_SCALAR)
def takes_the_float_of_a_parameter() -> None:
    """Convert a parameter by `float`."""
    scale = torch.tensor(2.0, requires_grad=True)  # <- made
    v = torch.randn(3, requires_grad=True)
    factor = float(scale)  # <- left
    (v * factor).sum().backward()  # <- backward


@broken("cut-graph", warns=TO_SCALAR)
def calls_a_function_of_the_math_module() -> None:
    """Use `math.exp` instead of `torch.exp`."""
    log_rate = torch.tensor(0.5, requires_grad=True)  # <- made
    v = torch.randn(3, requires_grad=True)
    rate = math.exp(log_rate * 2)  # <- left
    (rate * v).sum().backward()  # <- backward


@broken("cut-graph")
def uses_a_parameter_as_a_length() -> None:
    """Cut a window whose length is a parameter."""
    length = torch.tensor(3.0, requires_grad=True)  # <- made
    signal = torch.randn(6, requires_grad=True)
    window = signal[: int(length)]  # <- left
    window.mean().backward()  # <- backward


@broken("cut-graph")
def goes_through_lists() -> None:
    """Sort a result as a Python list."""
    w, v = torch.randn(3, requires_grad=True), torch.randn(3, requires_grad=True)  # <- made
    ordered = torch.tensor(sorted((w * 2).tolist()))  # <- left
    (ordered * v).sum().backward()  # <- backward


@broken("cut-graph")
def goes_through_numpy() -> None:
    """Compute a part of the forward pass in NumPy."""
    first, second = nn.Linear(2, 3), nn.Linear(3, 1)
    hidden = first(torch.randn(4, 2))
    array = hidden.detach().numpy()  # <- left
    array = np.maximum(array, 0)
    second(torch.from_numpy(array)).mean().backward()  # <- backward


@broken("cut-graph")
def gives_a_tensor_to_a_numpy_function() -> None:
    """Give a detached tensor to a NumPy function, which converts it."""
    w, v = torch.randn(3, requires_grad=True), torch.randn(3, requires_grad=True)  # <- made
    detached = (w * 2).detach()
    middle = float(np.median(detached))  # <- left
    (v * middle).sum().backward()  # <- backward


@broken("cut-graph")
def counts_by_a_comparison() -> None:
    """Use the share of entries above a threshold as a penalty."""
    w, v = torch.rand(4, requires_grad=True), torch.rand(4, requires_grad=True)  # <- made
    sparsity = (w > 0.5).float().mean()  # <- cut
    (sparsity + v.sum()).backward()  # <- backward


@broken("cut-graph")
def accuracy_as_a_loss() -> None:
    """Train on the accuracy, which asks for a graph at its end."""
    model = nn.Linear(3, 2)
    target = torch.tensor([0, 1, 1])
    predicted = model(torch.randn(3, 3)).argmax(dim=1)  # <- cut
    loss = (predicted != target).float().mean()  # <- not made
    loss.requires_grad_()
    loss.backward()  # <- backward


@broken("cut-graph")
def casts_to_integers() -> None:
    """Cast to an index and back on the way to the loss."""
    position = torch.tensor([0.4, 2.6], requires_grad=True)  # <- made
    bias = torch.zeros(2, requires_grad=True)
    pixel = position.long()  # <- cut
    (pixel.float() + bias).square().sum().backward()  # <- backward


@broken("cut-graph")
def quantises_by_int() -> None:
    """Quantise weights by `.int()`."""
    layer, scale = nn.Linear(2, 2, bias=False), torch.ones((), requires_grad=True)
    quantised = (layer.weight * 10).int()  # <- cut
    output = torch.randn(3, 2) @ (quantised.float() * scale)
    output.sum().backward()  # <- backward


@broken("cut-graph")
def uses_the_indices_of_topk() -> None:
    """Use the indices that `topk` returns instead of the values."""
    scores = torch.randn(5, requires_grad=True)  # <- made
    gain = torch.ones((), requires_grad=True)
    _, best = torch.topk(scores, 2)  # <- cut
    (best * gain).sum().backward()  # <- backward


@broken("cut-graph")
def samples_instead_of_rsample() -> None:
    """Draw a latent by `sample`, which has no gradient."""
    encoder, decoder = nn.Linear(3, 4), nn.Linear(2, 3)
    mean, log_std = encoder(torch.randn(5, 3)).chunk(2, dim=1)
    latent = torch.distributions.Normal(mean, log_std.exp()).sample()  # <- cut
    decoder(latent).square().mean().backward()  # <- backward


@broken("cut-graph")
def draws_a_class() -> None:
    """Draw classes from learned probabilities and go on with them."""
    logits = torch.zeros(4, requires_grad=True)  # <- made
    table = torch.randn(4, 2, requires_grad=True)
    chosen = torch.multinomial(torch.softmax(logits, 0), 2)  # <- cut
    table[chosen].sum().backward()  # <- backward


@broken("cut-graph")
def makes_a_new_parameter_of_a_result() -> None:
    """Wrap a result in `nn.Parameter`, which is a new leaf."""
    w = torch.randn(3, requires_grad=True)  # <- made
    scaled = w * 2
    weight = nn.Parameter(scaled)  # <- cut
    weight.square().sum().backward()  # <- backward


@broken("cut-graph", warns=COPY)
def makes_a_new_leaf_of_the_loss() -> None:
    """Silence the error about a missing graph by a new leaf."""
    model = nn.Linear(2, 1)
    loss = model(torch.randn(3, 2)).mean()
    loss = torch.tensor(loss, requires_grad=True)  # <- cut, not made
    loss.backward()  # <- backward


@broken("cut-graph")
def makes_a_leaf_of_the_number_of_the_loss() -> None:
    """Do the same through the loss as a number."""
    model = nn.Linear(2, 1)
    value = model(torch.randn(3, 2)).mean().item()  # <- left
    loss = torch.tensor(value, requires_grad=True)  # <- not made
    loss.backward()  # <- backward


@broken("cut-graph")
def hypernetwork_assigns_data() -> None:
    """Put generated weights into a layer through `.data`."""
    hyper, layer = nn.Linear(2, 3), nn.Linear(3, 1, bias=False)
    generated = hyper(torch.ones(1, 2))
    layer.weight.data = generated.data  # <- cut
    layer(torch.randn(4, 3)).mean().backward()  # <- backward


@broken("cut-graph")
def hypernetwork_copies_under_no_grad() -> None:
    """Copy generated weights into a layer under `no_grad`."""
    hyper, layer = nn.Linear(2, 3), nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(hyper(torch.ones(1, 2)))  # <- cut
    layer(torch.randn(4, 3)).mean().backward()  # <- backward


@broken("cut-graph")
def hypernetwork_loads_a_state() -> None:
    """Load generated weights as a state dictionary."""
    hyper, layer = nn.Linear(2, 3), nn.Linear(3, 1, bias=False)
    generated = hyper(torch.ones(1, 2))
    layer.load_state_dict({"weight": generated})  # <- cut
    layer(torch.randn(4, 3)).mean().backward()  # <- backward


@broken("cut-graph", warns="None of the inputs have requires_grad=True")
def reentrant_checkpoint_of_plain_inputs() -> None:
    """Checkpoint the first layer by the reentrant kind, whose inputs require no gradient."""
    layer, head = nn.Linear(2, 3), nn.Linear(3, 1)
    hidden = checkpoint(layer, torch.randn(4, 2), use_reentrant=True)  # <- cut
    head(hidden).mean().backward()  # <- backward


@broken("cut-graph")
def custom_function_gives_nothing_back() -> None:
    """Mark the result of a custom function as not differentiable."""

    class Rounded(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            rounded = x.round()
            ctx.mark_non_differentiable(rounded)
            return rounded

        @staticmethod
        def backward(_: Any, gradient: Tensor) -> Tensor:
            return gradient

    w, v = torch.randn(3, requires_grad=True), torch.randn(3, requires_grad=True)  # <- made
    y = Rounded.apply(w)  # <- cut
    (y * v).sum().backward()  # <- backward


@broken("cut-graph")
def never_calls_a_layer() -> None:
    """Forget one layer in forward."""

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(2, 2)
            self.second = nn.Linear(2, 2)  # <- not used
            self.last = nn.Linear(2, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(torch.relu(self.first(x)))

    model = Network()
    loss = model(torch.randn(3, 2)).mean()
    loss.backward()  # <- backward


@broken("cut-graph")
def drops_the_result_of_a_layer() -> None:
    """Call a layer and go on with its input."""

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(2)
            self.last = nn.Linear(2, 1)

        def forward(self, x: Tensor) -> Tensor:
            self.norm(x)  # <- used
            return self.last(x)

    model = Network()
    loss = model(torch.randn(3, 2)).mean()
    loss.backward()  # <- backward


@broken("cut-graph")
def loss_of_the_wrong_variable() -> None:
    """Compare the other model's prediction with the target."""
    student, teacher = nn.Linear(2, 1), nn.Linear(2, 1)
    x, target = torch.randn(4, 2), torch.randn(4, 1)
    predicted = student(x)  # <- used
    expected = teacher(x)
    loss = F.mse_loss(expected, target)
    loss.backward()  # <- backward
    assert predicted.shape == expected.shape


@broken("cut-graph")
def overwrites_the_loss_in_a_loop() -> None:
    """Assign where the losses of two models should be added."""
    models = [nn.Linear(2, 1), nn.Linear(2, 1)]
    x = torch.randn(4, 2)
    loss = torch.zeros(())
    for model in models:
        loss = model(x).square().mean()  # <- used
    loss.backward()  # <- backward


@broken("cut-graph", raises="appears to not have been used in the graph")
def gradient_by_an_unused_input() -> None:
    """Differentiate by a copy of the input that the loss was not computed from."""
    model = nn.Linear(3, 1)
    x = torch.randn(2, 3)
    probe = x.clone().requires_grad_()  # <- made
    loss = model(x).sum()
    torch.autograd.grad(loss, probe)  # <- backward


@broken("cut-graph", raises="does not require grad")
def gradient_by_an_input_that_was_detached() -> None:
    """Differentiate by an input that the score no longer depends on."""
    x = torch.randn(3, requires_grad=True)  # <- made
    noisy = x.detach() + 0.1  # <- cut
    score = (noisy * noisy).sum()
    torch.autograd.grad(score, x)  # <- backward


@broken("cut-graph", raises="derivative for")
def floor_division_of_a_parameter() -> None:
    """Divide by `//`, which has no derivative."""
    w = torch.tensor([5.5, 7.5], requires_grad=True)  # <- made
    bins = w // 2  # <- cut
    (bins * torch.tensor([1.0, 3.0])).sum().backward()  # <- backward


@broken("cut-graph", raises=NO_GRAPH)
def detaches_the_output() -> None:
    """Detach the only way to the parameters."""
    model = nn.Linear(3, 2)
    output = model(torch.randn(4, 3)).detach()  # <- cut
    loss = F.cross_entropy(output, torch.tensor([0, 1, 0, 1]))
    loss.backward()  # <- backward


@broken("cut-graph", raises=NO_GRAPH)
def loss_of_predicted_classes() -> None:
    """Compute the loss of predicted classes."""
    model = nn.Linear(3, 2)
    target = torch.tensor([0.0, 1.0])
    predicted = model(torch.randn(2, 3)).argmax(1).float()  # <- cut
    loss = F.mse_loss(predicted, target)
    loss.backward()  # <- backward


@broken("cut-graph", raises=NO_GRAPH)
def never_asks_for_gradients() -> None:
    """Forget `requires_grad=True`."""
    x = torch.tensor([1.0, 2.0])  # <- made
    w = torch.zeros(2)  # <- made
    loss = (w * x - 1).square().sum()
    loss.backward()  # <- backward


@broken("cut-graph", raises=NO_GRAPH)
def never_asks_for_gradients_of_a_regression() -> None:
    """Forget `requires_grad=True` for both parameters of a regression."""
    x = torch.tensor([[1.0], [2.0]])  # <- made
    target = torch.tensor([[3.0], [5.0]])  # <- made
    weight = torch.zeros(1, 1)  # <- made
    bias = torch.zeros(1)  # <- made
    loss = (x @ weight + bias - target).square().mean()
    loss.backward()  # <- backward


@broken("cut-graph", raises=NO_GRAPH)
def freezes_the_whole_model() -> None:
    """Freeze all parameters where all but the last layer were meant."""
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))  # <- not cut
    for parameter in model.parameters():
        parameter.requires_grad = False
    loss = model(torch.randn(4, 2)).mean()
    loss.backward()  # <- backward


# non-finite


@broken("non-finite")
def logarithm_of_zero() -> None:
    """Take the entropy of a distribution with a zero."""
    logits = torch.tensor([1.0, 2.0, -1e9], requires_grad=True)
    p = torch.softmax(logits, dim=0)
    log_p = torch.log(p)  # <- made Inf
    entropy = -(p * log_p).sum()  # <- made NaN
    entropy.backward()


@broken("non-finite")
def cross_entropy_by_hand() -> None:
    """Take the logarithm of a probability that is rounded to zero."""
    logit = torch.tensor([200.0], requires_grad=True)
    p = torch.sigmoid(logit)
    loss = -torch.log(1 - p).sum()  # <- made Inf
    loss.backward()


@broken("non-finite")
def softplus_by_hand() -> None:
    """Overflow exp where the result would be moderate."""
    x = torch.tensor([1.0, 100.0], requires_grad=True)
    grown = torch.exp(x)  # <- made Inf
    torch.log(1 + grown).sum().backward()


@broken("non-finite")
def softmax_by_hand() -> None:
    """Divide exponentials that have overflowed."""
    logits = torch.tensor([10.0, 300.0], requires_grad=True)
    powers = logits.exp()  # <- made Inf
    p = powers / powers.sum()  # <- made NaN
    (p - 0.5).square().sum().backward()


@broken("non-finite")
def softmax_by_hand_of_the_wrong_class() -> None:
    """Look at the one entry that is still finite when exponentials have overflowed."""
    logits = torch.tensor([10.0, 300.0], requires_grad=True)
    powers = logits.exp()  # <- made Inf
    p = powers / powers.sum()
    p[0].backward()  # <- backward


@broken("non-finite")
def distance_of_equal_points() -> None:
    """Differentiate a square root at zero."""
    a = torch.tensor([1.0, 2.0], requires_grad=True)
    b = torch.tensor([1.0, 2.0])
    squared = (a - b).square().sum()
    distance = torch.sqrt(squared)  # <- made
    distance.backward()  # <- backward


@broken("non-finite")
def where_selects_after_the_fact() -> None:
    """Guard a square root by `where`, behind it."""
    x = torch.tensor([0.0, 4.0], requires_grad=True)
    root = x.sqrt()  # <- made
    torch.where(x > 0, root, torch.zeros(2)).sum().backward()  # <- backward


@broken("non-finite")
def where_selects_none_of_the_branch() -> None:
    """Guard a logarithm by `where`, behind it, where every gradient that reaches it is zero."""
    w = torch.zeros(3, requires_grad=True)
    guarded = w.log()  # <- made
    torch.where(w > 0, guarded, w).sum().backward()  # <- backward, not made


@broken("non-finite")
def where_selects_after_a_division() -> None:
    """Guard a division by `where`, behind it."""
    weight, count = torch.ones(2, requires_grad=True), torch.tensor([0.0, 2.0])
    mean = weight / count  # <- made
    safe = torch.where(count > 0, mean, torch.zeros(2))
    safe.sum().backward()  # <- backward


@broken("non-finite")
def clamps_behind_the_logarithm() -> None:
    """Clamp the logarithm instead of its argument."""
    p = torch.tensor([0.0, 0.5], requires_grad=True)
    log_p = torch.log(p)  # <- made
    log_p.clamp(min=-100).sum().backward()  # <- backward


@broken("non-finite")
def mean_of_an_empty_mask() -> None:
    """Divide by the number of selected entries, which is zero."""
    w = torch.randn(4, requires_grad=True)
    mask = torch.zeros(4)
    mean = (w * mask).sum() / mask.sum()  # <- made NaN
    mean.backward()


@broken("non-finite")
def mean_of_an_empty_selection() -> None:
    """Take the mean of a selection that is empty."""
    model = nn.Linear(2, 1)
    output = model(torch.randn(3, 2))
    labels = torch.zeros(3, dtype=torch.bool)
    loss = output[labels].mean()  # <- made NaN
    loss.backward()


@broken("non-finite")
def ignores_every_label() -> None:
    """Take the cross entropy of a batch whose labels are all ignored."""
    model = nn.Linear(2, 3)
    labels = torch.full((4,), -100)
    loss = F.cross_entropy(model(torch.randn(4, 2)), labels)  # <- made NaN
    loss.backward()


@broken("non-finite")
def normalises_a_zero_vector() -> None:
    """Divide a vector by its norm, which is zero."""
    w = torch.zeros(3, requires_grad=True)
    direction = w / w.norm()  # <- made NaN
    (direction * torch.ones(3)).sum().backward()


@broken("non-finite", warns="degrees of freedom is <= 0")
def deviation_of_one_sample() -> None:
    """Standardise a batch of one."""
    layer = nn.Linear(3, 2)
    h = layer(torch.randn(1, 3))
    spread = h.std(dim=0)  # <- made NaN
    ((h - h.mean(0)) / (spread + 1e-5)).sum().backward()


@broken("non-finite")
def deviation_of_equal_values() -> None:
    """Differentiate a standard deviation that is zero."""
    w = torch.ones(4, requires_grad=True)
    variance = w.var()
    deviation = variance.sqrt()  # <- made
    (deviation + w.sum()).backward()  # <- backward


@broken("non-finite")
def learning_rate_is_far_too_high() -> None:
    """Step so far that the next loss overflows."""
    w = torch.tensor([1.0], requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=1e25)
    for _ in range(2):
        optimizer.zero_grad()
        loss = (w * 3 - 1).square().sum()  # <- made Inf
        loss.backward()
        optimizer.step()


@broken("non-finite", folds=True)
def loss_grows_until_it_is_nan() -> None:
    """Train a small network with a rate at which it diverges."""
    model = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=50.0)
    x, target = torch.ones(4, 2), torch.ones(4, 1)
    for _ in range(5):
        optimizer.zero_grad()
        residual = model(x) - target  # <- made NaN
        loss = residual.square().mean()
        loss.backward()
        optimizer.step()  # <- not made NaN


@broken("non-finite")
def adam_without_epsilon() -> None:
    """Divide zero by zero in the step for a weight whose gradient is zero."""
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.Adam([w], eps=0.0)
    mask = torch.tensor([1.0, 0.0])
    for _ in range(2):
        optimizer.zero_grad()
        loss = (w * mask).sum()
        loss.backward()
        optimizer.step()  # <- made NaN


@broken("non-finite")
def attention_of_a_masked_row() -> None:
    """Mask a whole row with infinity before the softmax."""
    scores = torch.randn(2, 3, requires_grad=True)
    mask = torch.tensor([[True, True, True], [False, True, True]])
    masked = scores.masked_fill(mask, float("-inf"))  # <- made Inf
    attention = torch.softmax(masked, dim=1)  # <- made NaN
    attention.sum().backward()


@broken("non-finite")
def subtracts_infinities() -> None:
    """Subtract a maximum that is infinite."""
    x = torch.tensor([50.0, 90.0], requires_grad=True)
    powers = torch.exp(x)  # <- made Inf
    shifted = powers - powers.max()  # <- made NaN
    shifted.sum().backward()


@broken("non-finite")
def angle_of_unnormalised_vectors() -> None:
    """Take the angle from a cosine that rounding has made larger than one."""
    cosine = torch.tensor(1.0000001, requires_grad=True)
    angle = torch.acos(cosine)  # <- made NaN
    angle.backward()


@broken("non-finite")
def angle_of_equal_vectors() -> None:
    """Differentiate acos at one."""
    u = torch.tensor([1.0, 0.0], requires_grad=True)
    cosine = (u * torch.tensor([1.0, 0.0])).sum()
    angle = torch.acos(cosine)  # <- made
    angle.backward()  # <- backward


@broken("non-finite")
def power_of_a_negative_base() -> None:
    """Raise a negative number to a fraction."""
    x = torch.tensor([-0.5, 2.0], requires_grad=True)
    y = x**0.5  # <- made NaN
    y.sum().backward()


@broken("non-finite")
def power_below_one_at_zero() -> None:
    """Differentiate a fractional power at zero."""
    x = torch.tensor([0.0, 2.0], requires_grad=True)
    y = x**0.3  # <- made
    y.sum().backward()  # <- backward


@broken("non-finite")
def logsumexp_of_a_masked_row() -> None:
    """Mask every entry of a sum of exponentials."""
    scores = torch.randn(3, requires_grad=True)
    masked = scores.masked_fill(torch.ones(3, dtype=torch.bool), -torch.inf)  # <- made Inf
    torch.logsumexp(masked, dim=0).backward()


@broken("non-finite")
def eigenvectors_of_equal_eigenvalues() -> None:
    """Differentiate eigenvectors of a repeated eigenvalue."""
    scale = torch.ones(2, requires_grad=True)
    _, vectors = torch.linalg.eigh(torch.diag(scale))  # <- made
    vectors[0].sum().backward()  # <- backward


@broken("non-finite")
def variance_by_the_short_formula() -> None:
    """Take the root of a variance that rounding has made negative."""
    y = torch.tensor([1000.0, 1000.02, 1000.04], requires_grad=True)
    variance = y.square().mean() - y.mean().square()
    deviation = variance.sqrt()  # <- made NaN
    deviation.backward()


@broken("non-finite")
def data_with_a_missing_value() -> None:
    """Train on data that holds a NaN."""
    features = torch.tensor([[1.0, float("nan")], [0.5, 2.0]])  # <- made NaN
    model = nn.Linear(2, 1)
    model(features).square().mean().backward()


@broken("non-finite")
def half_precision_overflows() -> None:
    """Square in half precision."""
    w = torch.tensor([300.0], dtype=torch.float16, requires_grad=True)
    energy = w * w  # <- made Inf
    energy.sum().backward()


@broken("non-finite")
def metric_of_an_empty_class() -> object:
    """Compute the recall of a class that does not occur."""
    predicted, labels = torch.tensor([1, 1, 0]), torch.tensor([0, 0, 0])
    hits = ((predicted == 1) & (labels == 1)).sum()
    return hits / (labels == 1).sum()  # <- made NaN


@broken("non-finite")
def normalises_a_gradient_that_is_zero() -> None:
    """Divide a gradient by its norm, which is zero."""
    w = torch.zeros(3, requires_grad=True)
    (w * w).sum().backward()
    with torch.no_grad():
        w -= 0.1 * w.grad / w.grad.norm()  # <- made NaN


# dead-gradient


@broken("dead-gradient")
def every_unit_of_a_layer_is_dead() -> None:
    """Begin with a bias at which no unit is active."""
    first, last = nn.Linear(3, 4), nn.Linear(4, 1)
    nn.init.constant_(first.bias, -100.0)
    hidden = torch.relu(first(torch.rand(5, 3)))  # <- zero from here
    output = last(hidden)  # <- also zero from here
    output.mean().backward()  # <- backward


@broken("dead-gradient")
def one_branch_is_dead() -> None:
    """Have a dead branch beside one that lives."""
    trunk, left, right = nn.Linear(3, 4), nn.Linear(4, 2), nn.Linear(4, 2)
    nn.init.constant_(left.bias, -100.0)
    features = torch.tanh(trunk(torch.randn(5, 3)))
    silent = F.relu(left(features))  # <- zero from here
    alive = right(features)
    (silent + alive).sum().backward()  # <- backward


@broken("dead-gradient")
def dead_module_in_a_sequence() -> None:
    """Have a hard tanh outside its range inside a sequence."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Hardtanh(), nn.Linear(2, 1))
    output = model(torch.full((3, 2), 1e6))  # <- zero from here
    output.mean().backward()  # <- backward


@broken("dead-gradient")
def saturated_sigmoid() -> None:
    """Feed a sigmoid with inputs that were not scaled."""
    w = torch.tensor([3.0, -2.0], requires_grad=True)
    p = torch.sigmoid(w * 255)  # <- zero from here
    (p - 0.5).square().sum().backward()  # <- backward


@broken("dead-gradient")
def saturated_tanh() -> None:
    """Feed a tanh with inputs that were not scaled."""
    w = torch.tensor([20.0, -30.0], requires_grad=True)
    y = torch.tanh(w)  # <- zero from here
    y.sum().backward()  # <- backward


@broken("dead-gradient")
def rounds_the_prediction() -> None:
    """Round on the way to the loss."""
    w = torch.tensor([0.3, 1.7], requires_grad=True)
    level = torch.round(w * 4)  # <- zero from here
    (level - 1).square().sum().backward()  # <- backward


@broken("dead-gradient")
def signs_of_weights() -> None:
    """Binarise weights by their sign."""
    w = torch.randn(3, 2, requires_grad=True)
    binary = torch.sign(w)  # <- zero from here
    (torch.ones(1, 3) @ binary).sum().backward()  # <- backward


@broken("dead-gradient")
def floors_a_position() -> None:
    """Take the floor of a learned position."""
    position = torch.tensor([1.5, 2.5], requires_grad=True)
    cell = torch.floor(position)  # <- zero from here
    (position.detach() - cell).square().sum().backward()  # <- backward


@broken("dead-gradient")
def clamped_outside_the_range() -> None:
    """Clamp a parameter that lies outside the range."""
    w = torch.tensor([3.0, -2.0], requires_grad=True)
    p = torch.clamp(w, 0, 1)  # <- zero from here
    (p - 0.2).square().sum().backward()  # <- backward


@broken("dead-gradient")
def gate_that_is_zero() -> None:
    """Multiply a branch by a constant gate of zero."""
    layer = nn.Linear(2, 2)
    gate = torch.zeros(1)
    output = layer(torch.randn(3, 2)) * gate  # <- zero from here
    output.sum().backward()  # <- backward


@broken("dead-gradient")
def hinge_with_a_tiny_margin() -> None:
    """Have every example on the right side of a hinge."""
    w = torch.tensor([2.0, -3.0], requires_grad=True)
    labels = torch.tensor([1.0, -1.0])
    loss = torch.clamp(1 - labels * w, min=0)  # <- zero from here
    loss.sum().backward()  # <- backward


@broken("dead-gradient")
def triplets_that_are_too_easy() -> None:
    """Use triplets that all fulfil the margin."""
    layer = nn.Linear(2, 2)
    anchor = layer(torch.ones(1, 2))
    near, far = anchor.detach() + 0.1, anchor.detach() + 100
    loss = F.triplet_margin_loss(anchor, near, far)  # <- zero from here
    loss.backward()  # <- backward


@broken("dead-gradient")
def weights_begin_at_zero() -> None:
    """Begin a ReLU layer at zero, where its slope is zero."""
    w = torch.zeros(3, 2, requires_grad=True)
    hidden = torch.relu(torch.ones(1, 3) @ w)  # <- zero from here
    (hidden - 1).square().sum().backward()  # <- backward


@broken("dead-gradient")
def both_factors_begin_at_zero() -> None:
    """Begin both factors of a low-rank product at zero."""
    down, up = torch.zeros(3, 1, requires_grad=True), torch.zeros(1, 3, requires_grad=True)
    update = down @ up  # <- zero from here
    (update + torch.eye(3)).square().sum().backward()  # <- backward


@broken("dead-gradient")
def softmax_over_one_class() -> None:
    """Take the softmax over a dimension of size one."""
    model = nn.Linear(3, 1)
    p = torch.softmax(model(torch.randn(4, 3)), dim=1)  # <- zero from here
    (p - 0.3).square().mean().backward()  # <- backward


@broken("dead-gradient")
def drops_everything() -> None:
    """Take the dropout rate for the share that is kept."""
    model = nn.Linear(2, 4)
    hidden = F.dropout(model(torch.randn(3, 2)), p=1.0)  # <- zero from here
    (hidden - 1).square().mean().backward()  # <- backward


@broken("dead-gradient")
def where_selects_the_constant() -> None:
    """Select the constant everywhere."""
    w = torch.tensor([0.1, 0.2], requires_grad=True)
    y = torch.where(w > 5, w, torch.ones(2))  # <- zero from here
    y.sum().backward()  # <- backward


@broken("dead-gradient")
def samples_nearest_pixels() -> None:
    """Learn a transformation by sampling nearest pixels."""
    theta = torch.eye(2, 3).unsqueeze(0).requires_grad_()
    grid = F.affine_grid(theta, [1, 1, 4, 4], align_corners=False)
    image = torch.randn(1, 1, 4, 4)
    moved = F.grid_sample(image, grid, mode="nearest", align_corners=False)  # <- zero from here
    moved.square().sum().backward()  # <- backward


@broken("dead-gradient")
def compares_a_prediction_with_itself() -> None:
    """Put the prediction where the target belongs."""
    model = nn.Linear(2, 1)
    predicted = model(torch.randn(3, 2))
    loss = (predicted - predicted).square().mean()  # <- zero from here
    loss.backward()  # <- backward


@broken("dead-gradient")
def draws_bernoulli_samples() -> None:
    """Draw truth values from learned probabilities."""
    logits = torch.zeros(4, requires_grad=True)
    drawn = torch.bernoulli(torch.sigmoid(logits))  # <- zero from here
    (drawn - 0.3).square().sum().backward()  # <- backward


# accumulated-grad


@broken("accumulated-grad")
def sgd_without_zero_grad() -> None:
    """Forget `zero_grad` with SGD."""
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x in torch.randn(2, 4, 2):
        loss = model(x).square().mean()
        loss.backward()  # <- added
        optimizer.step()  # <- first step, next step


@broken("accumulated-grad")
def adam_without_zero_grad() -> None:
    """Forget `zero_grad` with Adam."""
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    optimizer = torch.optim.Adam(model.parameters())
    for x in torch.randn(2, 4, 2):
        model(x).square().mean().backward()  # <- added
        optimizer.step()  # <- first step, next step


@broken("accumulated-grad", folds=True)
def foreach_adamw_without_zero_grad() -> None:
    """Forget `zero_grad` with an optimizer that writes all parameters at once."""
    model = nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(model.parameters(), foreach=True)
    for x in torch.randn(5, 4, 2):
        loss = model(x).square().mean()
        torch.autograd.backward(loss)  # <- added
        optimizer.step()  # <- first step, next step


@broken("accumulated-grad")
def zero_grad_is_not_called() -> None:
    """Forget the parentheses of `zero_grad()`."""
    w = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    for _ in range(2):
        optimizer.zero_grad  # noqa: B018
        (w * w).sum().backward()  # <- added
        optimizer.step()  # <- first step, next step


@broken("accumulated-grad")
def manual_step_without_clearing() -> None:
    """Step by hand and keep the gradient."""
    w = torch.tensor([1.0, -2.0], requires_grad=True)
    for _ in range(2):
        loss = (w * w).sum()
        loss.backward()  # <- added
        with torch.no_grad():
            w -= 0.1 * w.grad  # <- first step, next step


@broken("accumulated-grad")
def manual_step_of_a_model() -> None:
    """Step every parameter by hand and keep the gradients."""
    model = nn.Linear(2, 1)
    for x in torch.randn(2, 4, 2):
        model(x).square().mean().backward()  # <- added
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.sub_(0.1 * parameter.grad)  # <- first step, next step


@broken("accumulated-grad")
def manual_step_with_alpha() -> None:
    """Step by `add_` with a factor, in which no product is a tensor of its own."""
    w = torch.ones(3, requires_grad=True)
    for _ in range(2):
        (w * w).sum().backward()  # <- added
        with torch.no_grad():
            w.add_(w.grad, alpha=-0.1)  # <- first step, next step


@broken("accumulated-grad")
def data_step_by_assignment() -> None:
    """Step by assigning to `.data` and keep the gradient."""
    w = torch.tensor(3.0, requires_grad=True)
    for _ in range(2):
        loss = (w - 1) ** 2
        loss.backward()  # <- added
        w.data = w.data - 0.1 * w.grad  # <- first step, next step


@broken("accumulated-grad")
def data_step_in_place() -> None:
    """Step by `-=` on `.data` and keep the gradient."""
    w = torch.tensor(3.0, requires_grad=True)
    for _ in range(2):
        loss = (w - 1) ** 2
        loss.backward()  # <- added
        w.data -= 0.1 * w.grad.data  # <- first step, next step


@broken("accumulated-grad")
def data_step_by_a_method() -> None:
    """Step by a method of `.data` and keep the gradients."""
    model = nn.Linear(2, 1)
    for x in torch.randn(2, 4, 2):
        model(x).square().mean().backward()  # <- added
        for parameter in model.parameters():
            parameter.data.add_(parameter.grad, alpha=-0.1)  # <- first step, next step


@broken("accumulated-grad")
def zero_grad_of_the_other_optimizer() -> None:
    """Clear the gradients of the other optimizer."""
    encoder, decoder = nn.Linear(3, 2), nn.Linear(2, 3)
    first = torch.optim.SGD(encoder.parameters(), lr=0.1)
    second = torch.optim.SGD(decoder.parameters(), lr=0.1)
    for x in torch.randn(2, 4, 3):
        first.zero_grad()
        first.zero_grad()
        F.mse_loss(decoder(encoder(x)), x).backward()  # <- added
        first.step()
        second.step()  # <- first step, next step


@broken("accumulated-grad")
def zero_grad_of_a_part_of_the_model() -> None:
    """Clear the gradients of the first layer only."""
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    optimizer = torch.optim.Adam(model.parameters())
    for x in torch.randn(2, 4, 2):
        model[0].zero_grad()
        model(x).square().mean().backward()  # <- added
        optimizer.step()  # <- first step, next step


@broken("accumulated-grad")
def zero_grad_before_the_loop() -> None:
    """Clear once, before the loop."""
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.zero_grad()
    for x in torch.randn(2, 4, 2):
        loss = model(x).square().mean()
        loss.backward()  # <- added
        optimizer.step()  # <- first step, next step


@broken("accumulated-grad", folds=True)
def zeros_before_the_loop() -> None:
    """Clear once, before the loop, by zeros that are kept."""
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(torch.zeros(1, 2)).sum().backward()
    optimizer.zero_grad(set_to_none=False)
    for x in torch.randn(2, 4, 2):
        loss = model(x).square().mean()
        loss.backward()  # <- added
        optimizer.step()  # <- first step, next step


@broken("accumulated-grad", folds=True)
def zero_grad_once_an_epoch() -> None:
    """Clear once an epoch and step for every batch."""
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad(set_to_none=False)
        for x in torch.randn(2, 4, 2):
            model(x).square().mean().backward()  # <- added
            optimizer.step()  # <- first step, next step


@broken("accumulated-grad", folds=True)
def steps_for_every_small_batch() -> None:
    """Accumulate four small batches, but step after each of them."""
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for number, x in enumerate(torch.randn(4, 4, 2), start=1):
        loss = model(x).square().mean() / 4
        loss.backward()  # <- added
        optimizer.step()  # <- first step, next step
        if number % 4 == 0:
            optimizer.zero_grad()


@broken("accumulated-grad", folds=True)
def generator_adds_to_the_discriminator() -> None:
    """Clear only the generator's gradients in adversarial training."""
    real = torch.ones(4, 3)
    generator, discriminator = nn.Linear(2, 3), nn.Linear(3, 1)
    g_optimizer = torch.optim.SGD(generator.parameters(), lr=0.1)
    d_optimizer = torch.optim.SGD(discriminator.parameters(), lr=0.1)
    for z in torch.randn(2, 4, 2):
        g_optimizer.zero_grad()
        fake = generator(z)
        score = discriminator(fake.detach()) - discriminator(real)
        score.square().mean().backward()  # <- added
        d_optimizer.step()  # <- first step, next step
        discriminator(fake).neg().mean().backward()  # <- added
        g_optimizer.step()


@broken("accumulated-grad", folds=True)
def closure_without_zero_grad() -> None:
    """Forget `zero_grad` in the closure of L-BFGS."""
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    optimizer = torch.optim.LBFGS([w], lr=0.1, max_iter=2)

    def closure() -> float:
        loss = (w - 3).square().sum()
        loss.backward()  # <- added
        return loss.item()

    for _ in range(2):
        optimizer.step(closure)  # <- first step, next step


@broken("accumulated-grad")
def detaches_the_gradient_without_zeroing() -> None:
    """Detach the gradient where it should be zeroed."""
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    for _ in range(2):
        (w * w).sum().backward()  # <- added
        optimizer.step()  # <- first step, next step
        w.grad.detach_()


@broken("accumulated-grad")
def clears_a_variable_and_not_the_gradient() -> None:
    """Give the variable that held the gradient another value."""
    w = torch.ones(2, requires_grad=True)
    for _ in range(2):
        (w * w).sum().backward()  # <- added
        gradient = w.grad
        with torch.no_grad():
            w -= 0.1 * gradient  # <- first step, next step
        gradient = None


# parameter-not-stepped


@broken("parameter-not-stepped")
def forgets_the_second_module() -> None:
    """Give the optimizer the encoder only."""
    encoder, decoder = nn.Linear(3, 2), nn.Linear(2, 3)
    optimizer = torch.optim.Adam(encoder.parameters())
    x = torch.randn(4, 3)
    F.mse_loss(decoder(encoder(x)), x).backward()  # <- got a gradient
    optimizer.step()  # <- stepped


@broken("parameter-not-stepped")
def makes_the_model_anew_after_the_optimizer() -> None:
    """Make the model again, after the optimizer was made."""
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model = nn.Linear(2, 1)
    model(torch.randn(3, 2)).mean().backward()  # <- got a gradient
    optimizer.step()  # <- stepped


@broken("parameter-not-stepped")
def trains_a_copy_of_the_model() -> None:
    """Train a copy, and step the original."""
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    replica = copy.deepcopy(model)
    for x in torch.randn(2, 3, 2):
        replica.zero_grad()
        replica(x).square().mean().backward()  # <- got a gradient
        optimizer.step()  # <- stepped


@broken("parameter-not-stepped")
def replaces_the_head_after_the_optimizer() -> None:
    """Replace the last layer for a new task, after the optimizer was made."""
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model[2] = nn.Linear(3, 2)
    model(torch.randn(3, 2)).mean().backward()  # <- got a gradient
    optimizer.step()  # <- stepped


@broken("parameter-not-stepped")
def leaves_the_biases_out() -> None:
    """Make a group without weight decay and forget to pass it on."""
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    decayed = [p for name, p in model.named_parameters() if "bias" not in name]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.1}])
    model(torch.randn(3, 2)).mean().backward()  # <- got a gradient
    optimizer.step()  # <- stepped


@broken("parameter-not-stepped")
def filters_before_unfreezing() -> None:
    """Unfreeze a part after the optimizer has filtered it out."""
    trunk, head = nn.Linear(2, 3), nn.Linear(3, 1)
    trunk.requires_grad_(False)
    every = [*trunk.parameters(), *head.parameters()]
    optimizer = torch.optim.SGD([p for p in every if p.requires_grad], lr=0.1)
    trunk.requires_grad_(True)
    head(trunk(torch.randn(4, 2))).mean().backward()  # <- got a gradient
    optimizer.step()  # <- stepped


@broken("parameter-not-stepped")
def layers_in_a_plain_list() -> None:
    """Keep layers in a Python list, where the module does not see them."""

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = [nn.Linear(2, 2), nn.Linear(2, 2)]
            self.last = nn.Linear(2, 1)

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.hidden:
                x = torch.tanh(layer(x))
            return self.last(x)

    model = Network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = model(torch.randn(3, 2)).mean()
    loss.backward()  # <- got a gradient
    optimizer.step()  # <- stepped


@broken("parameter-not-stepped")
def layers_in_a_plain_dictionary() -> None:
    """Keep heads in a Python dictionary."""

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk = nn.Linear(2, 3)
            self.heads = {"age": nn.Linear(3, 1)}

        def forward(self, x: Tensor, task: str) -> Tensor:
            return self.heads[task](self.trunk(x))

    model = Network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(torch.randn(3, 2), "age").mean().backward()  # <- got a gradient
    optimizer.step()  # <- stepped


@broken("parameter-not-stepped")
def tensor_that_is_no_parameter() -> None:
    """Keep a learned tensor in a module without `nn.Parameter`."""

    class Gain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 2)
            self.gain = torch.ones(2, requires_grad=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.linear(x) * self.gain

    model = Gain()
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(3, 2)).mean().backward()  # <- got a gradient
    optimizer.step()  # <- stepped


@broken("parameter-not-stepped")
def weights_of_the_losses() -> None:
    """Learn the weights of two losses without telling the optimizer."""
    model = nn.Linear(2, 2)
    log_variances = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = model(torch.randn(4, 2)).square().mean(0)
    loss = (losses * torch.exp(-log_variances) + log_variances).sum()
    loss.backward()  # <- got a gradient
    optimizer.step()  # <- stepped


@broken("parameter-not-stepped")
def steps_the_other_network() -> None:
    """Give the generator's optimizer the parameters of the discriminator."""
    generator, discriminator = nn.Linear(2, 3), nn.Linear(3, 1)
    optimizer = torch.optim.Adam(discriminator.parameters())
    discriminator(generator(torch.randn(4, 2))).mean().backward()  # <- got a gradient
    optimizer.step()  # <- stepped


@broken("parameter-not-stepped")
def steps_without_backward() -> None:
    """Forget backward."""
    w = torch.ones(2, requires_grad=True)  # <- made
    optimizer = torch.optim.SGD([w], lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        (w * w).sum()
        optimizer.step()  # <- stepped


@broken("parameter-not-stepped")
def steps_before_backward() -> None:
    """Clear, step, and only then call backward."""
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x in torch.randn(2, 4, 2):
        optimizer.zero_grad()
        loss = model(x).square().mean()
        optimizer.step()  # <- stepped
        loss.backward()


@broken("parameter-not-stepped")
def clears_between_backward_and_step() -> None:
    """Clear the gradients just before the step."""
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x in torch.randn(2, 4, 2):
        model(x).square().mean().backward()
        optimizer.zero_grad()
        optimizer.step()  # <- stepped


@broken("parameter-not-stepped")
def zeroes_between_backward_and_step() -> None:
    """Fill the gradients with zeros just before the step."""
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x in torch.randn(2, 4, 2):
        model(x).square().mean().backward()
        optimizer.zero_grad(set_to_none=False)
        optimizer.step()  # <- stepped


@broken("parameter-not-stepped")
def head_that_is_never_used() -> None:
    """Give the optimizer a head that no loss uses."""
    trunk, used, unused = nn.Linear(2, 3), nn.Linear(3, 1), nn.Linear(3, 1)
    modules = nn.ModuleList([trunk, used, unused])
    optimizer = torch.optim.SGD(modules.parameters(), lr=0.1)
    used(trunk(torch.randn(4, 2))).mean().backward()
    optimizer.step()  # <- stepped


@broken("parameter-not-stepped", also=("cut-graph",))
def optimizer_of_a_detached_part() -> None:
    """Step a part that the loss is cut off from."""
    w = torch.ones(2, requires_grad=True)  # <- made
    v = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    (w.detach() * v).sum().backward()
    optimizer.step()  # <- stepped


@broken("parameter-not-stepped", also=("cut-graph",))
def optimizer_of_the_leaf_before_the_copy() -> None:
    """Optimise the tensor from which the learned one was copied."""
    start = torch.zeros(3)
    start.requires_grad_()
    image = start.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([start], lr=0.1)
    (image - 1).square().sum().backward()  # <- got a gradient
    optimizer.step()  # <- stepped
