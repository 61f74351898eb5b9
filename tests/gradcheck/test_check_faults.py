"""A table of wrong backward passes: each is found, at every scale, where it is and by its name."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from backproof.gradcheck.check import check
from backproof.gradcheck.report import GradientReport, TensorCheck
from backproof.gradcheck.verdict import Verdict

Function = Callable[..., Any]
Places = set[tuple[int, ...]]
Draw = Callable[[np.random.Generator], tuple[Tensor, ...]]

_SCALES = [1e-8, 1e-4, 1.0, 1e4, 1e8]
_SEEDS = range(5)
_WAYS = ("in", "out", "both")
"""Where the scale enters: in the inputs, in the outputs, in both."""


@dataclass(frozen=True)
class Case:
    """A wrong target beside the right one, at one point."""

    wrong: Function
    right: Function
    inputs: tuple[Any, ...]
    places: dict[int, Places] = field(default_factory=dict)
    """Where, in the tensors of these positions, the fault was planted."""
    wrong_gradient: Function | None = None
    right_gradient: Function | None = None


@dataclass(frozen=True)
class Kind:
    """One kind of mistake."""

    name: str
    make: Callable[[np.random.Generator, float, float], Case]
    """From a generator and the scales of inputs and outputs."""
    says: str = ""
    """What the diagnosis has to say, in parts set apart by |, where the mistake has a name."""
    never: tuple[str, ...] = ()
    """What it must not say."""
    faulty: tuple[int, ...] = (0,)
    """Positions, in the report, of the tensors whose gradient is wrong."""
    ways: tuple[str, ...] = _WAYS
    twin: Verdict | None = Verdict.AGREE
    """Verdict on the repaired function; None: anything but DISAGREE."""
    planted: "Planted | None" = None

    def case(self, scale: float, seed: int) -> Case:
        rng = np.random.default_rng([zlib.crc32(self.name.encode()), seed])
        way = self.ways[seed % len(self.ways)]
        return self.make(rng, scale if way != "out" else 1.0, scale if way != "in" else 1.0)


@dataclass(frozen=True)
class Planted:
    """A function of tensors with a wrong backward pass of its own."""

    inputs: Draw
    forward: Function
    backward: Function
    """From the incoming gradient and the inputs to their gradients."""
    places: Callable[..., Places] | None

    def __call__(self, rng: np.random.Generator, inner: float, outer: float) -> Case:
        inputs = self.inputs(rng)
        places = {} if self.places is None else {0: self.places(*inputs)}
        return Case(
            wrong=scaled(with_backward(self.forward, self.backward), inner, outer),
            right=scaled(self.forward, inner, outer),
            inputs=tuple(inner * one for one in inputs),
            places=places,
        )


def scaled(function: Function, inner: float, outer: float) -> Function:
    def target(*inputs: Tensor) -> Any:
        return outer * function(*(one / inner for one in inputs))

    return target


def with_backward(forward: Function, backward: Function) -> Function:
    class Own(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Tensor) -> Any:
            ctx.save_for_backward(*inputs)
            return forward(*inputs)

        @staticmethod
        def backward(ctx: Any, *incoming: Tensor) -> Any:
            return backward(*incoming, *ctx.saved_tensors)

    def function(*inputs: Tensor) -> Any:
        return Own.apply(*inputs)  # type: ignore[no-untyped-call]

    return function


def planted(
    name: str,
    inputs: Draw,
    forward: Function,
    backward: Function,
    *,
    says: str = "",
    never: tuple[str, ...] = (),
    faulty: tuple[int, ...] = (0,),
    places: Callable[..., Places] | None = None,
    ways: tuple[str, ...] = _WAYS,
    twin: Verdict | None = Verdict.AGREE,
) -> Kind:
    plan = Planted(inputs, forward, backward, places)
    return Kind(
        name, plan, says=says, never=never, faulty=faulty, ways=ways, twin=twin, planted=plan
    )


# Points


def entries(rng: np.random.Generator, *shape: int) -> Tensor:
    """Draw entries of both signs, none near zero, where some of the functions have kinks."""
    return torch.from_numpy(rng.uniform(0.4, 1.6, shape) * rng.choice([-1.0, 1.0], shape))


def drawn(*shapes: tuple[int, ...]) -> Draw:
    return lambda rng: tuple(entries(rng, *shape) for shape in shapes)


def both_signs(rng: np.random.Generator) -> tuple[Tensor, ...]:
    """Draw eight entries of which three are negative."""
    signs = rng.permutation([-1.0] * 3 + [1.0] * 5).reshape(2, 4)
    return (torch.from_numpy(rng.uniform(0.4, 1.6, (2, 4)) * signs),)


def positive(*shape: int) -> Draw:
    return lambda rng: (torch.from_numpy(rng.uniform(0.4, 1.6, shape)),)


def apart(*shape: int) -> Draw:
    """Draw entries of which no two are close, so that maxima do not change over nearby."""
    count = int(np.prod(shape))

    def draw(rng: np.random.Generator) -> tuple[Tensor, ...]:
        return (torch.from_numpy(rng.permutation(np.arange(count) - count / 3).reshape(shape)),)

    return draw


def complex_entries(*shapes: tuple[int, ...]) -> Draw:
    return lambda rng: tuple(torch.complex(entries(rng, *s), entries(rng, *s)) for s in shapes)


def large(rng: np.random.Generator) -> tuple[Tensor, ...]:
    x = entries(rng, 2, 3)
    x[1, 0] = 800.0
    return (x,)


def invertible(n: int) -> Draw:
    return lambda rng: (3 * torch.eye(n, dtype=torch.float64) + 0.5 * entries(rng, n, n),)


# Where faults are


def where(mask: Tensor) -> Places:
    return {tuple(index) for index in torch.nonzero(mask).tolist()}


def at(*places: tuple[int, ...]) -> Callable[..., Places]:
    return lambda *_: set(places)


def row(axis: int, index: int) -> Callable[..., Places]:
    def places(x: Tensor, *_: Tensor) -> Places:
        mask = torch.zeros(x.shape)
        mask.select(axis, index).fill_(1)
        return where(mask)

    return places


def edited(gradient: Tensor, edit: Callable[[Tensor], object]) -> Tensor:
    own = gradient.clone()
    edit(own)
    return own


# Backward passes of several lines

_C34 = torch.linspace(0.5, 2.0, 12, dtype=torch.float64).reshape(3, 4)
_C44 = torch.linspace(0.5, 2.0, 16, dtype=torch.float64).reshape(4, 4)
_C5 = torch.linspace(0.5, 1.5, 5, dtype=torch.float64)
_TOKENS = torch.tensor([0, 2, 4, 2, 5, 2])
_LABELS = torch.tensor([1, 0, 3])
_ROWS = torch.arange(3)
_KEPT = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0], dtype=torch.float64)
_REDRAWN = torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0], dtype=torch.float64)
_HIDDEN = torch.tensor([[0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0]], dtype=torch.bool)
_EPS = 1e-5


def normalised(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return x̂ and 1/σ of a layer norm."""
    rate = (x.var(-1, unbiased=False, keepdim=True) + _EPS).rsqrt()
    return (x - x.mean(-1, keepdim=True)) * rate, rate


