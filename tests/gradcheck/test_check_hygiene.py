"""Every evaluation starts from the same state, and the caller finds everything as it was."""

import functools
import random
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from backproof.gradcheck import GradientReport, Verdict, check

AGREE, DISAGREE = Verdict.AGREE, Verdict.DISAGREE
Array = NDArray[Any]
Change = Callable[[Tensor], Tensor]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.tensor(np.random.default_rng(seed).standard_normal(shape))


def network() -> nn.Sequential:
    """With everything that changes when it is used: batch statistics and dropout."""
    return nn.Sequential(
        nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Tanh(), nn.Linear(4, 1)
    ).double()


class Plain(torch.autograd.Function):
    """Twice its input, with a backward pass of the test's own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, back: Change) -> Tensor:
        ctx.back = back
        return 2 * x

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Any:
        return ctx.back(upstream[0]), None


def doubled(x: Tensor, back: Change) -> Tensor:
    result: Tensor = Plain.apply(x, back)  # type: ignore[no-untyped-call]
    return result


def global_states() -> tuple[Any, ...]:
    name, keys, *rest = np.random.get_state()  # noqa: NPY002  (what the target may use)
    torch_state = bytes(torch.get_rng_state().numpy())
    return torch_state, random.getstate(), name, bytes(np.asarray(keys)), rest


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002


class Unchanged:
    """Asserts that a block leaves tensors, generators and modes bit for bit."""

    def __init__(self, *modules: nn.Module, inputs: tuple[Tensor, ...] = ()) -> None:
        self._modules, self._inputs = modules, inputs
        self._before: Any = None

    def __enter__(self) -> None:
        self._before = self._snapshot()

    def __exit__(self, *_: object) -> None:
        for before, now in zip(self._before, self._snapshot(), strict=True):
            assert before == now

    def _snapshot(self) -> list[Any]:
        named = [
            (name, tensor)
            for module in self._modules
            for name, tensor in (*module.named_parameters(), *module.named_buffers())
        ]
        named += [(str(k), tensor) for k, tensor in enumerate(self._inputs)]
        tensors = [(name, id(t), _bits(t), _bits(grad_of(t)), t.requires_grad) for name, t in named]
        parts = [part for module in self._modules for part in module.modules()]
        return [
            tensors,
            global_states(),
            [part.training for part in parts],
            [(len(part._forward_hooks), len(part._backward_hooks)) for part in parts],
            (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
            torch.get_default_dtype(),
        ]


def grad_of(tensor: Tensor) -> Tensor | None:
    return tensor.grad if tensor.is_leaf else None  # PyTorch warns of it for others


def _bits(tensor: Tensor | None) -> bytes | None:
    return None if tensor is None else bytes(tensor.detach().reshape(-1).numpy().tobytes())


# Generators


def with_torch(x: Any) -> Any:
    return x * torch.rand(3, dtype=torch.float64)


def with_numpy(x: Any) -> Any:
    return x * torch.from_numpy(np.random.rand(3))  # noqa: NPY002


def with_python(x: Any) -> Any:
    return x * random.random() ** 2


GENERATORS = [with_torch, with_numpy, with_python]


@pytest.mark.parametrize("function", GENERATORS)
@pytest.mark.parametrize(("factor", "verdict"), [(1.0, AGREE), (1.01, DISAGREE)])
def test_generators_are_the_same_at_every_evaluation(
    function: Callable[[Tensor], Tensor], factor: float, verdict: Verdict
) -> None:
    def target(x: Tensor) -> Tensor:
        return doubled(function(x), lambda g: 2 * factor * g) ** 2

    with Unchanged():
        report = check(target, drawn(3))
    assert report.verdict is verdict
    # To rounding, as of a function without any chance.
    assert report.tensors[0].sigma is not None
    assert report.tensors[0].sigma < 1e-12 * report.tensors[0].slope


NUMPY_GENERATORS = [
    pytest.param(lambda: random.random(), id="random"),
    pytest.param(
        lambda: np.random.rand(3),  # noqa: NPY002
        id="numpy",
    ),
    pytest.param(lambda: torch.rand(3).numpy().astype(float), id="torch"),
]


@pytest.mark.parametrize("factor", NUMPY_GENERATORS)
def test_generators_are_the_same_for_a_function_of_arrays_and_its_gradient(
    factor: Callable[[], Any],
) -> None:
    with Unchanged():
        report = check(
            lambda x: factor() * x**2, drawn(3).numpy(), gradient=lambda x, v: 2 * v * x * factor()
        )
    assert report.verdict is AGREE


@pytest.mark.parametrize("how", ["function", "backward", "raises"])
def test_generators_are_put_back_wherever_they_are_used(how: str) -> None:
    def use() -> None:
        torch.rand(3)
        np.random.rand(3)  # noqa: NPY002
        random.random()

    def back(gradient: Tensor) -> Tensor:
        if how == "backward":
            use()
        return 2 * gradient

    def function(x: Tensor) -> Tensor:
        if how != "backward":
            use()
        if how == "raises":
            raise KeyError("planted")
        return doubled(x, back)

    expected = pytest.raises(KeyError) if how == "raises" else nullcontext()
    with Unchanged(), expected:
        check(function, drawn(3))


def test_dropout_draws_the_same_mask_at_every_evaluation() -> None:
    module = nn.Sequential(nn.Linear(3, 50), nn.Dropout(0.5), nn.Tanh()).double()
    with Unchanged(module):
        report = check(module, drawn(3))
    assert report.verdict is AGREE
    assert all(one.sigma is not None and one.sigma < 1e-10 for one in report.tensors)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
def test_the_accelerators_generator() -> None:
    x = drawn(3).cuda()
    before = torch.cuda.get_rng_state()
    report = check(lambda x: x**2 * torch.rand(3, device="cuda"), x)
    assert torch.equal(torch.cuda.get_rng_state(), before)
    assert report.verdict is AGREE


# Buffers


class Counter(nn.Module):
    """Its value depends on how often it was called."""

    calls: Tensor

    def __init__(self, how: str = "in place") -> None:
        super().__init__()
        self.w = nn.Parameter(drawn(3))
        self.register_buffer("calls", torch.ones((), dtype=torch.float64))
        self._how = how
        self.seen: list[float] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(float(self.calls))
        if self._how == "in place":
            with torch.no_grad():
                self.calls.add_(1)
        else:
            self.calls = self.calls + 1
        return self.w * x**2 * self.calls.detach()


class Trainer:
    """Something that has a module, and is none."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def run(self, x: Tensor) -> Any:
        return self.module(x)

    def __call__(self, x: Tensor) -> Any:
        return self.module(x)


