# mypy: disable-error-code="no-untyped-call, operator, union-attr, misc, arg-type"
# ruff: noqa: ARG004 (the arguments of forward and backward are PyTorch's)
"""Correct PyTorch programs, as people write them: the tape must find nothing wrong in any."""

import copy
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.distributions import Categorical, Normal, kl_divergence
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize, prune
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

Program = Callable[[], list[Tensor]]


@dataclass(frozen=True)
class Case:
    """A program, and what the tape may say of it."""

    program: Program
    """Returns the tensors that matter; the gradients of leaves among them matter as well."""
    remarks: frozenset[str]
    """Codes of the warnings and notes that are fair; usually none."""
    unseen: str
    """Part of the one sentence that `limits` must hold; empty if everything is seen."""

    @property
    def name(self) -> str:
        """Name of the program."""
        return self.program.__name__


CASES: list[Case] = []


def correct(*remarks: str, unseen: str = "") -> Callable[[Program], Program]:
    """Enter a program into the list of cases."""

    def enter(program: Program) -> Program:
        CASES.append(Case(program, frozenset(remarks), unseen))
        return program

    return enter


# Models and data that several programs share.


def mlp(*sizes: int) -> nn.Sequential:
    """Make linear layers of these sizes with tanh between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def classes(count: int = 16, features: int = 4, labels: int = 3) -> tuple[Tensor, Tensor]:
    """Make a batch of labelled points."""
    return torch.randn(count, features), torch.randint(labels, (count,))


def sine() -> tuple[Tensor, Tensor]:
    """Make points on a sine wave."""
    x = torch.linspace(-3, 3, 50)
    return x, torch.sin(x)


def fit(
    model: nn.Module, optimizer: torch.optim.Optimizer, batch: tuple[Tensor, Tensor], steps: int = 3
) -> list[Tensor]:
    """Train a classifier for a few steps; return the losses and the parameters."""
    x, labels = batch
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return [*losses, *model.parameters()]


# First lessons.


@correct()
def autograd_introduction() -> list[Tensor]:
    """Differentiate a vector of errors with a gradient given by hand."""
    a = torch.tensor([2.0, 3.0], requires_grad=True)
    b = torch.tensor([6.0, 4.0], requires_grad=True)
    error = 3 * a**3 - b**2
    error.backward(gradient=torch.tensor([1.0, 1.0]))
    return [error, a, b]


@correct()
def autograd_of_a_logistic_unit() -> list[Tensor]:
    """Look at the graph, differentiate, then compute without it."""
    x, target = torch.ones(5), torch.zeros(3)
    w = torch.randn(5, 3, requires_grad=True)
    b = torch.randn(3, requires_grad=True)
    z = torch.matmul(x, w) + b
    loss = functional.binary_cross_entropy_with_logits(z, target)
    assert z.grad_fn is not None
    loss.backward()
    with torch.no_grad():
        again = torch.matmul(x, w) + b
    assert not again.requires_grad
    assert not z.detach().requires_grad
    return [loss, again, w, b]


@correct()
def backward_twice_with_retain_graph() -> list[Tensor]:
    """Add up gradients of one output, then clear them and start again."""
    inputs = torch.eye(3, 4, requires_grad=True)
    out = (inputs + 1).pow(2).t()
    out.backward(torch.ones_like(out), retain_graph=True)
    first = inputs.grad.clone()
    out.backward(torch.ones_like(out), retain_graph=True)
    second = inputs.grad.clone()
    inputs.grad.zero_()
    out.backward(torch.ones_like(out))
    return [first, second, inputs]


@correct()
def polynomial_by_hand() -> list[Tensor]:
    """Fit a cubic with a gradient derived on paper."""
    x, y = sine()
    weights = torch.randn(4)
    powers = torch.stack([torch.ones_like(x), x, x**2, x**3])
    for _ in range(5):
        residual = weights @ powers - y
        weights -= 1e-5 * (2 * residual * powers).sum(1)
    return [weights]


@correct()
def polynomial_with_grad_zeroed() -> list[Tensor]:
    """Fit a cubic; update under no_grad, zero the gradients in place."""
    x, y = sine()
    a, b, c, d = (torch.randn((), requires_grad=True) for _ in range(4))
    for _ in range(5):
        loss = (a + b * x + c * x**2 + d * x**3 - y).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            for w in (a, b, c, d):
                w -= 1e-5 * w.grad
                w.grad.zero_()
    return [loss, a, b, c, d]


@correct()
def polynomial_with_grad_none() -> list[Tensor]:
    """Fit a line; update under no_grad, drop the gradients."""
    x, y = sine()
    a = torch.randn((), requires_grad=True)
    b = torch.randn((), requires_grad=True)
    for _ in range(5):
        loss = (a + b * x - y).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            a -= 1e-4 * a.grad
            b -= 1e-4 * b.grad
            a.grad = None
            b.grad = None
    return [loss, a, b]


@correct()
def polynomial_through_data() -> list[Tensor]:
    """Fit a line the old way: through `.data`, also of the gradients."""
    x, y = sine()
    a = torch.randn((), requires_grad=True)
    b = torch.randn((), requires_grad=True)
    for _ in range(5):
        loss = (a + b * x - y).pow(2).sum()
        loss.backward()
        a.data -= 1e-4 * a.grad.data
        b.data -= 1e-4 * b.grad.data
        a.grad.data.zero_()
        b.grad.data.zero_()
    return [loss.detach(), a, b]


@correct()
def polynomial_with_optimizer() -> list[Tensor]:
    """Fit a cubic with a module and RMSprop."""
    x, y = sine()
    powers = x.unsqueeze(-1).pow(torch.tensor([1, 2, 3]))
    model = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0, 1))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    for _ in range(5):
        loss = functional.mse_loss(model(powers), y, reduction="sum")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss.detach(), *model.parameters()]


class Legendre(torch.autograd.Function):
    """The Legendre polynomial of degree three."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Compute it."""
        ctx.save_for_backward(x)
        return 0.5 * (5 * x**3 - 3 * x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Compute its gradient."""
        (x,) = ctx.saved_tensors
        slope: Tensor = gradient * 1.5 * (5 * x**2 - 1)
        return slope


@correct()
def polynomial_with_custom_function() -> list[Tensor]:
    """Fit a Legendre polynomial with a hand-written backward."""
    x, y = sine()
    a, b, c, d = (torch.full((), v, requires_grad=True) for v in (0.1, -1.0, 0.2, 0.3))
    third = Legendre.apply
    for _ in range(5):
        loss = (a + b * third(c + d * x) - y).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            for w in (a, b, c, d):
                w -= 5e-6 * w.grad
                w.grad = None
    return [loss, a, b, c, d]


@correct()
def polynomial_with_shared_terms() -> list[Tensor]:
    """Reuse one parameter a random number of times in each forward pass."""
    x, y = sine()
    w = nn.Parameter(torch.randn(5) / 100)
    optimizer = torch.optim.SGD([w], lr=1e-8, momentum=0.9)
    for _ in range(5):
        out = w[0] + w[1] * x + w[2] * x**2 + w[3] * x**3
        for power in range(4, int(torch.randint(4, 7, ()).item())):
            out = out + w[4] * x**power
        loss = (out - y).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss.detach(), w]


@correct()
def classifier_from_scratch() -> list[Tensor]:
    """Train a softmax classifier without torch.nn, batch by batch."""
    x, labels = classes(32)
    weights = torch.randn(4, 3) / 2
    weights.requires_grad_()
    bias = torch.zeros(3, requires_grad=True)
    for start in range(0, 32, 8):
        logits = x[start : start + 8] @ weights + bias
        scores = logits - logits.exp().sum(-1).log().unsqueeze(-1)
        loss = -scores[range(8), labels[start : start + 8]].mean()
        loss.backward()
        with torch.no_grad():
            weights -= weights.grad * 0.5
            bias -= bias.grad * 0.5
            weights.grad.zero_()
            bias.grad.zero_()
    accuracy = (torch.argmax(x @ weights + bias, dim=1) == labels).float().mean()
    return [loss, accuracy, weights, bias]


@correct()
def module_updated_by_hand() -> list[Tensor]:
    """Train a module with a loop over its parameters instead of an optimizer."""
    x, labels = classes()
    model = mlp(4, 8, 3)
    for _ in range(4):
        loss = functional.cross_entropy(model(x), labels)
        loss.backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= parameter.grad * 0.5
            model.zero_grad()
    return [loss, *model.parameters()]


def descend(parameters: Sequence[Tensor], rate: float, count: int) -> None:
    """Take a step of minibatch descent and clear the gradients."""
    with torch.no_grad():
        for parameter in parameters:
            parameter -= rate * parameter.grad / count
            parameter.grad.zero_()


@correct()
def regression_with_a_helper_that_steps() -> list[Tensor]:
    """Train a linear regression with a step function of one's own."""
    x = torch.randn(20, 2)
    y = x @ torch.tensor([[2.0], [-3.4]]) + 4.2
    w = torch.normal(0, 0.01, (2, 1), requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    for start in (0, 10, 0, 10):
        part = slice(start, start + 10)
        loss = ((x[part] @ w + b - y[part]) ** 2 / 2).sum()
        loss.backward()
        descend([w, b], 0.03, 10)
    return [loss, w, b]


# Networks and optimizers.


@correct()
def mlp_with_sgd() -> list[Tensor]:
    """Train a small network."""
    model = mlp(4, 16, 3)
    return fit(model, torch.optim.SGD(model.parameters(), lr=0.1), classes())


@correct()
def mlp_with_inplace_relu_and_dropout() -> list[Tensor]:
    """Train a network whose activations overwrite their input."""
    model = nn.Sequential(
        nn.Linear(4, 32), nn.ReLU(inplace=True), nn.Dropout(0.2), nn.Linear(32, 3)
    )
    return fit(model, torch.optim.Adam(model.parameters()), classes())


@correct()
def sgd_with_momentum() -> list[Tensor]:
    """Train with Nesterov momentum and weight decay."""
    model = mlp(4, 8, 3)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3
    )
    return fit(model, optimizer, classes(), steps=4)


@correct()
def adam_one_tensor_at_a_time() -> list[Tensor]:
    """Train with the plain loop of Adam."""
    model = mlp(4, 8, 3)
    return fit(model, torch.optim.Adam(model.parameters(), foreach=False), classes())


@correct()
def adamw_foreach() -> list[Tensor]:
    """Train with AdamW over lists of tensors."""
    model = mlp(4, 8, 3)
    return fit(model, torch.optim.AdamW(model.parameters(), foreach=True), classes())


@correct()
def adam_fused() -> list[Tensor]:
    """Train with the fused kernel."""
    model = mlp(4, 8, 3)
    return fit(model, torch.optim.Adam(model.parameters(), fused=True), classes())


@correct()
def parameter_groups_and_gradients_kept_as_zeros() -> list[Tensor]:
    """Train two groups at two rates, with gradients set to zero rather than None."""
    x, labels = classes()
    model = mlp(4, 8, 3)
    groups = [{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr": 0.5}]
    optimizer = torch.optim.Adagrad(groups, lr=0.1)
    for _ in range(3):
        loss = functional.cross_entropy(model(x), labels)
        optimizer.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()
    return [loss.detach(), *model.parameters()]


@correct()
def learning_rate_schedule() -> list[Tensor]:
    """Warm up, then anneal."""
    x, labels = classes()
    model = mlp(4, 8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    warm = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=2)
    anneal = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 4)
    schedule = torch.optim.lr_scheduler.SequentialLR(optimizer, [warm, anneal], [2])
    for _ in range(5):
        optimizer.zero_grad()
        functional.cross_entropy(model(x), labels).backward()
        optimizer.step()
        schedule.step()
    return list(model.parameters())


@correct()
def plateau_schedule_on_the_validation_loss() -> list[Tensor]:
    """Lower the rate when the loss of another batch stops falling."""
    x, labels = classes()
    model = mlp(4, 8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    for _ in range(4):
        model.train()
        optimizer.zero_grad()
        functional.cross_entropy(model(x[:8]), labels[:8]).backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            schedule.step(functional.cross_entropy(model(x[8:]), labels[8:]).item())
    return list(model.parameters())


@correct()
def lstm_on_packed_sequences() -> list[Tensor]:
    """Train an LSTM on sequences of several lengths."""
    network, head = nn.LSTM(3, 8, num_layers=2, batch_first=True), nn.Linear(8, 1)
    optimizer = torch.optim.Adam([*network.parameters(), *head.parameters()], lr=0.01)
    x, y = torch.randn(4, 6, 3), torch.randn(4, 1)
    for _ in range(2):
        optimizer.zero_grad()
        packed = pack_padded_sequence(x, torch.tensor([6, 5, 3, 2]), batch_first=True)
        states, (last, _) = network(packed)
        padded, _ = pad_packed_sequence(states, batch_first=True)
        loss = functional.mse_loss(head(last[-1]), y) + 0.1 * padded.square().mean()
        loss.backward()
        optimizer.step()
    return [loss.detach(), *network.parameters(), *head.parameters()]


@correct()
def gru_with_learned_start() -> list[Tensor]:
    """Train a GRU whose first state is a parameter."""
    network = nn.GRU(3, 5)
    start = nn.Parameter(torch.zeros(1, 1, 5))
    optimizer = torch.optim.SGD([*network.parameters(), start], lr=0.1)
    x, y = torch.randn(7, 2, 3), torch.randn(2, 5)
    for _ in range(2):
        optimizer.zero_grad()
        _, last = network(x, start.expand(1, 2, 5).contiguous())
        loss = functional.mse_loss(last[0], y)
        loss.backward()
        optimizer.step()
    return [loss.detach(), start, *network.parameters()]


def convnet() -> nn.Sequential:
    """Make a small convolutional network with batch norm."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 3),
    )


@correct()
def convolution_and_batch_norm() -> list[Tensor]:
    """Train a convolutional network, then evaluate it."""
    model = convnet()
    images, labels = torch.randn(8, 1, 8, 8), torch.randint(3, (8,))
    out = fit(model, torch.optim.SGD(model.parameters(), lr=0.1), (images, labels))
    model.eval()
    with torch.no_grad():
        hits = (model(images).argmax(1) == labels).float().mean()
    return [*out, hits, *model.buffers()]


@correct()
def fine_tuning_with_batch_norm_in_eval_mode() -> list[Tensor]:
    """Train with running statistics that stay as they are."""
    model = convnet()
    model(torch.randn(8, 1, 8, 8))
    model.eval()
    images, labels = torch.randn(8, 1, 8, 8), torch.randint(3, (8,))
    return fit(model, torch.optim.SGD(model.parameters(), lr=0.1), (images, labels))


class HandmadeBatchNorm(nn.Module):
    """Batch norm with moving averages of one's own."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(features))
        self.beta = nn.Parameter(torch.zeros(features))
        self.mean, self.var = torch.zeros(features), torch.ones(features)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise."""
        if not torch.is_grad_enabled():
            return self.gamma * (x - self.mean) / torch.sqrt(self.var + 1e-5) + self.beta
        mean, var = x.mean(0), x.var(0)
        self.mean = 0.9 * self.mean + 0.1 * mean.detach()
        self.var = 0.9 * self.var + 0.1 * var.detach()
        return self.gamma * (x - mean) / torch.sqrt(var + 1e-5) + self.beta


@correct()
def handmade_batch_norm() -> list[Tensor]:
    """Train with it, then predict without gradients."""
    norm = HandmadeBatchNorm(8)
    model = nn.Sequential(nn.Linear(4, 8), norm, nn.Tanh(), nn.Linear(8, 3))
    batch = classes()
    out = fit(model, torch.optim.SGD(model.parameters(), lr=0.1), batch, steps=4)
    with torch.no_grad():
        prediction = model(batch[0])
    return [*out, prediction, norm.mean, norm.var]


@correct()
def transformer_with_causal_mask() -> list[Tensor]:
    """Train a Transformer encoder whose mask is -inf above the diagonal."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    embed, head = nn.Embedding(11, 8), nn.Linear(8, 11)
    parameters = [*embed.parameters(), *model.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3)
    tokens = torch.randint(11, (3, 7))
    mask = nn.Transformer.generate_square_subsequent_mask(6)
    for _ in range(2):
        out = head(model(embed(tokens[:, :-1]) * 8**0.5, mask=mask, is_causal=True))
        loss = functional.cross_entropy(out.flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 0.5)
        optimizer.step()
    return [loss.detach(), *parameters]


@correct()
def transformer_in_eval_mode_with_padding() -> list[Tensor]:
    """Evaluate a Transformer on padded sequences; the fast path may be taken."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False).eval()
    x = torch.randn(2, 5, 8)
    padding = torch.tensor([[False] * 5, [False, False, False, True, True]])
    with torch.no_grad():
        return [model(x, src_key_padding_mask=padding)]


@correct()
def multihead_attention_with_weights() -> list[Tensor]:
    """Attend across two sequences and look at the weights."""
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    query = torch.randn(2, 3, 8, requires_grad=True)
    memory = torch.randn(2, 5, 8)
    out, weights = attention(query, memory, memory)
    loss = out.square().mean() - (weights * weights.clamp_min(1e-9).log()).sum(-1).mean()
    loss.backward()
    return [loss, weights, query, *attention.parameters()]


@correct()
def scaled_dot_product_attention() -> list[Tensor]:
    """Attend with PyTorch's own function, causally and with a mask."""
    query, key, value = (torch.randn(2, 2, 5, 4, requires_grad=True) for _ in range(3))
    causal = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    keep = torch.ones(5, 5, dtype=torch.bool).tril(1)
    masked = functional.scaled_dot_product_attention(query, key, value, attn_mask=keep)
    loss = (causal.sin() + masked.cos()).sum()
    loss.backward()
    return [loss, query, key, value]


@correct()
def attention_with_scores_masked_in_place() -> list[Tensor]:
    """Write -inf into the scores before the softmax."""
    x = torch.randn(2, 5, 4)
    project = nn.Linear(4, 12)
    query, key, value = project(x).chunk(3, dim=-1)
    scores = query @ key.transpose(1, 2) / 2
    scores.masked_fill_(torch.ones(5, 5, dtype=torch.bool).triu(1), float("-inf"))
    loss = (scores.softmax(-1) @ value).square().sum()
    loss.backward()
    return [loss, *project.parameters()]


@correct()
def embedding_with_padding() -> list[Tensor]:
    """Train an embedding of which one row stays zero; ignore its targets."""
    embed, head = nn.Embedding(9, 6, padding_idx=0), nn.Linear(6, 9)
    optimizer = torch.optim.Adam([*embed.parameters(), *head.parameters()], lr=0.01)
    tokens = torch.tensor([[1, 5, 3, 0], [2, 8, 0, 0]])
    for _ in range(3):
        optimizer.zero_grad()
        logits = head(embed(tokens[:, :-1]))
        target = tokens[:, 1:].flatten()
        loss = functional.cross_entropy(logits.flatten(0, 1), target, ignore_index=0)
        loss.backward()
        optimizer.step()
    return [loss.detach(), *embed.parameters(), *head.parameters()]


@correct()
def embedding_renormalised_in_place() -> list[Tensor]:
    """Put the rows back onto the unit sphere after each step."""
    embed = nn.Embedding(6, 4)
    optimizer = torch.optim.SGD(embed.parameters(), lr=0.1)
    for left, right in ((0, 1), (2, 3), (4, 5)):
        optimizer.zero_grad()
        loss = (embed(torch.tensor(left)) - embed(torch.tensor(right))).norm()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            embed.weight.div_(embed.weight.norm(dim=1, keepdim=True))
    return [loss.detach(), embed.weight]


@correct()
def embedding_with_max_norm() -> list[Tensor]:
    """Let the lookup itself renormalise the rows."""
    embed = nn.Embedding(6, 4, max_norm=1.0)
    optimizer = torch.optim.SGD(embed.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        loss = embed(torch.tensor([0, 2, 4])).sin().sum()
        loss.backward()
        optimizer.step()
    return [loss.detach(), embed.weight]


@correct()
def sparse_embedding_gradients() -> list[Tensor]:
    """Train an embedding with sparse gradients."""
    embed = nn.Embedding(20, 3, sparse=True)
    optimizer = torch.optim.SparseAdam(list(embed.parameters()), lr=0.1)
    for words in ([1, 4, 4], [2, 4, 19], [1, 2, 3]):
        optimizer.zero_grad()
        loss = embed(torch.tensor(words)).square().sum()
        loss.backward()
        optimizer.step()
    return [loss.detach(), embed.weight.detach()]


@correct()
def sparse_matrix_product() -> list[Tensor]:
    """Multiply a sparse adjacency matrix with features that are learned."""
    edges = torch.tensor([[0, 1, 2, 2], [1, 0, 0, 2]])
    adjacency = torch.sparse_coo_tensor(
        edges, torch.ones(4), (3, 3), check_invariants=True
    ).coalesce()
    features = torch.randn(3, 4, requires_grad=True)
    loss = torch.sparse.mm(adjacency, features).tanh().sum()
    loss.backward()
    return [loss, features]


@correct()
def complex_parameters() -> list[Tensor]:
    """Fit a complex filter to real data through the Fourier transform."""
    signal, wanted = torch.randn(16), torch.randn(16)
    response = nn.Parameter(torch.randn(9, dtype=torch.cfloat))
    optimizer = torch.optim.Adam([response], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        out = torch.fft.irfft(torch.fft.rfft(signal) * response, 16)
        loss = (out - wanted).square().mean() + 0.01 * response.abs().sum()
        loss.backward()
        optimizer.step()
    return [loss.detach(), response]


@correct()
def linear_systems() -> list[Tensor]:
    """Differentiate through solve, Cholesky, the determinant and the eigenvalues."""
    factor = torch.randn(4, 4, dtype=torch.float64, requires_grad=True)
    right = torch.randn(4, dtype=torch.float64, requires_grad=True)
    matrix = factor @ factor.T + 4 * torch.eye(4, dtype=torch.float64)
    solution = torch.linalg.solve(matrix, right)
    chol = torch.linalg.cholesky(matrix)
    loss = solution.square().sum() + torch.logdet(matrix) + chol.diagonal().log().sum()
    loss = loss + torch.linalg.eigvalsh(matrix).max()
    loss.backward()
    return [loss, factor, right]


@correct()
def tied_weights() -> list[Tensor]:
    """Use the embedding as the output layer."""
    embed, decode = nn.Embedding(7, 5), nn.Linear(5, 7, bias=False)
    decode.weight = embed.weight
    optimizer = torch.optim.SGD(embed.parameters(), lr=0.1)
    tokens = torch.randint(7, (6,))
    for _ in range(3):
        optimizer.zero_grad()
        loss = functional.cross_entropy(decode(torch.tanh(embed(tokens[:-1]))), tokens[1:])
        loss.backward()
        optimizer.step()
    return [loss.detach(), embed.weight]


@correct()
def dropout_in_functional_form() -> list[Tensor]:
    """Drop units in training, keep them in evaluation."""
    layer, head = nn.Linear(4, 16), nn.Linear(16, 3)
    x, labels = classes()
    for training in (True, False):
        hidden = functional.dropout(layer(x).tanh(), p=0.5, training=training)
        loss = functional.cross_entropy(head(hidden), labels)
        loss.backward()
    return [loss, *layer.parameters(), *head.parameters()]


@correct()
def several_losses() -> list[Tensor]:
    """Add up losses of several kinds, one of them with smooth labels."""
    model = mlp(4, 8, 3)
    x, labels = classes()
    out = model(x)
    loss = functional.cross_entropy(out, labels, label_smoothing=0.1)
    loss = loss + functional.multi_margin_loss(out, labels)
    loss = loss + functional.smooth_l1_loss(out, functional.one_hot(labels, 3).float())
    loss = loss + 1e-3 * sum(p.abs().sum() for p in model.parameters())
    loss.backward()
    return [loss, *model.parameters()]


@correct()
def connectionist_temporal_classification() -> list[Tensor]:
    """Align a sequence with a shorter one."""
    model = nn.Linear(4, 6)
    scores = model(torch.randn(10, 2, 4)).log_softmax(-1)
    targets = torch.randint(1, 6, (2, 3))
    loss = functional.ctc_loss(scores, targets, torch.tensor([10, 9]), torch.tensor([3, 2]))
    loss.backward()
    return [loss, *model.parameters()]


@correct()
def spatial_transformer() -> list[Tensor]:
    """Learn an affine map of an image."""
    theta = nn.Parameter(torch.tensor([[[1.0, 0.1, 0.0], [0.0, 1.0, -0.1]]]))
    image, wanted = torch.randn(1, 1, 6, 6), torch.randn(1, 1, 6, 6)
    optimizer = torch.optim.SGD([theta], lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        grid = functional.affine_grid(theta, [1, 1, 6, 6], align_corners=False)
        loss = functional.mse_loss(functional.grid_sample(image, grid, align_corners=False), wanted)
        loss.backward()
        optimizer.step()
    return [loss.detach(), theta]


# Loops of training.


@correct()
def gradient_accumulation() -> list[Tensor]:
    """Add up the gradients of micro-batches before each step."""
    x, labels = classes(24)
    model = mlp(4, 8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.zero_grad()
    for index in range(6):
        part = slice(4 * index, 4 * index + 4)
        loss = functional.cross_entropy(model(x[part]), labels[part]) / 3
        loss.backward()
        if (index + 1) % 3 == 0:
            optimizer.step()
            optimizer.zero_grad()
    return [loss, *model.parameters()]


@correct()
def mixed_precision() -> list[Tensor]:
    """Train in bfloat16 where autocast says so."""
    x, labels = classes()
    model = mlp(4, 16, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(x)
            loss = functional.cross_entropy(logits, labels)
        loss.backward()
        optimizer.step()
    return [loss.detach(), *model.parameters()]


@correct()
def scaled_gradients() -> list[Tensor]:
    """Scale the loss and unscale the gradients before they are clipped."""
    x, labels = classes()
    model = mlp(4, 16, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for _ in range(3):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), labels)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
    return [loss.detach(), *model.parameters()]


@correct()
def gradient_clipping() -> list[Tensor]:
    """Clip by norm and by value."""
    x, labels = classes()
    model = mlp(4, 8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        functional.cross_entropy(model(x), labels).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        nn.utils.clip_grad_value_(model.parameters(), 0.01)
        optimizer.step()
    return list(model.parameters())


@correct()
def data_loader() -> list[Tensor]:
    """Train and test over loaders in this process."""
    train = DataLoader(TensorDataset(*classes(20)), batch_size=5, shuffle=True, num_workers=0)
    test = DataLoader(TensorDataset(*classes(8)), batch_size=4)
    model = mlp(4, 8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    correct_ones = 0.0
    for _ in range(2):
        model.train()
        for x, labels in train:
            optimizer.zero_grad()
            functional.cross_entropy(model(x), labels).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for x, labels in test:
                correct_ones += (model(x).argmax(1) == labels).type(torch.float).sum().item()
    return [torch.tensor(correct_ones), *model.parameters()]


@correct()
def phases_of_training_and_validation() -> list[Tensor]:
    """Keep the best weights of several epochs; gradients only where trained."""
    x, labels = classes(20)
    model = mlp(4, 8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    best, best_loss = copy.deepcopy(model.state_dict()), float("inf")
    for _ in range(3):
        for phase, part in (("train", slice(0, 12)), ("val", slice(12, 20))):
            model.train(phase == "train")
            optimizer.zero_grad()
            with torch.set_grad_enabled(phase == "train"):
                loss = functional.cross_entropy(model(x[part]), labels[part])
                if phase == "train":
                    loss.backward()
                    optimizer.step()
            if phase == "val" and loss.item() < best_loss:
                best, best_loss = copy.deepcopy(model.state_dict()), loss.item()
    model.load_state_dict(best)
    return list(model.parameters())


@correct()
def evaluation_under_inference_mode() -> list[Tensor]:
    """Evaluate in inference mode, then train on."""
    x, labels = classes()
    model = mlp(4, 8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    accuracies = []
    for _ in range(3):
        optimizer.zero_grad()
        functional.cross_entropy(model(x), labels).backward()
        optimizer.step()
        with torch.inference_mode():
            scores = model(x)
            scores += 1
            accuracies.append((scores.argmax(-1) == labels).float().mean())
    return [*accuracies, *model.parameters()]


@correct()
def two_optimizers() -> list[Tensor]:
    """Step the body and the head with optimizers of their own."""
    x, labels = classes()
    head = nn.Linear(8, 3)
    body = nn.Sequential(nn.Linear(4, 8), nn.Tanh())
    slow = torch.optim.SGD(body.parameters(), lr=0.01)
    fast = torch.optim.Adam(head.parameters(), lr=0.1)
    for _ in range(3):
        slow.zero_grad()
        fast.zero_grad()
        loss = functional.cross_entropy(head(body(x)), labels)
        loss.backward()
        slow.step()
        fast.step()
    return [loss.detach(), *body.parameters(), *head.parameters()]


@correct()
def two_heads_with_retained_graph() -> list[Tensor]:
    """Differentiate two tasks one after the other through one trunk."""
    x, labels = classes()
    trunk, left, right = nn.Linear(4, 8), nn.Linear(8, 3), nn.Linear(8, 1)
    parameters = [*trunk.parameters(), *left.parameters(), *right.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        hidden = torch.tanh(trunk(x))
        kind = functional.cross_entropy(left(hidden), labels)
        size = functional.mse_loss(right(hidden), labels[:, None].float())
        kind.backward(retain_graph=True)
        size.backward()
        optimizer.step()
    return [kind.detach(), size.detach(), *parameters]


@correct()
def gradient_surgery() -> list[Tensor]:
    """Project the gradients of two tasks off each other and assign the sum."""
    model = mlp(4, 8, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(8, 4)
    for _ in range(3):
        out = model(x)
        first, second = out[:, 0].square().mean(), (out[:, 1] - 1).square().mean()
        a = torch.autograd.grad(first, list(model.parameters()), retain_graph=True)
        b = torch.autograd.grad(second, list(model.parameters()))
        optimizer.zero_grad()
        for parameter, one, other in zip(model.parameters(), a, b, strict=True):
            inner = (one * other).sum().clamp(max=0)
            parameter.grad = one + other - inner * other / other.square().sum().clamp_min(1e-12)
        optimizer.step()
    return [first.detach(), second.detach(), *model.parameters()]


@correct()
def optimizer_step_in_backward() -> list[Tensor]:
    """Step each parameter as soon as its gradient is complete."""
    x, labels = classes()
    model = mlp(4, 8, 3)
    optimizers: dict[Tensor, torch.optim.Optimizer] = {
        p: torch.optim.SGD([p], lr=0.1) for p in model.parameters()
    }

    def step(parameter: Tensor) -> None:
        optimizers[parameter].step()
        optimizers[parameter].zero_grad()

    for parameter in model.parameters():
        parameter.register_post_accumulate_grad_hook(step)
    for _ in range(3):
        loss = functional.cross_entropy(model(x), labels)
        loss.backward()
    return [loss, *model.parameters()]


@correct()
def sharpness_aware_minimisation() -> list[Tensor]:
    """Climb, differentiate there, come back, descend."""
    x, labels = classes()
    model = mlp(4, 8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        functional.cross_entropy(model(x), labels).backward()
        with torch.no_grad():
            norm = torch.stack([p.grad.norm() for p in model.parameters()]).norm()
            climbs = [p.grad * (0.05 / norm) for p in model.parameters()]
            torch._foreach_add_(list(model.parameters()), climbs)
        optimizer.zero_grad()
        functional.cross_entropy(model(x), labels).backward()
        with torch.no_grad():
            for parameter, climb in zip(model.parameters(), climbs, strict=True):
                parameter.sub_(climb)
        optimizer.step()
        optimizer.zero_grad()
    return list(model.parameters())


@correct()
def noise_on_the_weights() -> list[Tensor]:
    """Perturb the weights for each batch and take the noise back afterwards."""
    x, labels = classes()
    model = mlp(4, 8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        with torch.no_grad():
            noise = [torch.randn_like(p) * 0.01 for p in model.parameters()]
            for parameter, shift in zip(model.parameters(), noise, strict=True):
                parameter.add_(shift)
        optimizer.zero_grad()
        functional.cross_entropy(model(x), labels).backward()
        with torch.no_grad():
            for parameter, shift in zip(model.parameters(), noise, strict=True):
                parameter.sub_(shift)
        optimizer.step()
    return list(model.parameters())


@correct()
def unfreezing_after_a_while() -> list[Tensor]:
    """Train the head first, then everything, with a new optimizer."""
    x, labels = classes()
    model = mlp(4, 8, 3)
    for parameter in model[0].parameters():
        parameter.requires_grad = False
    out = fit(model, torch.optim.SGD(model[2].parameters(), lr=0.1), (x, labels))
    for parameter in model[0].parameters():
        parameter.requires_grad = True
    return out + fit(model, torch.optim.SGD(model.parameters(), lr=0.01), (x, labels))


@correct()
def gradients_read_for_a_monitor() -> list[Tensor]:
    """Keep the norms of gradients, never step."""
    x, labels = classes()
    model = mlp(4, 8, 3)
    norms = []
    for part in (slice(0, 8), slice(8, 16)):
        model.zero_grad()
        functional.cross_entropy(model(x[part]), labels[part]).backward()
        norms += [p.grad.norm() for p in model.parameters()]
    return [*norms, *model.parameters()]


@correct()
def models_of_several_sizes_in_turn() -> list[Tensor]:
    """Make and train one model after the other; the memory of the first is used again."""
    batch = classes()
    out: list[Tensor] = []
    for size in (4, 8, 4, 16):
        model = mlp(4, size, 3)
        out += fit(model, torch.optim.SGD(model.parameters(), lr=0.1), batch)
    return out


@correct()
def cross_validation_from_one_start() -> list[Tensor]:
    """Load the first weights again for each fold; keep what the best fold learned."""
    x, labels = classes(12)
    model = mlp(4, 8, 3)
    start = copy.deepcopy(model.state_dict())
    scores = []
    for fold in range(3):
        model.load_state_dict(start)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        held = torch.arange(12) % 3 == fold
        fit(model, optimizer, (x[~held], labels[~held]), steps=2)
        with torch.no_grad():
            scores.append(functional.cross_entropy(model(x[held]), labels[held]))
    return [torch.stack(scores), *model.parameters()]


@correct()
def stochastic_depth() -> list[Tensor]:
    """Skip layers at random, so that some get no gradient in some steps."""
    blocks, head = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)]), nn.Linear(4, 3)
    optimizer = torch.optim.SGD([*blocks.parameters(), *head.parameters()], lr=0.1)
    x, labels = classes()
    for step in range(4):
        hidden = x
        for index, block in enumerate(blocks):
            if index != step % 3:
                hidden = hidden + torch.tanh(block(hidden))
        optimizer.zero_grad()
        loss = functional.cross_entropy(head(hidden), labels)
        loss.backward()
        optimizer.step()
    return [loss.detach(), *blocks.parameters(), *head.parameters()]


@correct()
def mixture_of_experts() -> list[Tensor]:
    """Send each sample to one expert and weigh the answer by the gate."""
    gate, experts = nn.Linear(4, 2), nn.ModuleList([nn.Linear(4, 3) for _ in range(2)])
    optimizer = torch.optim.Adam([*gate.parameters(), *experts.parameters()], lr=0.01)
    x, labels = classes(24)
    for _ in range(3):
        weights = gate(x).softmax(-1)
        best, chosen = weights.max(-1)
        out = torch.zeros(24, 3)
        for index, expert in enumerate(experts):
            mine = chosen == index
            out[mine] = best[mine, None] * expert(x[mine])
        optimizer.zero_grad()
        loss = functional.cross_entropy(out, labels)
        loss.backward()
        optimizer.step()
    return [loss.detach(), *gate.parameters(), *experts.parameters()]


@correct()
def sparse_training_with_masks() -> list[Tensor]:
    """Mask the gradients in place before, and the weights after, each step."""
    x, labels = classes()
    model = mlp(4, 8, 3)
    masks = [(torch.rand_like(p) > 0.3).float() for p in model.parameters()]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for p, mask in zip(model.parameters(), masks, strict=True):
        p.data.mul_(mask)
    for _ in range(3):
        optimizer.zero_grad()
        functional.cross_entropy(model(x), labels).backward()
        for p, mask in zip(model.parameters(), masks, strict=True):
            p.grad.data.mul_(mask)
        optimizer.step()
        for p, mask in zip(model.parameters(), masks, strict=True):
            p.data.mul_(mask)
    return list(model.parameters())


@correct()
def weight_decay_and_projection_by_hand() -> list[Tensor]:
    """Shrink the weights and project them onto a ball after each step."""
    w = nn.Parameter(torch.randn(5))
    optimizer = torch.optim.SGD([w], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        loss = (w.cos() * torch.arange(5.0)).sum()
        loss.backward()
        optimizer.step()
        w.data.mul_(0.99)
        if w.detach().norm() > 1:
            w.data = functional.normalize(w.data, dim=0)
    return [loss.detach(), w]


@correct()
def step_with_closure() -> list[Tensor]:
    """Let LBFGS call the forward and backward pass as often as its line search wants."""
    x, y = torch.randn(10, 2), torch.randn(10, 1)
    model = nn.Linear(2, 1)
    optimizer = torch.optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe", max_iter=5)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = functional.mse_loss(model(x), y)
        loss.backward()
        return loss

    losses = [optimizer.step(closure) for _ in range(2)]
    return [torch.stack(losses).detach(), *model.parameters()]


@correct()
def evolution_strategy() -> list[Tensor]:
    """Improve a model by random search; nothing is differentiated."""
    x, labels = classes()
    model = mlp(4, 6, 3)
    best = float("inf")
    with torch.no_grad():
        for _ in range(5):
            noise = [0.1 * torch.randn_like(p) for p in model.parameters()]
            for parameter, shift in zip(model.parameters(), noise, strict=True):
                parameter += shift
            loss = functional.cross_entropy(model(x), labels).item()
            if loss > best:
                for parameter, shift in zip(model.parameters(), noise, strict=True):
                    parameter -= shift
            best = min(best, loss)
    return list(model.parameters())


@correct()
def bayes_by_backprop() -> list[Tensor]:
    """Learn a distribution over weights; predict with several samples."""
    mean, rho = nn.Parameter(torch.randn(4, 3) / 2), nn.Parameter(torch.full((4, 3), -3.0))
    optimizer = torch.optim.Adam([mean, rho], lr=0.01)
    x, labels = classes()
    for _ in range(3):
        scale = functional.softplus(rho)
        weights = mean + scale * torch.randn_like(scale)
        prior, posterior = Normal(0.0, 1.0), Normal(mean, scale)
        cost = (posterior.log_prob(weights) - prior.log_prob(weights)).sum()
        optimizer.zero_grad()
        loss = functional.cross_entropy(x @ weights, labels) + 0.01 * cost
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        samples = torch.stack(
            [x @ (mean + functional.softplus(rho) * torch.randn(4, 3)) for _ in range(3)]
        )
    return [loss.detach(), samples.mean(0), mean, rho]


@correct()
def lazy_layers() -> list[Tensor]:
    """Let the first batch decide the sizes, then make the optimizer."""
    batch = classes()
    model = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(3))
    with torch.no_grad():
        model(batch[0])
    return fit(model, torch.optim.SGD(model.parameters(), lr=0.1), batch)


@correct()
def model_made_on_the_meta_device() -> list[Tensor]:
    """Make a model without memory, give it memory, then initialise and train it."""
    with torch.device("meta"):
        model = nn.Linear(4, 3)
    model.to_empty(device="cpu")
    model.reset_parameters()
    return fit(model, torch.optim.SGD(model.parameters(), lr=0.1), classes())


@correct()
def parameters_as_one_vector() -> list[Tensor]:
    """Read and write all parameters as one vector."""
    x, labels = classes()
    model = mlp(4, 8, 3)
    for _ in range(3):
        model.zero_grad()
        functional.cross_entropy(model(x), labels).backward()
        slope = nn.utils.parameters_to_vector(p.grad for p in model.parameters())
        vector = nn.utils.parameters_to_vector(model.parameters()) - 0.1 * slope
        nn.utils.vector_to_parameters(vector, model.parameters())
    return list(model.parameters())


@correct("cut-graph")
def backward_of_several_losses_at_once() -> list[Tensor]:
    """Differentiate a list of losses; a leaf that is not used is worth a warning at most."""
    w, unused = torch.randn(3, requires_grad=True), torch.randn(2, requires_grad=True)
    first, second = w.sin().sum(), (w**2).sum()
    slopes = torch.autograd.grad(
        w.cos().sum(), [w, unused], allow_unused=True, materialize_grads=True
    )
    torch.autograd.backward([first, second], [torch.tensor(2.0), torch.tensor(1.0)])
    return [first, second, *slopes, w]


@correct()
def numbers_through_numpy() -> list[Tensor]:
    """Take data from NumPy, and metrics back."""
    x = torch.from_numpy(torch.randn(8, 4).numpy() * 2)
    labels = torch.as_tensor([0, 1, 2, 0, 1, 2, 0, 1])
    model = mlp(4, 8, 3)
    out = fit(model, torch.optim.SGD(model.parameters(), lr=0.1), (x, labels))
    predicted = model(x).argmax(1).numpy()
    score = float((predicted == labels.numpy()).mean())
    weights = model[0].weight.detach().numpy().copy()
    return [*out, torch.tensor(score), torch.tensor(weights)]


# Recurrent networks over time.


class CharRNN(nn.Module):
    """A recurrent network with linear layers only."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = nn.Linear(5 + 6, 6), nn.Linear(5 + 6, 3)

    def forward(self, letter: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Read one letter."""
        both = torch.cat((letter, state), 1)
        return self.out(both).log_softmax(1), torch.tanh(self.hidden(both))


@correct()
def names_classified_by_letters() -> list[Tensor]:
    """Train on one word at a time, updating through `.data`."""
    model = CharRNN()
    total = 0.0
    for word, origin in (([0, 3, 1], 0), ([4, 4], 2), ([2, 0, 3, 3], 1), ([1, 2], 0)):
        state = torch.zeros(1, 6)
        model.zero_grad()
        for letter in functional.one_hot(torch.tensor(word), 5).float():
            out, state = model(letter[None], state)
        loss = functional.nll_loss(out, torch.tensor([origin]))
        loss.backward()
        for p in model.parameters():
            p.data.add_(p.grad.data, alpha=-0.05)
        total += loss.item()
    return [torch.tensor(total), *model.parameters()]


@correct()
def names_generated_letter_by_letter() -> list[Tensor]:
    """Add up the loss of each letter, then sample without gradients."""
    model = CharRNN()
    criterion = nn.NLLLoss()
    for word in ([0, 2, 1, 2], [1, 0, 0, 2]):
        state, loss = torch.zeros(1, 6), torch.Tensor([0])
        model.zero_grad()
        for letter, following in itertools.pairwise(word):
            out, state = model(functional.one_hot(torch.tensor([letter]), 5).float(), state)
            loss += criterion(out, torch.tensor([following]))
        loss.backward()
        for p in model.parameters():
            p.data.add_(p.grad.data, alpha=-0.05)
    with torch.no_grad():
        out, _ = model(functional.one_hot(torch.tensor([0]), 5).float(), torch.zeros(1, 6))
        _, best = out.topk(1)
    return [loss, best, *model.parameters()]


class Translator(nn.Module):
    """An encoder, and a decoder that attends to what was read."""

    def __init__(self) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(7, 6), nn.Embedding(8, 6)
        self.encoder, self.decoder = nn.GRU(6, 6, batch_first=True), nn.GRU(12, 6, batch_first=True)
        self.out = nn.Linear(6, 8)

    def forward(self, read: Tensor, written: Tensor | None, length: int) -> Tensor:
        """Translate; with teacher forcing where the translation is given."""
        seen, state = self.encoder(self.source(read))
        token = torch.zeros(len(read), 1, dtype=torch.long)
        scores = []
        for index in range(length):
            weights = torch.softmax(seen @ state[-1][:, :, None], dim=1)
            context = (weights * seen).sum(1, keepdim=True)
            hidden, state = self.decoder(torch.cat((self.target(token), context), -1), state)
            scores.append(self.out(hidden))
            best = scores[-1].topk(1)[1].squeeze(-1).detach()
            token = best if written is None else written[:, index : index + 1]
        return torch.cat(scores, 1)


@correct()
def translation_with_and_without_teacher_forcing() -> list[Tensor]:
    """Train a translator on its own words in every other step."""
    model = Translator()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    read, written = torch.randint(7, (2, 5)), torch.randint(8, (2, 3))
    losses = []
    for step in range(4):
        optimizer.zero_grad()
        scores = model(read, written if step % 2 == 0 else None, 3)
        loss = functional.cross_entropy(scores.view(-1, 8), written.view(-1))
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return [*losses, *model.parameters()]


@correct()
def truncated_backpropagation_through_time() -> list[Tensor]:
    """Carry the state of an LSTM from chunk to chunk, detached."""
    network, head = nn.LSTM(2, 6), nn.Linear(6, 2)
    optimizer = torch.optim.SGD([*network.parameters(), *head.parameters()], lr=0.1)
    sequence = torch.randn(13, 1, 2)
    state = (torch.zeros(1, 1, 6), torch.zeros(1, 1, 6))
    for start in range(0, 12, 3):
        state = (state[0].detach(), state[1].detach())
        optimizer.zero_grad()
        out, state = network(sequence[start : start + 3], state)
        loss = functional.mse_loss(head(out), sequence[start + 1 : start + 4])
        loss.backward()
        optimizer.step()
    return [loss.detach(), *network.parameters(), *head.parameters()]


@correct()
def state_detached_in_place() -> list[Tensor]:
    """Carry a state that is cut off by `detach_`."""
    cell = nn.GRUCell(2, 4)
    optimizer = torch.optim.SGD(cell.parameters(), lr=0.1)
    state = torch.zeros(3, 4)
    for _ in range(3):
        optimizer.zero_grad()
        state = cell(torch.randn(3, 2), state)
        loss = state.square().mean()
        loss.backward()
        optimizer.step()
        state.detach_()
    return [state, *cell.parameters()]


@correct()
def running_average_of_the_loss() -> list[Tensor]:
    """Carry an average of the detached loss over the steps."""
    x, labels = classes()
    model = mlp(4, 8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    average, total = torch.zeros(()), torch.zeros(())
    for _ in range(5):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        average = 0.9 * average + 0.1 * loss.detach()
        total += loss.detach()
    return [average, total, *model.parameters()]


@correct()
def rows_written_into_a_buffer() -> list[Tensor]:
    """Fill a tensor step by step with values on the tape."""
    w = torch.randn(4, requires_grad=True)
    states = torch.zeros(5, 4)
    for index in range(1, 5):
        states[index] = torch.tanh(states[index - 1].clone() + w)
    loss = states[-1].square().sum() + states[1:].sum()
    loss.backward()
    return [loss, w]


# Generative models.


def networks_of_a_gan() -> tuple[nn.Module, nn.Module]:
    """Make a generator and a discriminator of images of 8 by 8."""
    generator = nn.Sequential(
        nn.ConvTranspose2d(3, 4, 4, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(True),
        nn.ConvTranspose2d(4, 1, 4, 2, 1, bias=False),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, 4, 4, 2, 1, bias=False),
        nn.BatchNorm2d(4),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(4, 1, 4, bias=False),
        nn.Sigmoid(),
    )
    return generator, discriminator


@correct()
def dcgan() -> list[Tensor]:
    """Alternate the discriminator and the generator over two batches."""
    netG, netD = networks_of_a_gan()
    criterion = nn.BCELoss()
    optimizerD = torch.optim.Adam(netD.parameters(), lr=2e-3, betas=(0.5, 0.999))
    optimizerG = torch.optim.Adam(netG.parameters(), lr=2e-3, betas=(0.5, 0.999))
    for real in torch.randn(2, 5, 1, 8, 8):
        netD.zero_grad()
        label = torch.full((5,), 1.0)
        errD_real = criterion(netD(real).view(-1), label)
        errD_real.backward()
        fake = netG(torch.randn(5, 3, 1, 1))
        label.fill_(0.0)
        errD_fake = criterion(netD(fake.detach()).view(-1), label)
        errD_fake.backward()
        optimizerD.step()
        netG.zero_grad()
        label.fill_(1.0)
        errG = criterion(netD(fake).view(-1), label)
        errG.backward()
        optimizerG.step()
    return [errD_real, errD_fake, errG, *netG.parameters(), *netD.parameters()]


@correct()
def gan_with_frozen_discriminator() -> list[Tensor]:
    """Turn the discriminator's gradients off while the generator learns."""
    generator, critic = mlp(2, 8, 2), mlp(2, 8, 1)
    of_generator = torch.optim.Adam(generator.parameters())
    of_critic = torch.optim.Adam(critic.parameters())
    for _ in range(3):
        critic.requires_grad_(True)
        fake = generator(torch.randn(6, 2)).detach()
        of_critic.zero_grad()
        loss = functional.softplus(critic(fake)) + functional.softplus(-critic(torch.randn(6, 2)))
        loss.mean().backward()
        of_critic.step()
        critic.requires_grad_(False)
        of_generator.zero_grad()
        functional.softplus(-critic(generator(torch.randn(6, 2)))).mean().backward()
        of_generator.step()
    return [*generator.parameters(), *critic.parameters()]


@correct()
def wasserstein_gan_with_clipped_weights() -> list[Tensor]:
    """Clip the critic's weights in place after each step."""
    generator, critic = mlp(2, 8, 2), mlp(2, 8, 1)
    of_generator = torch.optim.RMSprop(generator.parameters(), lr=1e-3)
    of_critic = torch.optim.RMSprop(critic.parameters(), lr=1e-3)
    for _ in range(2):
        for _ in range(2):
            of_critic.zero_grad()
            fake = generator(torch.randn(6, 2)).detach()
            (critic(fake).mean() - critic(torch.randn(6, 2)).mean()).backward()
            of_critic.step()
            for p in critic.parameters():
                p.data.clamp_(-0.05, 0.05)
        of_generator.zero_grad()
        loss = -critic(generator(torch.randn(6, 2))).mean()
        loss.backward()
        of_generator.step()
    return [loss.detach(), *generator.parameters(), *critic.parameters()]


@correct()
def gradient_penalty() -> list[Tensor]:
    """Penalise the critic's slope between real and fake points."""
    critic = mlp(2, 8, 1)
    optimizer = torch.optim.Adam(critic.parameters(), lr=0.01)
    for _ in range(3):
        real, fake = torch.randn(6, 2), torch.randn(6, 2)
        between = torch.lerp(fake, real, torch.rand(6, 1)).requires_grad_()
        out = critic(between)
        (slope,) = torch.autograd.grad(out, between, torch.ones_like(out), create_graph=True)
        penalty = (slope.norm(2, dim=1) - 1).square().mean()
        loss = critic(fake).mean() - critic(real).mean() + 10 * penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss.detach(), *critic.parameters()]


class AutoEncoder(nn.Module):
    """A variational autoencoder."""

    def __init__(self) -> None:
        super().__init__()
        self.inward, self.mean, self.logvar = nn.Linear(6, 8), nn.Linear(8, 2), nn.Linear(8, 2)
        self.outward = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 6), nn.Sigmoid())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode, sample, decode."""
        hidden = torch.relu(self.inward(x))
        mean, logvar = self.mean(hidden), self.logvar(hidden)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * logvar)
        return self.outward(z), mean, logvar


@correct()
def variational_autoencoder() -> list[Tensor]:
    """Train it with reparameterised samples, then sample from the prior."""
    model = AutoEncoder()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    x = torch.rand(12, 6)
    total = 0.0
    for _ in range(3):
        optimizer.zero_grad()
        again, mean, logvar = model(x)
        rebuilt = functional.binary_cross_entropy(again, x, reduction="sum")
        divergence = -0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp())
        loss = rebuilt + divergence
        loss.backward()
        total += loss.item()
        optimizer.step()
    with torch.no_grad():
        sample = model.outward(torch.randn(3, 2))
    return [torch.tensor(total), sample, *model.parameters()]


@correct()
def distributions_and_kl() -> list[Tensor]:
    """Fit a normal distribution with rsample and an analytic divergence."""
    mean = torch.zeros(3, requires_grad=True)
    logscale = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.Adam([mean, logscale], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        posterior = Normal(mean, logscale.exp())
        sample = posterior.rsample((5,))
        prior = Normal(torch.zeros(3), torch.ones(3))
        loss = (sample - 2).square().sum(-1).mean() + kl_divergence(posterior, prior).sum()
        loss.backward()
        optimizer.step()
    return [loss.detach(), mean, logscale]


@correct()
def vector_quantisation() -> list[Tensor]:
    """Pass the gradient straight through the nearest code; move the codes by averages."""
    encoder, decoder = nn.Linear(4, 2), nn.Linear(2, 4)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.01)
    codes = torch.randn(5, 2)
    x = torch.randn(10, 4)
    for _ in range(3):
        z = encoder(x)
        nearest = torch.cdist(z, codes).argmin(1)
        quantised = codes[nearest]
        passed = z + (quantised - z).detach()
        loss = functional.mse_loss(decoder(passed), x) + 0.25 * functional.mse_loss(z, quantised)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for index in nearest.unique():
                codes[index] = 0.9 * codes[index] + 0.1 * z[nearest == index].mean(0)
    return [loss.detach(), codes, *encoder.parameters(), *decoder.parameters()]


@correct()
def denoising_diffusion() -> list[Tensor]:
    """Predict the noise that was added; then walk back without gradients."""
    model = mlp(3, 16, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    kept = torch.cumprod(1 - torch.linspace(1e-3, 0.2, 10), 0)
    for _ in range(3):
        data, noise = torch.randn(8, 2) + 1, torch.randn(8, 2)
        step = torch.randint(10, (8, 1))
        noisy = kept[step].sqrt() * data + (1 - kept[step]).sqrt() * noise
        loss = functional.mse_loss(model(torch.cat((noisy, step / 10), 1)), noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    sample = torch.randn(4, 2)
    with torch.no_grad():
        for time in range(9, -1, -1):
            guess = model(torch.cat((sample, torch.full((4, 1), time / 10)), 1))
            sample -= 0.1 * guess
    return [loss.detach(), sample, *model.parameters()]


@correct()
def normalizing_flow() -> list[Tensor]:
    """Maximise the likelihood of affine couplings."""
    nets = nn.ModuleList([mlp(1, 8, 2), mlp(1, 8, 2)])
    optimizer = torch.optim.Adam(nets.parameters(), lr=0.01)
    x = torch.randn(16, 2) * 2 + 1
    for _ in range(3):
        z, logdet = x, torch.zeros(16)
        for net in nets:
            fixed, moved = z.chunk(2, 1)
            scale, shift = net(fixed).chunk(2, 1)
            z = torch.cat((moved * torch.tanh(scale).exp() + shift, fixed), 1)
            logdet = logdet + torch.tanh(scale).squeeze(1)
        loss = (0.5 * z.square().sum(1) - logdet).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss.detach(), *nets.parameters()]


@correct()
def mixture_density_network() -> list[Tensor]:
    """Fit a mixture with logsumexp."""
    model = mlp(1, 8, 9)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    x = torch.randn(12, 1)
    y = x.sin()
    for _ in range(3):
        weight, mean, logscale = model(x).chunk(3, 1)
        parts = Normal(mean, logscale.exp()).log_prob(y) + weight.log_softmax(1)
        loss = -torch.logsumexp(parts, 1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss.detach(), *model.parameters()]


# Images that are learned, and attacks.


@correct()
def style_transfer() -> list[Tensor]:
    """Optimise an image with LBFGS; clamp it in place inside the closure."""
    features = nn.Conv2d(1, 3, 3).requires_grad_(False).eval()
    content, style = torch.rand(1, 1, 8, 8), torch.rand(1, 1, 8, 8)

    def gram(maps: Tensor) -> Tensor:
        flat = maps.flatten(2)[0]
        return flat @ flat.T / maps.numel()

    wanted, texture = features(content).detach(), gram(features(style)).detach()
    image = content.clone().requires_grad_(True)
    optimizer = torch.optim.LBFGS([image], max_iter=4)
    losses = []

    def closure() -> Tensor:
        with torch.no_grad():
            image.clamp_(0, 1)
        optimizer.zero_grad()
        maps = features(image)
        loss = functional.mse_loss(maps, wanted) + 100 * functional.mse_loss(gram(maps), texture)
        loss.backward()
        losses.append(loss.item())
        return loss

    for _ in range(2):
        optimizer.step(closure)
    with torch.no_grad():
        image.clamp_(0, 1)
    return [torch.tensor(losses), image]


@correct()
def fast_gradient_sign() -> list[Tensor]:
    """Attack a model that is not trained here."""
    model = mlp(4, 8, 3).eval()
    hits = 0
    for x, label in zip(*classes(5), strict=True):
        data = x[None].clone()
        data.requires_grad = True
        out = model(data)
        loss = functional.nll_loss(out.log_softmax(1), label[None])
        model.zero_grad()
        loss.backward()
        attacked = torch.clamp(data + 0.1 * data.grad.data.sign(), -3, 3)
        hits += int(model(attacked).max(1, keepdim=True)[1].item() == label.item())
    return [attacked, loss, torch.tensor(hits)]


@correct()
def projected_gradient_attack() -> list[Tensor]:
    """Train on inputs that were attacked in several steps."""
    x, labels = classes()
    model = mlp(4, 8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        delta = torch.zeros_like(x, requires_grad=True)
        for _ in range(3):
            functional.cross_entropy(model(x + delta), labels).backward()
            delta.data = (delta + 0.05 * delta.grad.detach().sign()).clamp(-0.1, 0.1).detach()
            delta.grad.zero_()
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x + delta.detach()), labels)
        loss.backward()
        optimizer.step()
    return [loss.detach(), *model.parameters()]


@correct()
def virtual_adversarial_direction() -> list[Tensor]:
    """Find the most harmful direction with autograd.grad, then penalise it."""
    x, labels = classes()
    model = mlp(4, 8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        with torch.no_grad():
            clean = model(x).softmax(1)
        direction = functional.normalize(torch.randn_like(x)).requires_grad_()
        moved = model(x + 0.1 * direction).log_softmax(1)
        distance = functional.kl_div(moved, clean, reduction="batchmean")
        (slope,) = torch.autograd.grad(distance, direction)
        moved = model(x + functional.normalize(slope)).log_softmax(1)
        loss = functional.cross_entropy(model(x), labels)
        loss = loss + functional.kl_div(moved, clean, reduction="batchmean")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss.detach(), *model.parameters()]


@correct()
def saliency_after_training() -> list[Tensor]:
    """Differentiate by the input after training; gradients of weights are left behind."""
    x, labels = classes()
    model = mlp(4, 8, 3)
    out = fit(model, torch.optim.SGD(model.parameters(), lr=0.1), (x, labels))
    model.eval()
    inputs = x[:1].clone().requires_grad_()
    scores = model(inputs)
    scores[0, scores.argmax()].backward()
    return [*out, inputs.grad.abs()]


@correct()
def integrated_gradients() -> list[Tensor]:
    """Average the gradients along a straight path, with autograd.grad."""
    model = mlp(4, 8, 3).eval()
    x, parts = torch.randn(4), []
    for step in range(1, 5):
        point = (x * step / 4).requires_grad_()
        parts.append(torch.autograd.grad(model(point)[1], point)[0])
    return [x * torch.stack(parts).mean(0)]


@correct("cut-graph")
def energy_based_model() -> list[Tensor]:
    """Draw negatives by Langevin steps; the last one, not followed, is worth a note at most."""
    energy = mlp(2, 8, 1)
    optimizer = torch.optim.Adam(energy.parameters(), lr=0.01)
    for _ in range(3):
        negative = torch.randn(6, 2, requires_grad=True)
        for _ in range(3):
            (slope,) = torch.autograd.grad(energy(negative).sum(), negative)
            negative = (negative - 0.1 * slope + 0.05 * torch.randn(6, 2)).detach()
            negative.requires_grad_()
        positive = torch.randn(6, 2) + 1
        loss = energy(positive).mean() - energy(negative.detach()).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss.detach(), *energy.parameters()]


@correct()
def deep_image_prior_with_total_variation() -> list[Tensor]:
    """Fit a network to one image, with noise on its input at each step."""
    model = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 1, 3, padding=1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    code, image = torch.randn(1, 2, 8, 8), torch.rand(1, 1, 8, 8)
    for _ in range(3):
        optimizer.zero_grad()
        out = model(code + 0.03 * torch.randn_like(code))
        rough = out.diff(dim=2).abs().mean() + out.diff(dim=3).abs().mean()
        loss = functional.mse_loss(out, image) + 0.1 * rough
        loss.backward()
        optimizer.step()
    return [loss.detach(), *model.parameters()]


# Parts that are frozen, copied, averaged.


@correct()
def transfer_with_frozen_backbone() -> list[Tensor]:
    """Train a new head on a backbone that requires no gradient."""
    model = mlp(4, 8, 5)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    model[2] = nn.Linear(8, 3)
    return fit(model, torch.optim.SGD(model[2].parameters(), lr=0.1), classes())


@correct("cut-graph")
def transfer_with_backbone_under_no_grad() -> list[Tensor]:
    """Train a head on features computed without gradients; that is worth a note at most."""
    x, labels = classes()
    backbone, head = mlp(4, 8, 6).eval(), nn.Linear(6, 3)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
    for _ in range(3):
        with torch.no_grad():
            features = backbone(x)
        optimizer.zero_grad()
        loss = functional.cross_entropy(head(features), labels)
        loss.backward()
        optimizer.step()
    return [loss.detach(), *head.parameters(), *backbone.parameters()]


@correct("cut-graph")
def head_on_detached_features() -> list[Tensor]:
    """Train a probe on features that are detached; that is worth a note at most."""
    x, labels = classes()
    backbone, head = mlp(4, 8, 6), nn.Linear(6, 3)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        loss = functional.cross_entropy(head(backbone(x).detach()), labels)
        loss.backward()
        optimizer.step()
    return [loss.detach(), *head.parameters()]


@correct("cut-graph")
def knowledge_distillation() -> list[Tensor]:
    """Learn from a teacher's soft labels; the teacher is worth a note at most."""
    x, labels = classes()
    teacher, student = mlp(4, 16, 3).eval(), mlp(4, 6, 3)
    optimizer = torch.optim.Adam(student.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        with torch.no_grad():
            soft = functional.softmax(teacher(x) / 2, dim=-1)
        logits = student(x)
        learned = functional.log_softmax(logits / 2, dim=-1)
        distance = torch.sum(soft * (soft.log() - learned)) / len(x) * 2**2
        loss = 0.25 * distance + 0.75 * functional.cross_entropy(logits, labels)
        loss.backward()
        optimizer.step()
    return [loss.detach(), *student.parameters()]


@correct()
def distillation_from_a_frozen_teacher() -> list[Tensor]:
    """Learn from a teacher that says itself that it is not trained."""
    x, labels = classes()
    teacher, student = mlp(4, 16, 3).eval().requires_grad_(False), mlp(4, 6, 3)
    optimizer = torch.optim.Adam(student.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        loss = functional.cross_entropy(student(x), labels)
        loss = loss + functional.mse_loss(student(x), teacher(x))
        loss.backward()
        optimizer.step()
    return [loss.detach(), *student.parameters()]


@correct("cut-graph")
def mean_teacher() -> list[Tensor]:
    """Agree with a moving average of oneself; the teacher is worth a note at most."""
    x, labels = classes()
    student = mlp(4, 8, 3)
    teacher = copy.deepcopy(student)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    for _ in range(3):
        logits = student(x + 0.1 * torch.randn_like(x))
        with torch.no_grad():
            target = teacher(x + 0.1 * torch.randn_like(x)).softmax(1)
        loss = functional.cross_entropy(logits, labels)
        loss = loss + functional.mse_loss(logits.softmax(1), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
                slow.mul_(0.99).add_(fast, alpha=0.01)
    return [loss.detach(), *student.parameters(), *teacher.parameters()]


@correct()
def averaged_weights() -> list[Tensor]:
    """Average weights with PyTorch's own class."""
    x, labels = classes()
    model = mlp(4, 8, 3)
    average = torch.optim.swa_utils.AveragedModel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        functional.cross_entropy(model(x), labels).backward()
        optimizer.step()
        average.update_parameters(model)
    with torch.no_grad():
        out = average(x)
    return [out, *model.parameters(), *average.parameters()]


@correct()
def moving_average_in_a_dictionary() -> list[Tensor]:
    """Keep a moving average of the weights as plain tensors."""
    x, labels = classes()
    model = mlp(4, 8, 3)
    shadow = {name: p.data.clone() for name, p in model.named_parameters()}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        functional.cross_entropy(model(x), labels).backward()
        optimizer.step()
        for name, p in model.named_parameters():
            shadow[name] = 0.9 * shadow[name] + 0.1 * p.data
    backup = {name: p.data for name, p in model.named_parameters()}
    for name, p in model.named_parameters():
        p.data = shadow[name]
    with torch.no_grad():
        out = model(x)
    for name, p in model.named_parameters():
        p.data = backup[name]
    return [out, *model.parameters(), *shadow.values()]


@correct()
def low_rank_adaptation() -> list[Tensor]:
    """Adapt a frozen layer by a product whose zero factor blocks the first gradient."""
    base = nn.Linear(6, 6).requires_grad_(False)
    down, up = nn.Parameter(torch.randn(2, 6) / 2), nn.Parameter(torch.zeros(6, 2))
    optimizer = torch.optim.AdamW([down, up], lr=0.01)
    x, y = torch.randn(8, 6), torch.randn(8, 6)
    for _ in range(3):
        optimizer.zero_grad()
        loss = functional.mse_loss(base(x) + x @ down.T @ up.T, y)
        loss.backward()
        optimizer.step()
    return [loss.detach(), down, up]


@correct()
def residual_branch_that_starts_at_zero() -> list[Tensor]:
    """Scale a residual branch by a parameter that starts at zero and blocks it at first."""
    layer, head, gate = nn.Linear(4, 4), nn.Linear(4, 3), nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([*layer.parameters(), *head.parameters(), gate], lr=0.1)
    x, labels = classes()
    for _ in range(3):
        optimizer.zero_grad()
        loss = functional.cross_entropy(head(x + gate * torch.tanh(layer(x))), labels)
        loss.backward()
        optimizer.step()
    return [loss.detach(), gate, *layer.parameters(), *head.parameters()]


@correct()
def spectral_norm() -> list[Tensor]:
    """Train a layer whose weight is divided by its largest singular value."""
    model = nn.Sequential(
        parametrizations.spectral_norm(nn.Linear(4, 8)), nn.Tanh(), nn.Linear(8, 3)
    )
    return fit(model, torch.optim.SGD(model.parameters(), lr=0.1), classes())


@correct()
def weight_norm() -> list[Tensor]:
    """Train lengths and directions apart."""
    model = nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 8)), nn.Tanh(), nn.Linear(8, 3))
    return fit(model, torch.optim.SGD(model.parameters(), lr=0.1), classes())


class Symmetric(nn.Module):
    """Makes a square matrix symmetric."""

    def forward(self, matrix: Tensor) -> Tensor:
        """Mirror the upper triangle."""
        return matrix.triu() + matrix.triu(1).transpose(-1, -2)


@correct()
def parametrization_of_ones_own() -> list[Tensor]:
    """Train a layer whose weight stays symmetric; compute it once a step."""
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    parametrize.register_parametrization(model[0], "weight", Symmetric())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, labels = classes()
    for _ in range(3):
        optimizer.zero_grad()
        with parametrize.cached():
            loss = functional.cross_entropy(model(x) + model(2 * x), labels)
        loss.backward()
        optimizer.step()
    return [loss.detach(), *model.parameters()]


@correct()
def biases_only() -> list[Tensor]:
    """Fine-tune the biases; give the optimizer only what requires a gradient."""
    model = mlp(4, 8, 3)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("bias" in name)
    trained = [p for p in model.parameters() if p.requires_grad]
    return fit(model, torch.optim.AdamW(trained, lr=0.01), classes())


@correct()
def frozen_parameters_given_to_the_optimizer() -> list[Tensor]:
    """Freeze a layer, but give the optimizer all parameters."""
    model = mlp(4, 8, 3)
    model[0].requires_grad_(False)
    return fit(model, torch.optim.Adam(model.parameters(), lr=0.01), classes())


@correct()
def pruned_layer() -> list[Tensor]:
    """Train on with the smallest weights masked."""
    model = mlp(4, 8, 3)
    prune.l1_unstructured(model[0], "weight", amount=0.3)
    out = fit(model, torch.optim.SGD(model.parameters(), lr=0.1), classes())
    prune.remove(model[0], "weight")
    return out


# Reinforcement learning.


def rewards(states: Tensor, actions: Tensor) -> Tensor:
    """Reward the action that has the sign of the state's first number."""
    return torch.where((states[:, 0] > 0).long() == actions, 1.0, -0.5)


@correct("cut-graph")
def deep_q_learning() -> list[Tensor]:
    """Learn from a target network that follows slowly; it is worth a note at most."""
    policy = mlp(3, 8, 2)
    target = mlp(3, 8, 2)
    target.load_state_dict(policy.state_dict())
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-2, amsgrad=True)
    for _ in range(3):
        state, following = torch.randn(6, 3), torch.randn(6, 3)
        with torch.no_grad():
            action = policy(state).max(1).indices.view(-1, 1)
        value = policy(state).gather(1, action)
        with torch.no_grad():
            best = target(following).max(1).values
        expected = rewards(state, action.squeeze(1)) + 0.9 * best
        loss = functional.smooth_l1_loss(value, expected.unsqueeze(1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(policy.parameters(), 100)
        optimizer.step()
        ahead, behind = policy.state_dict(), target.state_dict()
        for key in ahead:
            behind[key] = ahead[key] * 0.05 + behind[key] * 0.95
        target.load_state_dict(behind)
    return [loss.detach(), *policy.parameters(), *target.parameters()]


@correct()
def reinforce() -> list[Tensor]:
    """Weigh the log-probabilities of an episode by its returns."""
    policy = mlp(3, 8, 2)
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.01)
    for _ in range(3):
        logs, gains = [], []
        for state in torch.randn(5, 3):
            choice = Categorical(logits=policy(state))
            action = choice.sample()
            logs.append(choice.log_prob(action))
            gains.append(rewards(state[None], action[None]).item())
        returns = torch.tensor(gains).flip(0).cumsum(0).flip(0)
        returns = (returns - returns.mean()) / (returns.std() + 1e-6)
        loss = -(torch.stack(logs) * returns).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss.detach(), *policy.parameters()]


@correct()
def actor_and_critic() -> list[Tensor]:
    """Weigh the actor by an advantage taken off the tape; fit the critic beside it."""
    trunk, actor, critic = nn.Linear(3, 8), nn.Linear(8, 2), nn.Linear(8, 1)
    parameters = [*trunk.parameters(), *actor.parameters(), *critic.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.03)
    for _ in range(3):
        states = torch.randn(5, 3)
        hidden = torch.relu(trunk(states))
        choice, value = Categorical(logits=actor(hidden)), critic(hidden).squeeze(1)
        action = choice.sample()
        gained = rewards(states, action)
        advantage = (gained - value).detach()
        loss = -(choice.log_prob(action) * advantage).mean()
        loss = loss + functional.smooth_l1_loss(value, gained) - 0.01 * choice.entropy().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss.detach(), *parameters]


@correct()
def proximal_policy_optimisation() -> list[Tensor]:
    """Reuse a batch for several epochs with a clipped ratio."""
    policy = mlp(3, 8, 2)
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.05)
    states = torch.randn(10, 3)
    with torch.no_grad():
        before = Categorical(logits=policy(states))
        actions = before.sample()
        old = before.log_prob(actions)
    gained = rewards(states, actions)
    for _ in range(4):
        ratio = (Categorical(logits=policy(states)).log_prob(actions) - old).exp()
        loss = -torch.min(ratio * gained, ratio.clamp(0.8, 1.2) * gained).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss.detach(), *policy.parameters()]


@correct("cut-graph")
def soft_actor_critic() -> list[Tensor]:
    """Step an actor through a critic whose gradients are thrown away."""
    actor, critic = mlp(3, 8, 2), mlp(4, 8, 1)
    target = copy.deepcopy(critic)
    of_actor = torch.optim.Adam(actor.parameters(), lr=0.01)
    of_critic = torch.optim.Adam(critic.parameters(), lr=0.01)
    for _ in range(3):
        state, action = torch.randn(6, 3), torch.randn(6, 1)
        with torch.no_grad():
            wanted = action.abs() + 0.9 * target(torch.cat((state, action), 1))
        of_critic.zero_grad()
        functional.mse_loss(critic(torch.cat((state, action), 1)), wanted).backward()
        of_critic.step()
        mean, logscale = actor(state).chunk(2, 1)
        sampled = torch.tanh(Normal(mean, logscale.exp()).rsample())
        of_actor.zero_grad()
        loss = -critic(torch.cat((state, sampled), 1)).mean()
        loss.backward()
        of_actor.step()
        for slow, fast in zip(target.parameters(), critic.parameters(), strict=True):
            slow.data.copy_(0.05 * fast.data + 0.95 * slow.data)
    return [loss.detach(), *actor.parameters(), *critic.parameters(), *target.parameters()]


# Representations.


@correct()
def siamese_network() -> list[Tensor]:
    """Pass two inputs through one network."""
    model = mlp(4, 8, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    left, right, same = torch.randn(6, 4), torch.randn(6, 4), torch.randint(2, (6,)).float()
    for _ in range(3):
        distance = functional.pairwise_distance(model(left), model(right))
        loss = (same * distance**2 + (1 - same) * functional.relu(2 - distance) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss.detach(), *model.parameters()]


@correct()
def stopped_gradient_of_one_view() -> list[Tensor]:
    """Predict one view from the other, whose gradient is stopped."""
    encoder, predictor = mlp(4, 8, 4), mlp(4, 8, 4)
    optimizer = torch.optim.SGD([*encoder.parameters(), *predictor.parameters()], lr=0.05)
    x = torch.randn(8, 4)
    for _ in range(3):
        first = encoder(x + 0.1 * torch.randn_like(x))
        second = encoder(x + 0.1 * torch.randn_like(x))
        loss = -functional.cosine_similarity(predictor(first), second.detach()).mean() / 2
        loss = loss - functional.cosine_similarity(predictor(second), first.detach()).mean() / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss.detach(), *encoder.parameters(), *predictor.parameters()]


@correct()
def momentum_contrast() -> list[Tensor]:
    """Tell apart a query's key from those of a queue that is written in place."""
    query, key = nn.Linear(4, 3), nn.Linear(4, 3).requires_grad_(False)
    key.load_state_dict(query.state_dict())
    queue = functional.normalize(torch.randn(3, 8), dim=0)
    optimizer = torch.optim.SGD(query.parameters(), lr=0.1)
    for step in range(3):
        x = torch.randn(2, 4)
        q = functional.normalize(query(x), dim=1)
        with torch.no_grad():
            for slow, fast in zip(key.parameters(), query.parameters(), strict=True):
                slow.data = slow.data * 0.9 + fast.data * 0.1
            k = functional.normalize(key(x), dim=1)
        near, far = (q * k).sum(1, keepdim=True), q @ queue.clone().detach()
        loss = functional.cross_entropy(torch.cat([near, far], 1) / 0.1, torch.zeros(2).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        queue[:, 2 * step : 2 * step + 2] = k.T
    return [loss.detach(), queue, *query.parameters(), *key.parameters()]


class RoundStraightThrough(torch.autograd.Function):
    """Rounds, with the gradient of the identity."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Round."""
        return x.round()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Pass the gradient on."""
        return gradient.clone()


@correct()
def straight_through_estimators() -> list[Tensor]:
    """Quantise with a detached difference, with a custom function, and with Gumbel noise."""
    layer = nn.Linear(4, 6)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(3):
        out = layer(torch.randn(5, 4))
        binary = out.sigmoid() + ((out > 0).float() - out.sigmoid()).detach()
        rounded = RoundStraightThrough.apply(4 * out) / 4
        chosen = functional.gumbel_softmax(out, tau=0.5, hard=True)
        loss = (binary * torch.arange(6.0)).mean() + rounded.square().mean() + chosen[:, 0].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss.detach(), *layer.parameters()]


class ReverseGradient(torch.autograd.Function):
    """The identity, with the gradient turned round."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        """Return a view of the input."""
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Turn the gradient round."""
        return -ctx.strength * gradient, None


@correct()
def domain_adversarial_training() -> list[Tensor]:
    """Confuse a classifier of domains with reversed gradients."""
    x, labels = classes()
    body, label_head, domain_head = nn.Linear(4, 8), nn.Linear(8, 3), nn.Linear(8, 2)
    parameters = [*body.parameters(), *label_head.parameters(), *domain_head.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    domains = torch.arange(16) % 2
    for _ in range(3):
        features = torch.tanh(body(x))
        turned = ReverseGradient.apply(features, 0.5)
        loss = functional.cross_entropy(label_head(features), labels)
        loss = loss + functional.cross_entropy(domain_head(turned), domains)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss.detach(), *parameters]


# Custom functions.


class ScaleInPlace(torch.autograd.Function):
    """Multiplies its input in place."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        """Write the input and say so."""
        ctx.mark_dirty(x)
        ctx.factor = factor
        return x.mul_(factor)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Scale the gradient."""
        return ctx.factor * gradient, None


@correct()
def custom_function_that_writes_its_input() -> list[Tensor]:
    """Mark an input dirty; the caller's tensor holds the new value."""
    w = torch.randn(4, requires_grad=True)
    hidden = w + 1
    scaled = ScaleInPlace.apply(hidden, 3.0)
    assert scaled is hidden
    loss = (scaled * hidden).sum()
    loss.backward()
    return [loss, hidden.detach(), w]


apply_legendre = Legendre.apply  # bound before any session


@correct()
def custom_function_bound_early() -> list[Tensor]:
    """Call a function that was bound when this module was imported."""
    w = torch.tensor([0.1, 0.5, -0.7], requires_grad=True)
    hidden = apply_legendre(w * 2)
    loss = (hidden + apply_legendre(hidden.sin())).sum()
    loss.backward()
    return [loss, w]


class MinMax(torch.autograd.Function):
    """Smallest and largest entry; saves integers and no tensor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return both, and where the largest is."""
        low, high = x.argmin(), x.argmax()
        ctx.places, ctx.count = (int(low), int(high)), len(x)
        ctx.mark_non_differentiable(high)
        return x[low].clone(), x[high].clone(), high

    @staticmethod
    def backward(ctx: Any, low: Tensor, high: Tensor, _: Any) -> Tensor:
        """Put the gradients where the entries were."""
        out = torch.zeros(ctx.count)
        out[ctx.places[0]] += low
        out[ctx.places[1]] += high
        return out


@correct()
def custom_function_with_several_results() -> list[Tensor]:
    """Return an integer beside two results that are differentiable."""
    w = torch.randn(5, requires_grad=True)
    low, high, place = MinMax.apply(w * 2)
    loss = high.exp() - 3 * low
    loss.backward()
    return [loss, place, w]


class Cube(torch.autograd.Function):
    """The third power, with a setup of its context and a backward that can be differentiated."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        """Compute it."""
        return x**3

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        """Save the input."""
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Use the derivative."""
        (x,) = ctx.saved_tensors
        slope: Tensor = gradient * 3 * x**2
        return slope


@correct()
def custom_function_differentiated_twice() -> list[Tensor]:
    """Take the second derivative of a custom function."""
    w = torch.tensor([0.5, -2.0], requires_grad=True)
    (slope,) = torch.autograd.grad(Cube.apply(w).sum(), w, create_graph=True)
    slope.sum().backward()
    return [slope, w]


class SquareOnce(torch.autograd.Function):
    """A square that is not differentiable twice, and lets gradients be None."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return two results."""
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x)
        return x * x, y + 1

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, first: Tensor | None, second: Tensor | None) -> Any:
        """Return only the gradients that are needed."""
        (x,) = ctx.saved_tensors
        wanted = ctx.needs_input_grad[0] and first is not None
        return (2 * x * first if wanted else None), second


@correct()
def custom_function_with_gradients_left_out() -> list[Tensor]:
    """Use one of two results, with one of two inputs that requires a gradient."""
    w = torch.randn(3, requires_grad=True)
    square, _ = SquareOnce.apply(w, torch.ones(3))
    loss = square.sum()
    loss.backward()
    return [loss, w]


@correct(unseen="saved-tensor hook")
def write_to_a_saved_tensor_that_is_allowed() -> list[Tensor]:
    """Write in place after saving, in the context that clones what was saved."""
    w = torch.randn(3, requires_grad=True)
    with torch.autograd.graph.allow_mutation_on_saved_tensors():
        y = torch.exp(w)
        loss = y.sum()
        y.mul_(2)
        loss.backward()
    return [loss, y.detach(), w]


@correct()
def in_place_writes_that_autograd_follows() -> list[Tensor]:
    """Write to tensors on the tape, and through views of them, before they are saved."""
    w = torch.linspace(-1, 1, 6, requires_grad=True)
    hidden = w * 2
    hidden[:3] *= 3
    hidden.view(2, 3)[1].add_(1)
    hidden[hidden > 2.5] = 0.5
    out = torch.zeros(6)
    out.index_add_(0, torch.tensor([0, 2, 4, 1, 3, 5]), hidden)
    out.clamp_(-5, 5)
    loss = (out * torch.arange(6.0)).sum()
    loss.backward()
    return [loss, w]


@correct()
def domain_kept_before_the_function() -> list[Tensor]:
    """Choose a safe argument before log, sqrt and division."""
    w = torch.tensor([-1.0, 0.0, 2.0, 3.0], requires_grad=True)
    safe = torch.where(w > 0, w, 1.0)
    loss = torch.where(w > 0, safe.log() + safe.sqrt() + 1 / safe, 0.0).sum()
    loss.backward()
    return [loss, w]


@correct()
def hinge_with_some_dead_units() -> list[Tensor]:
    """Train where part of the units and samples get no gradient."""
    w = torch.randn(3, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    x, sign = torch.randn(20, 3), torch.ones(20)
    sign[10:] = -1
    for _ in range(3):
        optimizer.zero_grad()
        loss = torch.relu(1 - sign * (x @ w)).mean()
        loss.backward()
        optimizer.step()
    return [loss.detach(), w]


# More than one derivative, and other ways to differentiate.


@correct()
def learning_to_learn() -> list[Tensor]:
    """Differentiate through steps of an inner loop."""
    w = torch.randn(2, 1, requires_grad=True)
    optimizer = torch.optim.Adam([w], lr=0.01)
    for _ in range(2):
        optimizer.zero_grad()
        total = torch.zeros(())
        for _ in range(2):
            x, slope = torch.randn(6, 2), torch.randn(2, 1)
            fast = w
            for _ in range(2):
                inner = functional.mse_loss(x[:3] @ fast, x[:3] @ slope)
                (gradient,) = torch.autograd.grad(inner, fast, create_graph=True)
                fast = fast - 0.1 * gradient
            total = total + functional.mse_loss(x[3:] @ fast, x[3:] @ slope)
        total.backward()
        optimizer.step()
    return [total.detach(), w]


@correct()
def physics_informed_network() -> list[Tensor]:
    """Fit a network to a differential equation of second order."""
    model = mlp(1, 8, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(3):
        t = torch.linspace(0, 1, 9).view(-1, 1).requires_grad_()
        u = model(t)
        (du,) = torch.autograd.grad(u.sum(), t, create_graph=True)
        (ddu,) = torch.autograd.grad(du.sum(), t, create_graph=True)
        start = model(torch.zeros(1, 1)).squeeze() - 1
        loss = (ddu + u).square().mean() + start**2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss.detach(), *model.parameters()]


@correct()
def hessian_vector_products() -> list[Tensor]:
    """Solve with the Hessian by conjugate gradients, without ever forming it."""
    w = torch.randn(3, requires_grad=True)
    loss = (w**4).sum() + (w * w.roll(1)).sum()
    (slope,) = torch.autograd.grad(loss, w, create_graph=True)
    x, residual = torch.zeros(3), slope.detach().clone()
    direction = residual.clone()
    for _ in range(3):
        (curved,) = torch.autograd.grad(slope @ direction, w, retain_graph=True)
        size = residual @ residual / (direction @ curved)
        x += size * direction
        fresh = residual - size * curved
        direction = fresh + (fresh @ fresh) / (residual @ residual) * direction
        residual = fresh
    with torch.no_grad():
        w -= x
    return [x, w]


@correct()
def jacobian_and_hessian() -> list[Tensor]:
    """Form derivatives with torch.autograd.functional."""
    x, y = torch.randn(3), torch.randn(3)
    both = torch.autograd.functional.jacobian(lambda a, b: a.exp() * b, (x, y))
    curved = torch.autograd.functional.hessian(lambda a: a.pow(3).sum(), x)
    value, product = torch.autograd.functional.vjp(lambda a: a.sin(), x, y)
    return [*both, curved, value, product]


@correct()
def forward_mode() -> list[Tensor]:
    """Compute a directional derivative in forward mode."""
    x, direction = torch.randn(4), torch.randn(4)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, direction)
        value, slope = forward_ad.unpack_dual((dual.sin() * dual).sum())
    assert slope is not None
    return [value, slope]


@correct(unseen="torch.func")
def function_transforms() -> list[Tensor]:
    """Use grad, vmap and functional_call, then train as usual."""
    model = mlp(4, 8, 3)
    x, labels = classes()
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def loss_of(weights: dict[str, Tensor], one: Tensor, label: Tensor) -> Tensor:
        out = torch.func.functional_call(model, weights, (one[None],))
        return functional.cross_entropy(out, label[None])

    each = torch.func.vmap(torch.func.grad(loss_of), in_dims=(None, 0, 0))(parameters, x, labels)
    trained = fit(model, torch.optim.SGD(model.parameters(), lr=0.1), (x, labels))
    return [*each.values(), *trained]


@correct(unseen="torch.func")
def ensemble_under_vmap() -> list[Tensor]:
    """Run several models as one and differentiate outside the transform."""
    models = [mlp(4, 6, 3) for _ in range(3)]
    weights, buffers = torch.func.stack_module_state(models)
    x, labels = classes()

    def call(parameters: Any, rest: Any, inputs: Tensor) -> Any:
        return torch.func.functional_call(models[0], (parameters, rest), (inputs,))

    out = torch.func.vmap(call, in_dims=(0, 0, None))(weights, buffers, x)
    loss = sum(functional.cross_entropy(one, labels) for one in out)
    loss.backward()
    return [loss.detach(), *weights.values()]


@correct()
def functional_call_with_fast_weights() -> list[Tensor]:
    """Call a module with weights that were computed."""
    model = mlp(4, 8, 3)
    x, labels = classes()
    weights = dict(model.named_parameters())
    inner = functional.cross_entropy(torch.func.functional_call(model, weights, (x,)), labels)
    slopes = torch.autograd.grad(inner, list(weights.values()), create_graph=True)
    fast = {name: p - 0.1 * slope for (name, p), slope in zip(weights.items(), slopes, strict=True)}
    loss = functional.cross_entropy(torch.func.functional_call(model, fast, (x,)), labels)
    loss.backward()
    return [loss, *model.parameters()]


@correct()
def batched_gradients() -> list[Tensor]:
    """Compute a whole Jacobian with one batched call of autograd.grad."""
    w = torch.randn(3, requires_grad=True)
    y = w.exp() * w.sum()
    (rows,) = torch.autograd.grad(y, w, torch.eye(3), is_grads_batched=True)
    return [rows, w]


@correct()
def deep_equilibrium() -> list[Tensor]:
    """Find a fixed point without gradients, then attach one step and a hook."""
    cell = nn.Linear(6, 6)
    nn.init.normal_(cell.weight, std=0.1)
    optimizer = torch.optim.SGD(cell.parameters(), lr=0.1)
    x, y = torch.randn(4, 6), torch.randn(4, 6)
    for _ in range(3):
        with torch.no_grad():
            z = torch.zeros(4, 6)
            for _ in range(10):
                z = torch.tanh(cell(z) + x)
        z = torch.tanh(cell(z) + x)
        if z.requires_grad:
            z.register_hook(lambda gradient: 1.1 * gradient)
        loss = functional.mse_loss(z, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss.detach(), *cell.parameters()]


@correct()
def ordinary_differential_equation() -> list[Tensor]:
    """Learn the right-hand side through a solver of fixed steps."""
    field = mlp(2, 8, 2)
    optimizer = torch.optim.Adam(field.parameters(), lr=0.01)
    wanted = torch.randn(5, 2)
    for _ in range(3):
        state, path = torch.tensor([1.0, 0.0]), []
        for _ in range(5):
            middle = state + 0.05 * field(state)
            state = state + 0.1 * field(middle)
            path.append(state)
        loss = (torch.stack(path) - wanted).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss.detach(), *field.parameters()]


# Memory, hooks, threads, compilers.


@correct(unseen="saved-tensor hook")
def checkpointing_without_reentry() -> list[Tensor]:
    """Compute a block again in the backward pass."""
    return train_with_checkpoints(use_reentrant=False)


@correct()
def checkpointing_with_reentry() -> list[Tensor]:
    """Compute a block again, inside a backward pass of its own."""
    return train_with_checkpoints(use_reentrant=True)


def train_with_checkpoints(*, use_reentrant: bool) -> list[Tensor]:
    """Train a network of which the middle is checkpointed."""
    first, middle, last = (
        nn.Linear(4, 8),
        nn.Sequential(mlp(8, 8, 8), nn.Dropout()),
        nn.Linear(8, 3),
    )
    parameters = [*first.parameters(), *middle.parameters(), *last.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    x, labels = classes()
    for _ in range(3):
        optimizer.zero_grad()
        hidden = torch.tanh(first(x))
        hidden = checkpoint(middle, hidden, use_reentrant=use_reentrant)
        loss = functional.cross_entropy(last(hidden), labels)
        loss.backward()
        optimizer.step()
    return [loss.detach(), *parameters]


@correct(unseen="saved-tensor hook")
def saved_tensors_packed() -> list[Tensor]:
    """Save in half precision, or on the host, what backward needs."""
    w = torch.randn(5, requires_grad=True)

    def pack(tensor: Tensor) -> tuple[torch.dtype, Tensor]:
        return tensor.dtype, tensor.to(torch.float16)

    def unpack(packed: tuple[torch.dtype, Tensor]) -> Tensor:
        return packed[1].to(packed[0])

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        loss = (w * 2).exp().sum()
    with torch.autograd.graph.save_on_cpu():
        loss = loss + w.sin().square().sum()
    loss.backward()
    return [loss, w]


@correct()
def hooks_on_tensors() -> list[Tensor]:
    """Scale a gradient on its way, keep one of an intermediate, and look at another."""
    w = torch.randn(4, requires_grad=True)
    seen: list[Tensor] = []
    hidden = w.exp()
    hidden.retain_grad()
    hidden.register_hook(lambda gradient: gradient * 2)
    w.register_hook(seen.append)
    loss = hidden.square().sum()
    loss.backward()
    assert hidden.grad is not None
    return [loss, hidden.grad, *seen, w]


@correct()
def hooks_on_modules() -> list[Tensor]:
    """Collect activations and gradients of layers."""
    model = mlp(4, 8, 3)
    kept: list[Tensor] = []

    def forward(module: nn.Module, inputs: Any, output: Tensor) -> None:
        kept.append(output.detach())

    def backward(module: nn.Module, given: Any, received: Any) -> None:
        kept.extend(received)

    handles = [model[0].register_forward_hook(forward), model[2].register_forward_hook(forward)]
    handles.append(model[2].register_full_backward_hook(backward))
    out = fit(model, torch.optim.SGD(model.parameters(), lr=0.1), classes(), steps=2)
    for handle in handles:
        handle.remove()
    return [*kept, *out]


@correct()
def class_activation_map() -> list[Tensor]:
    """Weigh the maps of a trained layer by the gradient of one class."""
    model = convnet().eval()
    maps = model[:3](torch.randn(1, 1, 8, 8))
    maps.retain_grad()
    scores = model[3:](maps)
    scores[0, scores.argmax()].backward()
    assert maps.grad is not None
    weights = maps.grad.mean((2, 3), keepdim=True)
    return [torch.relu((weights * maps).sum(1)).detach(), scores]


@correct()
def backward_to_some_inputs_only() -> list[Tensor]:
    """Add gradients to one part of the parameters only."""
    body, head = nn.Linear(4, 6), nn.Linear(6, 3)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
    x, labels = classes()
    for _ in range(3):
        optimizer.zero_grad()
        loss = functional.cross_entropy(head(torch.tanh(body(x))), labels)
        loss.backward(inputs=list(head.parameters()))
        optimizer.step()
    return [loss.detach(), *body.parameters(), *head.parameters()]


@correct()
def hook_on_several_gradients() -> list[Tensor]:
    """Wait for the gradients of several tensors, and look at a node's."""
    a, b = torch.randn(3, requires_grad=True), torch.randn(3, requires_grad=True)
    seen: list[Tensor] = []

    def all_there(gradients: Sequence[Tensor | None]) -> None:
        seen.extend(g.clone() for g in gradients if g is not None)

    handle = torch.autograd.graph.register_multi_grad_hook((a, b), all_there)
    product = a * b
    assert product.grad_fn is not None
    product.grad_fn.register_hook(lambda *both: seen.extend(both[1]))
    loss = product.sin().sum()
    loss.backward()
    handle.remove()
    return [loss, *seen, a, b]


@correct()
def anomaly_mode() -> list[Tensor]:
    """Train with PyTorch's own check."""
    model = mlp(4, 8, 3)
    with torch.autograd.set_detect_anomaly(True):
        return fit(model, torch.optim.SGD(model.parameters(), lr=0.1), classes())


class Layer(torch.Tensor):
    """A tensor of a class of its own."""


@correct()
def tensor_subclass() -> list[Tensor]:
    """Compute with a subclass of Tensor."""
    data = torch.randn(4).as_subclass(Layer)
    w = torch.randn(4, requires_grad=True)
    loss = (data * w).sin().sum()
    assert isinstance(loss, Layer)
    loss.backward()
    return [loss.as_subclass(Tensor), w]


@correct()
def saved_and_loaded() -> list[Tensor]:
    """Copy a model and its optimizer halfway and go on with the copies."""
    batch = classes()
    model = mlp(4, 8, 3)
    optimizer = torch.optim.Adam(model.parameters())
    fit(model, optimizer, batch)
    other = mlp(4, 8, 3)
    other.load_state_dict(model.state_dict())
    again = torch.optim.Adam(other.parameters())
    again.load_state_dict(optimizer.state_dict())
    return fit(other, again, batch)


@correct()
def module_initialised_by_hand() -> list[Tensor]:
    """Initialise in place, as model code does, then train."""
    model = mlp(4, 8, 3)

    def reset(module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            module.weight.data.mul_(0.5)
            with torch.no_grad():
                module.bias.fill_(0.1)

    model.apply(reset)
    return fit(model, torch.optim.SGD(model.parameters(), lr=0.1), classes())


@correct()
def model_in_double_precision() -> list[Tensor]:
    """Convert a model before its optimizer is made."""
    model = mlp(4, 8, 3).to(torch.float64)
    x, labels = classes()
    return fit(model, torch.optim.SGD(model.parameters(), lr=0.1), (x.double(), labels))


def batches(count: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Generate batches one by one."""
    for _ in range(count):
        yield classes(8)


@correct()
def batches_from_a_generator() -> list[Tensor]:
    """Train on a stream, and read losses and accuracies as numbers."""
    model = mlp(4, 8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses, accuracies = [], []
    for x, labels in batches(4):
        optimizer.zero_grad()
        out = model(x)
        loss = functional.cross_entropy(out, labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        accuracies.append(float((out.argmax(1) == labels).float().mean()))
    return [torch.tensor(losses), torch.tensor(accuracies), *model.parameters()]


@correct(unseen="torch.compile")
def compiled_model() -> list[Tensor]:
    """Compile a model inside the session and train it."""
    model = mlp(4, 8, 3)
    compiled: Any = torch.compile(model, backend="eager")
    return fit(compiled, torch.optim.SGD(model.parameters(), lr=0.1), classes())


@correct()
def worker_thread() -> list[Tensor]:
    """Train here and in another thread at the same time."""
    x, labels = classes()
    here, there = mlp(4, 8, 3), mlp(4, 8, 3)
    found: list[Tensor] = []

    def work() -> None:
        optimizer = torch.optim.SGD(there.parameters(), lr=0.1)
        found.extend(fit(there, optimizer, (x, labels), steps=5))

    thread = threading.Thread(target=work)
    thread.start()
    out = fit(here, torch.optim.SGD(here.parameters(), lr=0.1), (x, labels), steps=5)
    thread.join()
    return [*found, *out]


@correct()
def backward_in_a_worker_thread() -> list[Tensor]:
    """Differentiate in another thread, step in this one."""
    x, labels = classes()
    model = mlp(4, 8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), labels)
        thread = threading.Thread(target=loss.backward)
        thread.start()
        thread.join()
        optimizer.step()
    return [loss.detach(), *model.parameters()]