def layer_norm_without_mean(g: Tensor, x: Tensor) -> Tensor:
    unit, rate = normalised(x)
    return rate * (g - unit * (g * unit).mean(-1, keepdim=True))


def layer_norm_without_variance(g: Tensor, x: Tensor) -> Tensor:
    _, rate = normalised(x)
    return rate * (g - g.mean(-1, keepdim=True))


def batch_norm(x: Tensor) -> Tensor:
    return (x - x.mean(0)) / (x.var(0, unbiased=False) + _EPS).sqrt()


def batch_norm_with_constant_statistics(g: Tensor, x: Tensor) -> Tensor:
    return g / (x.var(0, unbiased=False) + _EPS).sqrt()


def softmax_over_the_wrong_axis(g: Tensor, x: Tensor) -> Tensor:
    s = x.softmax(0)
    return s * (g - (g * s).sum(0, keepdim=True))


def cross_entropy(x: Tensor) -> Tensor:
    value: Tensor = functional.cross_entropy(x, _LABELS)
    return value


def cross_entropy_right(g: Tensor, x: Tensor) -> Tensor:
    return g * (x.softmax(1) - functional.one_hot(_LABELS, 4)) / 3


def embedding_overwriting(g: Tensor, table: Tensor) -> Tensor:
    gradient = torch.zeros_like(table)
    for token, one in zip(_TOKENS.tolist(), g, strict=True):
        gradient[token] = one
    return gradient


def pooled(x: Tensor) -> Tensor:
    return x.reshape(4, 3).amax(1)


def pooled_to_the_next(g: Tensor, x: Tensor) -> Tensor:
    gradient = torch.zeros(4, 3, dtype=g.dtype)
    gradient[torch.arange(4), (x.reshape(4, 3).argmax(1) + 1) % 3] = g
    return gradient.reshape(12)


def pooled_places(x: Tensor) -> Places:
    first = x.reshape(4, 3).argmax(1)
    found = [3 * torch.arange(4) + (first + offset) % 3 for offset in (0, 1)]
    return {(int(one),) for part in found for one in part}


def not_taken(x: Tensor) -> Tensor:
    return torch.where(x > 0, x.abs().sqrt(), 2 * x)


def not_taken_nan(g: Tensor, x: Tensor) -> Tensor:
    # As autograd does it where the forward pass has x.sqrt() in the branch that is not taken.
    taken = (x > 0).double()
    return g * (taken * 0.5 / x.sqrt() + (1 - taken) * 2)


def overflowing_sigmoid(g: Tensor, x: Tensor) -> Tensor:
    return g * x.exp() / (1 + x.exp())


def three_changed(g: Tensor, x: Tensor) -> Tensor:
    gradient = g * x.cos()
    gradient[0, 5] *= 1.01
    gradient[3, 15] *= -1
    gradient[7, 0] += 0.5 * g[7, 1]
    return gradient


def gelu_approximately(g: Tensor, x: Tensor) -> Tensor:
    own = x.detach().requires_grad_()
    with torch.enable_grad():
        value = functional.gelu(own, approximate="tanh")
    (gradient,) = torch.autograd.grad(value, own, g)
    return gradient


def attention(q: Tensor, k: Tensor) -> Tensor:
    return (q @ k.T / 2).softmax(1)