def in_a_list(module: nn.Module) -> Callable[[Tensor], Any]:
    modules = [module]
    return lambda x: modules[0](x)


def in_a_dictionary(module: nn.Module) -> Callable[[Tensor], Any]:
    modules = {"net": module}
    return lambda x: modules["net"](x)


def wrapped(module: nn.Module) -> Callable[[Tensor], Any]:
    def inner(x: Tensor) -> Any:
        return module(x)

    @functools.wraps(inner)
    def outer(x: Tensor) -> Any:
        return inner(x)

    return outer


def method_in_a_closure(module: nn.Module) -> Callable[[Tensor], Any]:
    run = Trainer(module).run
    return lambda x: run(x)


def object_in_a_closure(module: nn.Module) -> Callable[[Tensor], Any]:
    trainer = Trainer(module)
    return lambda x: trainer(x)


def with_default(module: nn.Module) -> Callable[..., Any]:
    def function(x: Tensor, net: nn.Module = module) -> Any:
        return net(x)

    return function


HOLDERS: dict[str, Callable[[nn.Module], Any]] = {
    "module": lambda module: module,
    "bound method": lambda module: module.forward,
    "closure": lambda module: lambda x: module(x),
    "nested closure": wrapped,
    "partial": lambda module: functools.partial(nn.Module.__call__, module),
    "partial, by keyword": lambda module: functools.partial(lambda x, net: net(x), net=module),
    "list in a closure": in_a_list,
    "dictionary in a closure": in_a_dictionary,
    "default of an argument": with_default,
    "method of another object": lambda module: Trainer(module).run,
    "object that is called": Trainer,
    "object in a closure": object_in_a_closure,
    "its method in a closure": method_in_a_closure,
}
HELD = pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)


@HELD
def test_buffers_are_the_same_at_every_evaluation(hold: Callable[[nn.Module], Any]) -> None:
    module = Counter()
    with Unchanged(module):
        report = check(hold(module), drawn(3, seed=1))
    assert set(module.seen) == {1.0}
    assert report.verdict is AGREE


@HELD
def test_batch_norm_and_dropout_stay_as_they_were(hold: Callable[[nn.Module], Any]) -> None:
    module, x = network(), drawn(5, 3)
    for parameter in module.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    with Unchanged(module, inputs=(x,)):
        assert check(hold(module), x).verdict is AGREE


@HELD
def test_buffers_are_put_back_after_an_exception(hold: Callable[[nn.Module], Any]) -> None:
    module, x, calls = network(), drawn(5, 3), []

    def loss(y: Tensor) -> Tensor:
        calls.append(1)
        if len(calls) > 6:
            raise KeyError("planted")
        return y.sum()

    with Unchanged(module, inputs=(x,)), pytest.raises(KeyError, match="planted"):
        check(hold(module), x, loss=loss)


def test_the_buffers_of_a_loss_are_kept_too() -> None:
    module = Counter()
    with Unchanged(module):
        assert check(lambda x: x**2, drawn(3), loss=lambda y: module(y)).verdict is AGREE
    assert set(module.seen) == {1.0}


def test_the_buffers_of_a_claimed_gradient_are_kept_too() -> None:
    module = Counter()

    def gradient(x: Tensor, v: Tensor) -> Tensor:
        value: Tensor = module(x).detach()
        calls = value / (module.w * x**2).detach()
        return v * 2 * x * calls

    with Unchanged(module):
        # The counter is 2 at every call.
        assert check(lambda x: 2 * x**2, drawn(3), gradient=gradient).verdict is AGREE
    assert set(module.seen) == {1.0}


def test_the_buffers_of_a_module_among_the_inputs_are_kept_too() -> None:
    module = Counter()
    with Unchanged(module):
        assert check(lambda net, x: net(x), module, drawn(3)).verdict is AGREE


def test_a_module_may_replace_its_buffer() -> None:
    module = Counter("replaced")
    with Unchanged(module):
        assert check(module, drawn(3, seed=1)).verdict is AGREE
    assert set(module.seen) == {1.0}


def test_a_module_in_a_closure_may_replace_its_buffer() -> None:
    module = Counter("replaced")
    with Unchanged(module):
        assert check(lambda x: module(x), drawn(3, seed=1)).verdict is AGREE
    assert set(module.seen) == {1.0}


@pytest.mark.parametrize("closure", [False, True])
def test_the_power_iteration_of_spectral_norm(closure: bool) -> None:
    module = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 4).double())
    with Unchanged(module):
        check((lambda x: module(x)) if closure else module, drawn(5, 3))


def test_a_graph_that_waits_for_its_backward_pass_can_still_have_it() -> None:
    module = nn.BatchNorm1d(3).double().eval()
    x = drawn(5, 3).requires_grad_()
    value = module(x).sum()  # keeps the running statistics for the backward pass
    check(module, drawn(5, 3))
    value.backward()
    assert x.grad is not None


# Parameters and inputs


def test_inputs_and_parameters_and_what_their_gradients_hold() -> None:
    module = nn.Linear(3, 2).double()
    x, y = drawn(4, 3).requires_grad_(), drawn(4, 2, seed=1)
    x.grad = torch.ones_like(x)
    module.weight.grad = torch.full_like(module.weight, 7.0)
    with Unchanged(module, inputs=(x, y)):
        check(module, x, loss=lambda o: ((o - y) ** 2).sum())
    assert module.bias.grad is None