def attention_unscaled(g: Tensor, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
    s = attention(q, k)
    inner = s * (g - (g * s).sum(1, keepdim=True))
    return inner @ k, inner.T @ q / 2


def conv(x: Tensor, w: Tensor) -> Tensor:
    return functional.conv1d(x, w, padding=1)


def conv_right(g: Tensor, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    over_x = functional.conv1d(g, w.flip(2), padding=1)
    over_w = functional.conv1d(x, g, padding=1)
    return over_x, over_w


def conv_not_flipped(g: Tensor, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    return functional.conv1d(g, w, padding=1), conv_right(g, x, w)[1]


def conv_weight_flipped(g: Tensor, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    over_x, over_w = conv_right(g, x, w)
    return over_x, over_w.flip(2)


def differences_without_the_end(g: Tensor, x: Tensor) -> Tensor:
    gradient = torch.zeros_like(x)
    gradient[1:] += g
    gradient[: len(g) - 1] -= g[:-1]  # the loop ends one too early
    return gradient


def gate(x: Tensor, h: Tensor) -> Tensor:
    return x.sigmoid() * h.tanh()


def gate_forgotten(g: Tensor, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    s = x.sigmoid()
    return g * h.tanh() * s, g * s * (1 - h.tanh() ** 2)


def quarter(x: Tensor) -> Tensor:
    return x.reshape(2, 2, 2, 2).mean((1, 3))


def spread_out(g: Tensor) -> Tensor:
    return g.repeat_interleave(2, 0).repeat_interleave(2, 1)


# Cases that are no planted function


def mutated(rng: np.random.Generator, inner: float, outer: float) -> Case:
    """The forward pass writes to what it saved, behind autograd's back."""

    class Writes(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            value = outer * (x / inner).sin()
            x.data.mul_(1.5)
            return value

        @staticmethod
        def backward(ctx: Any, *incoming: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            gradient: Tensor = incoming[0] * outer / inner * (x / inner).cos()
            return gradient

    inputs = (inner * entries(rng, 3, 2),)
    return Case(Writes.apply, lambda x: outer * (x / inner).sin(), inputs)


def mutated_by_another(rng: np.random.Generator, inner: float, outer: float) -> Case:
    """Of two inputs the second is overwritten, which only the first one's gradient needs."""

    class Writes(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
            ctx.save_for_backward(a, b)
            value = outer * ((a / inner) * (b / inner)).sum()
            b.data.clamp_(min=0)
            return value

        @staticmethod
        def backward(ctx: Any, *incoming: Tensor) -> tuple[Tensor, Tensor]:
            a, b = ctx.saved_tensors
            return incoming[0] * outer * b / inner**2, incoming[0] * outer * a / inner**2

    a, (b,) = entries(rng, 2, 4), both_signs(rng)
    return Case(
        Writes.apply,
        lambda a, b: outer * ((a / inner) * (b / inner)).sum(),
        (inner * a, inner * b),
        places={0: where(b < 0)},
    )


class Layer(nn.Module):
    """tanh(xWᵀ + b), with something done to the weight on its way."""

    def __init__(
        self, rng: np.random.Generator, inner: float, outer: float, change: Function | None
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(inner * entries(rng, 4, 3))
        self.bias = nn.Parameter(entries(rng, 4))
        self.inner, self.outer, self.change = inner, outer, change

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight if self.change is None else self.change(self.weight)
        return self.outer * (x @ (weight / self.inner).T + self.bias).tanh()


def layer(change: Function) -> Callable[[np.random.Generator, float, float], Case]:
    def make(rng: np.random.Generator, inner: float, outer: float) -> Case:
        seed = int(rng.integers(2**32))
        wrong, right = (
            Layer(np.random.default_rng(seed), inner, outer, one) for one in (change, None)
        )
        return Case(wrong, right, (entries(rng, 5, 3) / 2,))

    return make


def hooked(weight: Tensor) -> Tensor:
    if weight.requires_grad:
        weight.register_hook(lambda g: 2 * g)  # type: ignore[no-untyped-call]
    return weight


def hooked_copy(weight: Tensor) -> Tensor:
    copy = weight * 1
    if copy.requires_grad:
        copy.register_hook(lambda g: edited(g, lambda own: own[1].zero_()))  # type: ignore[no-untyped-call]
    return copy


def outside_hook(rng: np.random.Generator, inner: float, outer: float) -> Case:
    """A hook on the parameter itself, as it is written outside of the module."""
    seed = int(rng.integers(2**32))
    wrong, right = (Layer(np.random.default_rng(seed), inner, outer, None) for _ in range(2))
    wrong.weight.register_hook(lambda g: -g)  # type: ignore[no-untyped-call]
    return Case(wrong, right, (entries(rng, 5, 3) / 2,))


def module_hook(rng: np.random.Generator, inner: float, outer: float) -> Case:
    seed = int(rng.integers(2**32))

    def network() -> nn.Sequential:
        own = np.random.default_rng(seed)
        return nn.Sequential(Layer(own, inner, 1.0, None), Layer2(own, outer))

    wrong, right = network(), network()

    def halved(_module: nn.Module, found: Any, _got: Any) -> tuple[Tensor]:
        return (0.5 * found[0],)

    wrong[1].register_full_backward_hook(halved)
    return Case(wrong, right, (entries(rng, 5, 3) / 2,))


class Layer2(nn.Module):
    """xWᵀ, without a bias."""

    def __init__(self, rng: np.random.Generator, outer: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(entries(rng, 2, 4))
        self.outer = outer

    def forward(self, x: Tensor) -> Tensor:
        return self.outer * x @ self.weight.T


def upstream_forgotten(rng: np.random.Generator, inner: float, outer: float) -> Case:
    """The loss is an eighth of what the function returns, which its backward does not know."""
    own = with_backward(lambda x: x.exp().sum(), lambda _g, x: x.exp())
    wrong = scaled(own, inner, outer / 8)
    right = scaled(lambda x: x.exp().sum(), inner, outer / 8)
    return Case(wrong, right, (inner * entries(rng, 6),))


def bias_under_a_loss(count: int) -> Callable[[np.random.Generator, float, float], Case]:
    """The broadcast sum itself is the custom function; one number comes out of the loss."""

    def make(rng: np.random.Generator, inner: float, outer: float) -> Case:
        def forward(x: Tensor, b: Tensor) -> Tensor:
            return x + b

        own = with_backward(forward, lambda g, _x, _b: (g, g[0, :count]))

        def under(function: Function) -> Function:
            return lambda x, b: function(x, b).exp().sum()

        return Case(
            scaled(under(own), inner, outer),
            scaled(under(forward), inner, outer),
            (inner * entries(rng, 5, 3), inner * entries(rng, count)),
        )

    return make


def second_output_ignored(rng: np.random.Generator, inner: float, outer: float) -> Case:
    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        return x.sin(), x.exp().sum(1)

    def backward(g: Tensor, _: Tensor, x: Tensor) -> Tensor:
        return g * x.cos()

    own = with_backward(forward, backward)

    def both(function: Function) -> Function:
        def target(x: Tensor) -> tuple[Tensor, Tensor]:
            first, second = function(x / inner)
            return outer * first, outer * second

        return target

    return Case(both(own), both(forward), (inner * entries(rng, 2, 3),))


def wrong_in_float32_alone(rng: np.random.Generator, inner: float, outer: float) -> Case:
    """A constant that is right in one dtype's branch and rounded too far in the other's."""

    def backward(g: Tensor, x: Tensor) -> Tensor:
        return g * x.exp() * (1.02 if x.dtype == torch.float32 else 1.0)

    wrong = scaled(with_backward(torch.exp, backward), inner, outer)
    inputs = (inner * entries(rng, 2, 3).float(),)
    return Case(wrong, scaled(torch.exp, inner, outer), inputs)


def float32_doubled(rng: np.random.Generator, inner: float, outer: float) -> Case:
    wrong = scaled(with_backward(torch.exp, lambda g, x: 2 * g * x.exp()), inner, outer)
    inputs = (inner * entries(rng, 2, 3).float(),)
    return Case(wrong, scaled(torch.exp, inner, outer), inputs)


def numpy_kind(
    name: str,
    shape: tuple[int, ...],
    function: Function,
    right: Function,
    wrong: Function,
    *,
    says: str = "",
    places: Places | None = None,
) -> Kind:
    """Functions of one array; the gradients take the cotangent where the value is an array."""

    def make(rng: np.random.Generator, inner: float, outer: float) -> Case:
        def value(x: Any) -> Any:
            return outer * function(x / inner)

        def claim(gradient: Function) -> Function:
            if np.ndim(function(np.ones(shape))) == 0:
                return lambda x: outer / inner * gradient(x / inner)
            return lambda x, v: outer / inner * gradient(x / inner, v)

        return Case(
            value,
            value,
            (inner * entries(rng, *shape).numpy(),),
            places={} if places is None else {0: places},
            wrong_gradient=claim(wrong),
            right_gradient=claim(right),
        )

    return Kind(name, make, says=says)


def changed_entry(gradient: Any) -> Any:
    gradient = gradient.copy()
    gradient[4] = -gradient[4]
    return gradient


def dropped_row(gradient: Any) -> Any:
    gradient = gradient.copy()
    gradient[-1] = 0
    return gradient


_M34 = np.linspace(-1.0, 2.1, 12).reshape(3, 4)


_KINDS = [
    # Factors
    planted(
        "factor 2: the square's half is forgotten",
        drawn((2, 3)),
        lambda x: (x**2).sum() / 2,
        lambda g, x: g * 2 * x,
        says="constant factor 2",
    ),
    planted(
        "factor 1/2: the power's exponent is forgotten",
        drawn((2, 3)),
        lambda x: x**2,
        lambda g, x: g * x,
        says="constant factor 1/2",
    ),
    planted(
        "factor N: a mean with a sum's backward",
        drawn((2, 4)),
        lambda x: x.exp().mean(),
        lambda g, x: g * x.exp(),
        says="constant factor 8",
    ),
    planted(
        "factor 1/3: the inner function's slope is forgotten",
        drawn((6,)),
        lambda x: (3 * x).sin(),
        lambda g, x: g * (3 * x).cos(),
        says="constant factor 1/3",
    ),
    planted(
        "factor 0.8: dropout's backward without 1/(1 - p)",
        drawn((10,)),
        lambda x: x * _KEPT / 0.8,
        lambda g, _x: g * _KEPT,
        says="constant factor 0.8",
    ),
    planted(
        "factor 1 + 1e-6",
        drawn((7,)),
        lambda x: x.exp().sum(),
        lambda g, x: (1 + 1e-6) * g * x.exp(),
        says="constant factor 1.000001",
    ),
    # Where the outputs are tiny beside the claim, rounding of the claim hides their slopes.
    Kind(
        "upstream gradient forgotten",
        upstream_forgotten,
        says="constant factor 8",
        ways=("in",),
    ),
    planted(
        "square of a complex magnitude with Wirtinger's half",
        complex_entries((5,)),
        lambda z: (z * z.conj()).real,
        lambda g, z: g * z,
        says="constant factor 1/2",
    ),
    # Signs
    planted(
        "sign: cosine",
        drawn((2, 3)),
        lambda x: x.cos(),
        lambda g, x: g * x.sin(),
        says="sign",
    ),
    # Right numbers in wrong places
    planted(
        "transpose: a transposition is forgotten",
        drawn((4, 4)),
        lambda x: x.T * _C44,
        lambda g, _x: g * _C44,
        says="transpose",
    ),
    planted(
        "reversed: a flip is forgotten",
        drawn((5,)),
        lambda x: x.flip(0) * _C5,
        lambda g, _x: g * _C5,
        says="reversed",
    ),
    planted(
        "reversed: a convolution's weight",
        drawn((1, 1, 10), (1, 1, 3)),
        conv,
        conv_weight_flipped,
        says="reversed",
        faulty=(1,),
    ),
    planted(
        "shifted: a roll is forgotten",
        drawn((5,)),
        lambda x: x.roll(1) * _C5,
        lambda g, _x: g * _C5,
        says="shifted by one",
    ),
    # Sums over broadcast axes
    planted(
        "missing sum: a bias",
        drawn((5, 3), (3,)),
        lambda x, b: x + b,
        lambda g, _x, _b: (g, g[0]),
        says="missing sum",
        faulty=(1,),
    ),
    Kind(
        "missing sum: a bias of one entry, and a loss behind it",
        bias_under_a_loss(1),
        says="missing sum",
        faulty=(1,),
    ),
    planted(
        "missing sum: a scale of one entry",
        drawn((2, 3), (1,)),
        lambda x, a: x * a,
        lambda g, x, a: (g * a, (g * x)[0, :1]),
        says="missing sum",
        faulty=(1,),
    ),
    planted(
        "broadcast: summed over all axes instead of one",
        drawn((3, 5), (3, 1)),
        lambda x, b: x * b,
        lambda g, x, b: (g * b, (g * x).sum().expand(3, 1)),
        says="broadcast",
        faulty=(1,),
    ),
    # Terms
    planted(
        "missing term: the variance's part of a layer norm",
        drawn((2, 4)),
        lambda x: functional.layer_norm(x, (4,), eps=_EPS),
        layer_norm_without_variance,
        says="missing term",
    ),
    # No gradient
    Kind(
        "detached: a parameter's second row",
        layer(lambda w: torch.cat([w[:1], w[1:2].detach(), w[2:]])),
        says="wrong only at some rows|1 of axis 0|detached",
    ),
    # Hooks
    Kind("hook on the parameter itself", outside_hook, says="sign"),
    # Some entries
    planted(
        "one entry's sign",
        drawn((5, 6)),
        lambda x: x.sin(),
        lambda g, x: edited(g * x.cos(), lambda own: own[3, 2].mul_(-1)),
        says="wrong only at some entries|1 of",
        places=at((3, 2)),
    ),
    planted(
        "one entry of a thousand, by 0.1 %",
        drawn((1000,)),
        lambda x: x.sin(),
        lambda g, x: edited(g * x.cos(), lambda own: own[617].mul_(1.001)),
        says="wrong only at some entries|1 of",
        places=at((617,)),
    ),
    planted(
        "three entries",
        drawn((8, 16)),
        lambda x: x.sin(),
        three_changed,
        says="wrong only at some entries",
        places=at((0, 5), (3, 15), (7, 0)),
    ),
    planted(
        "last row: the tail of a kernel",
        drawn((7, 3)),
        lambda x: x.tanh(),
        lambda g, x: edited(g * (1 - x.tanh() ** 2), lambda own: own[-1].zero_()),
        says="wrong only at some rows|6 of axis 0|detached",
        places=row(0, 6),
    ),
    planted(
        "first column doubled",
        drawn((6, 4)),
        lambda x: x.exp(),
        lambda g, x: edited(g * x.exp(), lambda own: own[:, 0].mul_(2)),
        says="wrong only at some rows|0 of axis 1|constant factor 2",
        places=row(1, 0),
    ),
    planted(
        "embedding rows that are not accumulated",
        drawn((6, 3)),
        lambda table: table[_TOKENS],
        embedding_overwriting,
        says="wrong only at some rows|2 of axis 0",
        places=row(0, 2),
    ),
    planted(
        "clamp without its mask",
        both_signs,
        lambda x: x.clamp(min=0).exp(),
        lambda g, x: g * x.clamp(min=0).exp(),
        says="wrong only at some entries",
        places=lambda x: where(x < 0),
    ),
    planted(
        "cross entropy without the label's part",
        drawn((3, 4)),
        cross_entropy,
        lambda g, x: g * x.softmax(1) / 3,
        says="the same for all entries",
        places=lambda _x: where(functional.one_hot(_LABELS, 4)),
    ),
    planted(
        "gradient leaks through masked entries",
        drawn((3, 4)),
        lambda x: x.masked_fill(_HIDDEN, 0.0).exp(),
        lambda g, x: g * x.masked_fill(_HIDDEN, 0.0).exp(),
        says="wrong only at some entries",
        places=lambda _x: where(_HIDDEN),
    ),
    planted(
        "dropout with another mask",
        drawn((10,)),
        lambda x: x * _KEPT,
        lambda g, _x: g * _REDRAWN,
        says="wrong only at some entries",
        places=lambda _x: where(_KEPT != _REDRAWN),
    ),
    planted(
        "max-pooling with the neighbour's index",
        apart(12),
        pooled,
        pooled_to_the_next,
        never=("detached",),
        places=pooled_places,
    ),
    planted(
        "differences whose loop ends too early",
        drawn((8,)),
        lambda x: x[1:] - x[:-1],
        differences_without_the_end,
        says="wrong only at some entries|1 of",
        places=at((6,)),
    ),
    planted(
        "gather with an index that is off by one",
        drawn((3, 4)),
        lambda x: x[_ROWS, _LABELS],
        lambda g, x: edited(
            torch.zeros_like(x), lambda own: own.index_put_((_ROWS, (_LABELS + 1) % 4), g)
        ),
        never=("detached",),
        places=lambda _x: where(
            functional.one_hot(_LABELS, 4) + functional.one_hot((_LABELS + 1) % 4, 4)
        ),
    ),
    planted(
        "NaN from the branch that is not taken",
        both_signs,
        not_taken,
        not_taken_nan,
        says="not finite: NaN",
        places=lambda x: where(x < 0),
    ),
    planted(
        "NaN from an overflow",
        large,
        lambda x: x.sigmoid() + x / 100,
        lambda g, x: overflowing_sigmoid(g, x) * (1 - x.sigmoid()) + g / 100,
        says="not finite: NaN",
        places=at((1, 0)),
    ),
    planted(
        "Inf from a division by zero",
        drawn((2, 3)),
        lambda x: x.exp(),
        lambda g, x: g * x.exp() / edited(torch.ones_like(x), lambda own: own[0, 1].zero_()),
        says="not finite: Inf",
        places=at((0, 1)),
    ),
    # Precision
    Kind("float32: factor 2", float32_doubled, says="constant factor 2"),
    # Complex numbers
    planted(
        "complex: conj's own backward without conj",
        complex_entries((4,)),
        lambda z: z.conj() * 2,
        lambda g, _z: 2 * g,
        says="imaginary part",
    ),
    planted(
        "complex: the real part only",
        complex_entries((4,)),
        lambda z: z**2,
        lambda g, z: (g * 2 * z.conj()).real.to(z.dtype),
        says="imaginary part",
    ),
    # Gradients of another point
    Kind("mutated input", mutated, says="gradient of a different point"),
    Kind(
        "mutated input: another one's gradient",
        mutated_by_another,
        says="gradient of a different point",
    ),
    # NumPy
    numpy_kind(
        "numpy: factor 2",
        (2, 3),
        lambda x: (x**2).sum() / 2,
        lambda x: x,
        lambda x: 2 * x,
        says="constant factor 2",
    ),
    numpy_kind(
        "numpy: sign of an entry",
        (7,),
        lambda x: np.sin(x).sum(),
        np.cos,
        lambda x: changed_entry(np.cos(x)),
        says="wrong only at some entries",
        places={(4,)},
    ),
    numpy_kind(
        "numpy: transposed",
        (4, 4),
        lambda x: x.T.copy() * _C44.numpy(),
        lambda _x, v: (v * _C44.numpy()).T,
        lambda _x, v: v * _C44.numpy(),
        says="transpose",
    ),
    numpy_kind(
        "numpy: last row",
        (5, 3),
        np.tanh,
        lambda x, v: v * (1 - np.tanh(x) ** 2),
        lambda x, v: dropped_row(v * (1 - np.tanh(x) ** 2)),
        says="wrong only at some rows|4 of axis 0",
        places={(4, 0), (4, 1), (4, 2)},
    ),
    numpy_kind(
        "numpy: missing sum",
        (4,),
        lambda x: _M34 * x,
        lambda _x, v: (v * _M34).sum(0),
        lambda _x, v: (v * _M34)[2],
        says="missing sum",
    ),
    numpy_kind(
        "numpy: zeros",
        (4,),
        lambda x: np.exp(x).sum(),
        np.exp,
        np.zeros_like,
        says="detached",
    ),
]
"""Walked at every scale with every seed."""

_MORE_KINDS = [
    planted(
        "missing sum: a column",
        drawn((4, 5), (4, 1)),
        lambda x, b: x * b,
        lambda g, x, b: (g * b, (g * x)[:, :1]),
        says="missing sum",
        faulty=(1,),
    ),
    planted(
        "one entry, by 1e-5",
        drawn((5, 6)),
        lambda x: x.exp().sum(),
        lambda g, x: edited(g * x.exp(), lambda own: own[4, 0].mul_(1 + 1e-5)),
        says="wrong only at some entries|1 of",
        places=at((4, 0)),
    ),
    planted(
        "transpose: of a tensor that is not square, read in the wrong order",
        drawn((2, 3)),
        lambda x: x.T.exp(),
        lambda g, x: (g * x.T.exp()).reshape(2, 3),
        says="transpose",
    ),
    planted(
        "norm that is not divided",
        drawn((2, 3)),
        lambda x: torch.linalg.vector_norm(x),
        lambda g, x: g * x,
        says="constant factor",
    ),
    planted(
        "missing term: softmax",
        drawn((2, 3)),
        lambda x: x.softmax(1),
        lambda g, x: g * x.softmax(1),
        says="missing term",
    ),
    planted(
        "missing term: weight decay",
        drawn((2, 3)),
        lambda x: x.sin().sum() + 0.05 * (x**2).sum(),
        lambda g, x: g * x.cos(),
        says="proportional to the tensor itself",
    ),
    planted(
        "transpose: the weight's gradient",
        drawn((5, 3), (3, 3)),
        lambda x, w: x @ w,
        lambda g, x, w: (g @ w.T, g.T @ x),
        says="transpose",
        faulty=(1,),
    ),
    planted(
        "sign: the subtrahend",
        drawn((2, 3), (2, 3)),
        lambda x, y: x - y,
        lambda g, _x, _y: (g, g),
        says="sign",
        faulty=(1,),
    ),
    planted(
        "bias gradient averaged over the batch",
        drawn((5, 3), (3,)),
        lambda x, b: (x + b).exp(),
        lambda g, x, b: (g * (x + b).exp(), (g * (x + b).exp()).mean(0)),
        says="constant factor 1/5",
        faulty=(1,),
    ),
    planted(
        "factor 1.001",
        drawn((7,)),
        lambda x: x.tanh(),
        lambda g, x: 1.001 * g * (1 - x.tanh() ** 2),
        says="constant factor 1.001",
    ),
    planted(
        "detached: None for one input",
        drawn((2, 3), (2, 3)),
        lambda x, y: x * y,
        lambda g, _x, y: (g * y, None),
        says="detached",
        faulty=(1,),
    ),
    planted(
        "missing term: half of the product rule",
        drawn((2, 3)),
        lambda x: x * x.tanh(),
        lambda g, x: g * x.tanh(),
        says="missing term",
    ),
    planted(
        "sign of one term",
        drawn((2, 3)),
        lambda x: x.sin() - x**3,
        lambda g, x: g * (x.cos() + 3 * x**2),
        says="missing term",
    ),
    planted(
        "weight gradient averaged over the batch",
        drawn((5, 3), (3, 2)),
        lambda x, w: x @ w,
        lambda g, x, w: (g @ w.T, x.T @ g / 5),
        says="constant factor 1/5",
        faulty=(1,),
    ),
    planted(
        "variance with the other divisor",
        drawn((5,)),
        lambda x: x.var(),
        lambda g, x: g * 2 * (x - x.mean()) / 5,
        says="constant factor 0.8",
    ),
    planted(
        "factor 1/N: a sum with a mean's backward",
        drawn((2, 4)),
        lambda x: x.exp().sum(),
        lambda g, x: g * x.exp() / 8,
        says="constant factor 1/8",
    ),
    planted(
        "average pooling without the window's 1/4",
        drawn((4, 4)),
        quarter,
        lambda g, _x: spread_out(g),
        says="constant factor 4",
    ),
    planted(
        "attention's scores without 1/√d",
        drawn((3, 4), (5, 4)),
        attention,
        attention_unscaled,
        says="constant factor 2",
    ),
    planted(
        "cross entropy without 1/N",
        drawn((3, 4)),
        cross_entropy,
        lambda g, x: 3 * cross_entropy_right(g, x),
        says="constant factor 3",
    ),
    planted(
        "sign: the inverse without its minus",
        invertible(3),
        lambda x: torch.linalg.inv(x),
        lambda g, x: torch.linalg.inv(x).T @ g @ torch.linalg.inv(x).T,
        says="sign",
    ),
    planted(
        "transpose: the logarithm of a determinant",
        invertible(4),
        lambda x: torch.linalg.slogdet(x)[1],
        lambda g, x: g * torch.linalg.inv(x),
        says="transpose",
    ),
    planted(
        "transpose: two of three axes",
        drawn((2, 3, 3)),
        lambda x: x.transpose(1, 2).exp(),
        lambda g, x: g * x.transpose(1, 2).exp(),
        says="transpose",
    ),
    planted(
        "shifted by two: a roll goes the wrong way",
        drawn((5,)),
        lambda x: x.roll(1) * _C5,
        lambda g, _x: (g * _C5).roll(1),
    ),
    planted(
        "gradients of two inputs are swapped",
        drawn((2, 3), (2, 3)),
        lambda x, y: x * y,
        lambda g, x, y: (g * x, g * y),
        faulty=(0, 1),
    ),
    planted(
        "convolution's input with a kernel that is not flipped",
        drawn((1, 1, 10), (1, 1, 3)),
        conv,
        conv_not_flipped,
    ),
    planted(
        "matrix product with a weight that is not transposed",
        drawn((5, 3), (3, 3)),
        lambda x, w: x @ w,
        lambda g, x, w: (g @ w, x.T @ g),
    ),
    planted(
        "cumulative sum that is not reversed",
        drawn((6,)),
        lambda x: x.exp().cumsum(0),
        lambda g, x: g.cumsum(0) * x.exp(),
    ),
    planted(
        "missing sum: a bias under a loss",
        drawn((5, 3), (3,)),
        lambda x, b: (x + b).exp().sum(),
        lambda g, x, b: (g * (x + b).exp(), g * (x + b).exp()[-1]),
        faulty=(1,),
    ),
    Kind(
        "missing sum: a bias, and a loss behind it",
        bias_under_a_loss(3),
        says="missing sum",
        faulty=(1,),
    ),
    planted(
        "missing sum: repeated rows",
        drawn((2, 3)),
        lambda x: x.repeat(3, 1).exp() * torch.arange(1, 7, dtype=torch.float64)[:, None],
        lambda g, x: g[:2] * x.exp() * torch.tensor([[1.0], [2.0]], dtype=torch.float64),
    ),
    planted(
        "sum over the wrong axis",
        drawn((4, 4), (4,)),
        lambda x, b: x * b,
        lambda g, x, b: (g * b, (g * x).sum(1)),
        faulty=(1,),
    ),
    planted(
        "missing term: the mean's part of a layer norm",
        drawn((2, 4)),
        lambda x: functional.layer_norm(x, (4,), eps=_EPS),
        layer_norm_without_mean,
        says="missing term",
    ),
    planted(
        "missing term: a batch norm with constant statistics",
        drawn((6, 3)),
        batch_norm,
        batch_norm_with_constant_statistics,
        says="missing term",
    ),
    planted(
        "missing term: a linear part",
        drawn((2, 3)),
        lambda x: x.exp().sum() + 3 * x.sum(),
        lambda g, x: g * x.exp(),
        says="the same for all entries",
    ),
    planted(
        "skip connection counted twice",
        drawn((2, 3)),
        lambda x: x + x.sin(),
        lambda g, x: 2 * g + g * x.cos(),
    ),
    Kind("missing term: the second output", second_output_ignored, says="missing term"),
    planted(
        "detached: zeros for one input",
        drawn((2, 3), (2, 3)),
        lambda x, y: (x * y).sum(),
        lambda g, x, _y: (torch.zeros_like(x), g * x),
        says="detached",
    ),
    Kind("detached: a parameter", layer(lambda weight: weight.detach()), says="detached"),
    Kind("hook inside of the module", layer(hooked), says="constant factor 2"),
    Kind(
        "hook on a copy of the parameter",
        layer(hooked_copy),
        says="wrong only at some rows|1 of axis 0",
    ),
    Kind("hook on a module", module_hook, says="constant factor 1/2", faulty=(0, 1)),
    planted(
        "two rows of many, negative",
        drawn((40, 4)),
        lambda x: x.exp(),
        lambda g, x: edited(g * x.exp(), lambda own: own[7::23].mul_(-1)),
        says="wrong only at some rows|7, 30 of axis 0|sign",
    ),
    planted(
        "even rows of a large tensor",
        drawn((40, 4)),
        lambda x: x.exp(),
        lambda g, x: edited(g * x.exp(), lambda own: own[::2].mul_(3)),
        # A few of many rows: whether they fall apart from the others is left to chance.
        says="constant factor 3",
    ),
    planted(
        "leaky relu with the other side's slope",
        both_signs,
        lambda x: functional.leaky_relu(x, 0.1),
        lambda g, x: g * torch.where(x > 0, 0.1, 1.0),
    ),
    planted(
        "saved wrong tensor: the input instead of the output",
        drawn((2, 3)),
        lambda x: x.tanh(),
        lambda g, x: g * (1 - x**2),
    ),
    planted(
        "saved wrong tensor: the other operand",
        drawn((5, 3), (5, 3)),
        lambda x, y: (x * y).sin(),
        lambda g, x, y: (g * x * (x * y).cos(), g * x * (x * y).cos()),
    ),
    planted(
        "sigmoid without 1 - s",
        drawn((2, 3), (2, 3)),
        gate,
        gate_forgotten,
    ),
    planted(
        "chain rule forgotten",
        drawn((2, 3)),
        lambda x: x.exp(),
        lambda _g, x: x.exp(),
    ),
    planted(
        "softmax over the wrong axis",
        drawn((2, 3)),
        lambda x: x.softmax(1),
        softmax_over_the_wrong_axis,
    ),
    planted(
        "product with its sign lost",
        both_signs,
        lambda x: x.prod(),
        lambda g, x: g * x.prod() / x.abs(),
    ),
    planted(
        "where: the branches are swapped",
        both_signs,
        lambda x: torch.where(x > 0, 2 * x, 5 * x),
        lambda g, x: g * torch.where(x > 0, 5.0, 2.0),
    ),
    planted(
        "gelu with its approximation's slope",
        drawn((2, 3)),
        lambda x: functional.gelu(x),
        gelu_approximately,
    ),
    planted(
        "half precision inside of the backward pass",
        drawn((2, 3)),
        lambda x: x.exp(),
        lambda g, x: g * x.exp().half().double(),
    ),
    planted(
        "bfloat16 incoming gradient",
        drawn((2, 3)),
        lambda x: x.exp(),
        lambda g, x: g.bfloat16().double() * x.exp(),
    ),
    planted(
        "float32 where digits cancel",
        lambda rng: (5 + entries(rng, 3, 4),),
        lambda x: x.tanh().sum(),
        lambda g, x: g * (1 - x.float().tanh() ** 2).double(),
    ),
    # The factor is known to float32's digits.
    Kind("wrong in float32 alone", wrong_in_float32_alone, says="constant factor 1.0"),
    planted(
        "complex: a product without conj",
        complex_entries((3, 2), (3, 2)),
        lambda z, w: z * w,
        lambda g, z, w: (g * w, g * z.conj()),
    ),
]
"""Walked at two scales, each with another seed: they take longer, or resemble others."""

_ALL = [*_KINDS, *_MORE_KINDS]
_BY_NAME = {kind.name: kind for kind in _ALL}
_PLANTED = [(kind, kind.planted) for kind in _ALL if kind.planted is not None]


def disagreeing(report: GradientReport) -> tuple[int, ...]:
    verdicts = [one.verdict for one in report.tensors]
    return tuple(i for i, one in enumerate(verdicts) if one is Verdict.DISAGREE)


def found_places(one: TensorCheck) -> Places:
    return {entry.index for entry in one.wrong}


def params(kinds: Sequence[Kind]) -> list[Any]:
    return [pytest.param(kind, id=kind.name) for kind in kinds]


def test_there_are_enough_kinds() -> None:
    assert len(_KINDS) >= 45
    assert len(_BY_NAME) == len(_ALL)


def examine(kind: Kind, scale: float, seed: int, *, localize: bool = True) -> None:
    case = kind.case(scale, seed)
    report = check(
        case.wrong, *case.inputs, gradient=case.wrong_gradient, seed=seed, localize=localize
    )
    said = f"scale {scale}, seed {seed}: {report}"
    assert report.verdict is Verdict.DISAGREE, said
    assert disagreeing(report) == kind.faulty, said
    for position in kind.faulty if localize else ():
        one = report.tensors[position]
        assert all(part in one.diagnosis for part in kind.says.split("|")), said
        assert not any(word in one.diagnosis for word in kind.never), said
        if position in case.places:
            assert found_places(one) == case.places[position], said


@pytest.mark.parametrize("scale", _SCALES)
@pytest.mark.parametrize("kind", params(_KINDS))
def test_a_wrong_backward_is_found(kind: Kind, scale: float) -> None:
    # Where it is wrong, and what that is called, is asked for once: it takes as long again.
    asked = _SCALES.index(scale)
    for seed in _SEEDS:
        examine(kind, scale, seed, localize=seed == asked)


@pytest.mark.parametrize("kind", params(_MORE_KINDS))
def test_another_wrong_backward_is_found(kind: Kind) -> None:
    # The seed also says where the scale enters, so it is paired with others from kind to kind.
    first = zlib.crc32(kind.name.encode())
    for number, scale in enumerate((_SCALES[0], _SCALES[-1])):
        examine(kind, scale, (first + number) % len(_SEEDS))


@pytest.mark.parametrize("kind", params(_ALL))
def test_the_repaired_function_is_not_accused(kind: Kind) -> None:
    walk = list(enumerate((1e-8, 1e8)))
    # One scale of those that resemble others.
    chosen = walk if kind in _KINDS else [walk[zlib.crc32(kind.name.encode()) % 2]]
    for seed, scale in chosen:
        case = kind.case(scale, seed)
        report = check(case.right, *case.inputs, gradient=case.right_gradient, seed=seed)
        assert report.verdict is not Verdict.DISAGREE, f"scale {scale}: {report}"
        if kind.twin is not None:
            assert report.verdict is kind.twin, f"scale {scale}: {report}"


@pytest.mark.parametrize("kind", params([kind for kind, _ in _PLANTED]))
def test_the_table_plants_what_it_says(kind: Kind) -> None:
    # Against autograd, which has no part in the verdicts above.
    assert kind.planted is not None
    rng = np.random.default_rng(0)
    inputs = tuple(one.requires_grad_() for one in kind.planted.inputs(rng))
    value = kind.planted.forward(*inputs)
    g = torch.randn(value.shape, dtype=value.dtype, generator=torch.Generator().manual_seed(0))
    truth = torch.autograd.grad(value, inputs, g)
    with torch.no_grad():
        claimed = kind.planted.backward(g, *inputs)
    claimed = claimed if isinstance(claimed, tuple) else (claimed,)
    for position, (right, claim) in enumerate(zip(truth, claimed, strict=True)):
        wrong = torch.zeros_like(right) if claim is None else claim
        off = float(torch.linalg.vector_norm((wrong - right).nan_to_num(nan=np.inf)))
        size = float(torch.linalg.vector_norm(right))
        if position not in kind.faulty:
            assert off <= 1e-12 * size
            continue
        assert off >= 3e-7 * size
        if position == 0 and kind.planted.places is not None:
            differs = ~torch.isclose(wrong, right, rtol=1e-9, atol=1e-12 * size)
            assert where(differs) == kind.planted.places(*inputs)


# Tensors too large for all wrong entries to be listed


def large_case(rows: int, edit: Callable[[Tensor], object], seed: int) -> GradientReport:
    x = entries(np.random.default_rng(seed), rows, 48)
    own = with_backward(torch.exp, lambda g, x: edited(g * x.exp(), edit))
    return check(own, x, seed=seed)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda own: own[-1].neg_(), "wrong only at some rows|47 of axis 0|sign"),
        (lambda own: own[:, 0].mul_(2), "wrong only at some rows|0 of axis 1|constant f"),
        (
            lambda own: own[-5:].mul_(3),
            "wrong only at some rows|43 to 47 and maybe others of axis 0|const",
        ),
    ],
    ids=["last row", "first column", "last block"],
)
def test_wrong_rows_of_a_large_tensor_are_named(
    edit: Callable[[Tensor], object], says: str
) -> None:
    for seed in range(2):
        (one,) = large_case(48, edit, seed).tensors
        assert one.verdict is Verdict.DISAGREE
        assert all(part in one.diagnosis for part in says.split("|"))
        assert not one.wrong_complete
        assert one.wrong


@pytest.mark.parametrize("seed", [6, 17, 18])
def test_entries_wrong_at_random_are_not_called_rows(seed: int) -> None:
    # About 31 of the 48 entries of each row are wrong; of 20 drawn, wrong and right ones may
    # happen to share no row.
    mask = torch.rand(48, 48, generator=torch.Generator().manual_seed(seed)) < 0.65
    (one,) = large_case(48, lambda own: own.mul_(torch.where(mask, -1.0, 1.0)), seed).tensors
    assert one.verdict is Verdict.DISAGREE
    assert "wrong only at some rows" not in one.diagnosis