@pytest.mark.parametrize("after", [1, 2, 3, 12])
def test_inputs_and_parameters_after_an_exception(after: int) -> None:
    module, x, calls = network(), drawn(5, 3).requires_grad_(), []
    x.grad = torch.ones_like(x)

    def loss(y: Tensor) -> Tensor:
        calls.append(1)
        if len(calls) >= after:
            raise KeyError("planted")
        return y.exp()

    with Unchanged(module, inputs=(x,)), pytest.raises(KeyError, match="planted"):
        check(module, x, loss=loss)


def test_an_exception_in_the_backward_pass() -> None:
    module, x = network(), drawn(5, 3)

    def back(gradient: Tensor) -> Tensor:
        raise KeyError("planted")

    with Unchanged(module, inputs=(x,)), pytest.raises(KeyError, match="planted"):
        check(lambda x: doubled(module(x), back), x)


@pytest.mark.parametrize("layout", ["plain", "transposed", "expanded", "not a leaf", "slice"])
def test_inputs_of_any_layout_that_are_written_to(layout: str) -> None:
    base = drawn(3, 3)
    views: dict[str, Callable[[], Tensor]] = {
        "plain": lambda: base,
        "transposed": lambda: base.T,
        "expanded": lambda: base[0].expand(3, 3),
        "not a leaf": lambda: base.requires_grad_() * 1,
        "slice": lambda: base[::2],
    }
    x = views[layout]()

    def function(x: Tensor, index: Tensor) -> Tensor:
        index.sub_(1)
        y = x * 1
        y.mul_(y.detach().cos()).add_(x)
        with torch.no_grad():
            x.zero_()
        return y[index]

    index = torch.tensor([1, 2])
    version = x._version
    with Unchanged(inputs=(base, x, index)):
        check(function, x, index)
    assert x._version == version


def test_what_a_function_writes_to_its_input_belongs_to_it() -> None:
    def function(x: Tensor) -> Tensor:
        with torch.no_grad():
            x.mul_(2)
        return x**2

    # Autograd does not see it, and claims the slope of x² at 2x: half that of (2x)².
    report = check(function, drawn(3))
    assert report.verdict is DISAGREE
    assert "factor 1/2" in report.tensors[0].diagnosis


def test_arrays_that_are_written_to() -> None:
    def function(x: Array, n: Array) -> Any:
        y = x**2 * n[0]
        x *= 0
        n += 1
        return y

    def gradient(x: Array, n: Array, v: Array) -> Array:
        v *= 2 * x * n[0]
        x *= 0
        n += 1
        return v

    x, n = drawn(3).numpy(), np.array([3])
    before = x.copy()
    with Unchanged():
        assert check(function, x, n, gradient=gradient).verdict is AGREE
    assert x.tobytes() == before.tobytes()
    assert n.tolist() == [3]


def test_a_module_that_writes_to_its_parameter() -> None:
    module = nn.Embedding(4, 2, max_norm=0.5).double()
    with Unchanged(module):
        report = check(module, torch.tensor([0, 3]))
    assert report.verdict is DISAGREE
    assert "gradient of a different point" in report.tensors[0].diagnosis


def test_a_module_in_a_closure_that_writes_to_its_parameter() -> None:
    module, index = nn.Embedding(4, 2, max_norm=0.5).double(), torch.tensor([0, 3])
    with Unchanged(module):
        check(lambda x: module(index) * x, drawn(2, 2))


def test_a_graph_of_the_callers_stays_usable() -> None:
    module, leaf = nn.Linear(3, 2).double(), drawn(3).requires_grad_()
    x = leaf.exp()
    value = module(x).exp().sum()
    check(module, x)
    value.backward()
    assert leaf.grad is not None
    assert module.weight.grad is not None


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_modes_and_flags_are_kept(frozen: bool, training: bool) -> None:
    module = network().train(training)
    module[0].requires_grad_(not frozen)
    module[1].train(not training)
    with Unchanged(module):
        check(module, drawn(5, 3))
        check(lambda x: module(x), drawn(5, 3))


# What the caller has switched off


def modes() -> dict[str, Callable[[], AbstractContextManager[Any]]]:
    return {
        "no_grad": torch.no_grad,
        "inference_mode": torch.inference_mode,
        "set_grad_enabled": lambda: torch.set_grad_enabled(False),
        "enable_grad": torch.enable_grad,
    }


@pytest.mark.parametrize("mode", modes())
@pytest.mark.parametrize(("factor", "verdict"), [(1.0, AGREE), (1.5, DISAGREE)])
def test_the_callers_mode_does_not_matter(mode: str, factor: float, verdict: Verdict) -> None:
    module = network()
    outside = drawn(5, 3)

    def function(x: Tensor) -> Tensor:
        return doubled(module(x), lambda g: 2 * factor * g)

    with modes()[mode]():
        inside = drawn(5, 3)
        for x in (outside, inside):
            with Unchanged(module, inputs=(x,)):
                report = check(function, x)
            assert report.verdict is verdict
        with Unchanged(module):
            assert check(module, inside).verdict is AGREE


@pytest.mark.parametrize("mode", modes())
def test_the_mode_is_kept_after_an_exception(mode: str) -> None:
    def function(x: Tensor) -> Tensor:
        assert torch.is_grad_enabled()  # where the graph is recorded
        raise KeyError("planted")

    with modes()[mode](), Unchanged(), pytest.raises(KeyError, match="planted"):
        check(function, drawn(3))


def test_the_mode_is_kept_where_the_target_leaves_another() -> None:
    def function(x: Tensor) -> Tensor:
        y = x**2
        torch.set_grad_enabled(False)
        return y

    with Unchanged():
        assert check(function, drawn(3)).verdict is AGREE


def test_a_function_of_arrays_in_inference_mode() -> None:
    with torch.inference_mode(), Unchanged():
        report = check(lambda x: x**2, drawn(3).numpy(), gradient=lambda x, v: 2 * v * x)
    assert report.verdict is AGREE


@pytest.mark.parametrize("where", ["inside", "outside"])
def test_a_module_made_in_inference_mode(where: str) -> None:
    with torch.inference_mode():
        module = network()
    with torch.inference_mode(where == "inside"):
        assert check(module, drawn(5, 3)).verdict is AGREE


def slope_of(x: Tensor) -> Tensor:
    """As forces are the slope of an energy."""
    (slope,) = torch.autograd.grad((x**4).sum(), x, create_graph=True)
    return slope


class Force(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.energy = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            moved = x.detach().requires_grad_()
            return slope_of_energy(self.energy, moved)


def slope_of_energy(energy: nn.Module, x: Tensor) -> Tensor:
    (slope,) = torch.autograd.grad(energy(x).sum(), x, create_graph=True)
    return slope


def test_a_target_that_differentiates_its_input() -> None:
    with Unchanged():
        report = check(slope_of, drawn(3))
    assert report.verdict is AGREE
    assert report.vacuous == 0


@pytest.mark.parametrize("mode", modes())
def test_a_module_that_differentiates_something_itself(mode: str) -> None:
    module = Force()
    with modes()[mode](), Unchanged(module):
        report = check(module, drawn(5, 3))
    assert report.verdict is AGREE


# Hooks


def test_hooks_of_a_module_are_part_of_it() -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    module[0].register_forward_pre_hook(lambda _, inputs: (inputs[0] ** 2,))
    module[1].register_forward_hook(lambda _, inputs, output: output * inputs[0])
    with Unchanged(module):
        report = check(module, drawn(3).requires_grad_())
    assert report.verdict is AGREE


def test_a_backward_hook_that_changes_the_gradient_is_found() -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1)).double()

    def hook(_: nn.Module, incoming: Any, __: Any) -> Any:
        return (incoming[0] * 1.5,)

    module[2].register_full_backward_hook(hook)
    with Unchanged(module):
        report = check(module, drawn(3))
    found = {one.name: one.verdict for one in report.tensors}
    behind = {"0.weight": DISAGREE, "0.bias": DISAGREE}
    assert found == {**behind, "2.weight": AGREE, "2.bias": AGREE}


# Targets that are not deterministic


def noisy(size: float, factor: float = 1.0) -> Callable[[Tensor], Tensor]:
    """With noise from a generator of its own, which nobody can set."""
    rng = np.random.default_rng(1)

    def function(x: Tensor) -> Tensor:
        y = doubled(x, lambda g: 2 * factor * g) ** 2
        return y * (1 + size * torch.from_numpy(rng.standard_normal(len(x))))

    return function


@pytest.mark.parametrize("size", [1e-12, 1e-8])
def test_noise_of_the_forward_pass_is_measured(size: float) -> None:
    report = check(noisy(size), drawn(4))
    assert report.verdict is AGREE
    resolution = report.tensors[0].resolution
    assert resolution is not None
    assert size < resolution < 1e-2  # what hides in the noise is not claimed to be seen


@pytest.mark.parametrize("size", [1e-12, 1e-8])
@pytest.mark.parametrize("factor", [50, 1 / 50, 1.02])
def test_a_noisy_function_with_a_wrong_gradient(size: float, factor: float) -> None:
    assert check(noisy(size, factor), drawn(4)).verdict is DISAGREE


def test_noise_that_hides_everything_is_not_agreed_with() -> None:
    report = check(noisy(1.0), drawn(4))
    assert report.verdict is Verdict.UNRESOLVED
    assert "nois" in report.tensors[0].reason


def scattering(size: float, factor: float = 1.0) -> Callable[[Tensor], Tensor]:
    """A gradient that differs from call to call, as sums in a changing order do."""
    rng = np.random.default_rng(2)

    def back(gradient: Tensor) -> Tensor:
        noise = torch.from_numpy(rng.standard_normal(tuple(gradient.shape)))
        return 2 * factor * gradient * (1 + size * noise)

    return lambda x: doubled(x, back).sin()


def varies(report: GradientReport) -> bool:
    return any("the backward pass is not deterministic" in note for note in report.notes)


@pytest.mark.parametrize("size", [1e-12, 1e-9, 1e-6])
def test_a_backward_pass_that_varies_and_is_right(size: float) -> None:
    report = check(scattering(size), drawn(10))
    assert report.verdict is AGREE
    assert varies(report)
    resolution = report.tensors[0].resolution
    assert resolution is not None
    assert size < resolution < 1e-2


@pytest.mark.parametrize("size", [1e-12, 1e-9, 1e-6, 1e-3])
def test_a_backward_pass_that_varies_and_is_wrong_by_a_factor_of_50(size: float) -> None:
    report = check(scattering(size, 50.0), drawn(10))
    assert report.verdict is DISAGREE
    assert varies(report)


@pytest.mark.parametrize("size", [1e-9, 1e-6, 1e-3])
def test_a_backward_pass_that_varies_and_is_wrong_by_50_times_that(size: float) -> None:
    report = check(scattering(size, 1 + 50 * size), drawn(10))
    assert report.verdict is DISAGREE
    assert varies(report)


def test_a_deterministic_backward_pass_is_not_said_to_vary() -> None:
    assert not varies(check(network(), drawn(5, 3)))


# Incoming gradients of other layouts


def memory(gradient: Tensor) -> Tensor:
    """Read as many numbers from memory as there are entries, as a careless kernel does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # typed storages are on their way out
        stored = torch.empty(0, dtype=gradient.dtype).set_(gradient.untyped_storage())
    stored = stored[gradient.storage_offset() :][: gradient.numel()]
    read = torch.zeros(gradient.numel(), dtype=gradient.dtype)
    read[: len(stored)] = stored
    return 2 * read.reshape(gradient.shape)


def demanding(gradient: Tensor) -> Tensor:
    if not gradient.is_contiguous():
        raise RuntimeError("expected a contiguous gradient")
    return 2 * gradient


def writing(gradient: Tensor) -> Tensor:
    return gradient.mul_(2)


def fooled_by_stride_0(gradient: Tensor) -> Tensor:
    return gradient * (3 if 0 in gradient.stride() else 2)


def flattening(gradient: Tensor) -> Tensor:
    return 2 * gradient.view(-1).view(gradient.shape)


NOT_CONTIGUOUS, EXPANDED = "not contiguous", "expanded (stride 0)"


@pytest.mark.parametrize(
    ("back", "layout", "how"),
    [
        pytest.param(memory, NOT_CONTIGUOUS, "gradient changes", id="read from memory"),
        pytest.param(demanding, NOT_CONTIGUOUS, "raises RuntimeError", id="refused"),
        pytest.param(flattening, NOT_CONTIGUOUS, "raises RuntimeError", id="viewed"),
        pytest.param(writing, EXPANDED, "raises RuntimeError", id="written to"),
        pytest.param(fooled_by_stride_0, EXPANDED, "gradient changes", id="stride 0"),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_backward_pass_for_one_layout_only(
    back: Change, layout: str, how: str, dtype: torch.dtype
) -> None:
    report = check(lambda x: doubled(x, back), drawn(4, 3).to(dtype))
    (one,) = report.tensors
    assert one.verdict is DISAGREE
    assert layout in one.reason
    assert how in one.reason
    assert one.diagnosis.startswith("memory layout")


def test_a_layout_inside_a_module() -> None:
    class Layered(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before = nn.Linear(3, 4).double()
            self.after = nn.Parameter(drawn(4))

        def forward(self, x: Tensor) -> Tensor:
            return doubled(self.before(x), memory) * self.after

    report = check(Layered(), drawn(5, 3))
    found = {one.name: one.verdict for one in report.tensors}
    assert found == {"before.weight": DISAGREE, "before.bias": DISAGREE, "after": AGREE}


def test_a_layout_that_the_loss_itself_brings_about_is_named() -> None:
    # The gradient of a sum is expanded.
    report = check(lambda x: doubled(x, memory), drawn(4, 3), loss=lambda y: y.sum())
    (one,) = report.tensors
    assert one.verdict is DISAGREE
    assert "memory layout" in one.diagnosis


class Two(torch.autograd.Function):
    """Two outputs, of which the second wants a contiguous gradient."""

    @staticmethod
    def forward(_: Any, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return 2 * x, 2 * y

    @staticmethod
    def backward(_: Any, *upstream: Tensor) -> Any:
        return 2 * upstream[0], memory(upstream[1])


def test_a_layout_of_one_of_several_gradients() -> None:
    report = check(Two.apply, drawn(3), drawn(4, seed=1))
    assert {one.name: one.verdict for one in report.tensors} == {"x": AGREE, "y": DISAGREE}


@pytest.mark.parametrize(
    "back",
    [
        lambda g: 2 * g,
        lambda g: memory(g.contiguous()),
        lambda g: 2 * g.reshape(-1).reshape(g.shape),
        lambda g: g.clone().mul_(2),
        lambda g: 2 * g.T.contiguous().T,
        # Another order of the same sums: rounding alone.
        lambda g: g + g * (g.sum() / g.T.contiguous().sum()),
    ],
    ids=["plain", "contiguous", "reshaped", "cloned", "transposed", "rounding"],
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_backward_pass_for_every_layout_is_not_flagged(back: Change, dtype: torch.dtype) -> None:
    x = drawn(4, 3).to(dtype)
    assert check(lambda x: doubled(x, back), x).verdict is AGREE
    assert check(lambda x: doubled(x, back), x, loss=lambda y: y.exp().sum()).verdict is AGREE
