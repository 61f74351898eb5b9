"""Complex, integer-mixed and sparse inputs, and every kind of target, right and wrong."""

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from backproof.gradcheck import GradientReport, TensorCheck, Verdict, check
from backproof.gradcheck.trees import mapped

AGREE, DISAGREE = Verdict.AGREE, Verdict.DISAGREE
COMPLEX = torch.complex128
Change = Callable[[Tensor], Tensor]
Array = NDArray[Any]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)  # for the layers' own parameters


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Standard normal numbers, of both parts where they are complex."""
    rng = np.random.default_rng(seed)
    real, imaginary = rng.standard_normal((2, *shape))
    return torch.tensor(real + 1j * imaginary if dtype.is_complex else real, dtype=dtype)


def table(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


class Planted(torch.autograd.Function):
    """The identity, whose backward pass changes the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, change: Change) -> Tensor:
        ctx.change = change
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Any:
        return ctx.change(upstream[0]), None


def planted(x: Tensor, change: Change) -> Tensor:
    result: Tensor = Planted.apply(x, change)  # type: ignore[no-untyped-call]
    return result


def one_and_a_half(gradient: Tensor) -> Tensor:
    return gradient * 1.5


def conjugated(gradient: Tensor) -> Tensor:
    return gradient.conj()


def bumped(at: tuple[int, ...]) -> Change:
    """Wrong in one entry, of a complex gradient only in its imaginary part."""

    def change(gradient: Tensor) -> Tensor:
        # A dense gradient will do for a sparse tensor as well.
        dense = (gradient if gradient.layout == torch.strided else gradient.to_dense()).clone()
        size = 1 + float(dense.abs().max())
        dense[at] += 1j * size if dense.is_complex() else size
        return dense

    return change


def tensor(report: GradientReport, name: str) -> TensorCheck:
    return next(one for one in report.tensors if one.name == name)


def verdicts(report: GradientReport) -> dict[str, Verdict]:
    return {one.name: one.verdict for one in report.tensors}


@dataclass(frozen=True)
class Row:
    """A function with a right gradient, and where mistakes are planted."""

    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    at: tuple[int, ...]
    """The entry, of the tensor below, whose gradient is made wrong."""
    name: str = ""
    """That tensor; the first of those checked by default."""
    others: tuple[str, ...] = ()
    """The other tensors that are checked."""
    complex: bool = False

    @property
    def spoiled(self) -> str:
        return self.name or next(iter(signature(self.function).parameters))

    def wrong(self, change: Change) -> Callable[..., Any]:
        """The same function with a wrong gradient of one tensor."""
        parameters = list(signature(self.function).parameters)

        @functools.wraps(self.function)  # the names of the arguments stay
        def function(*arguments: Any) -> Any:
            def spoil(name: str, value: Any) -> Any:
                return planted(value, change) if name == self.spoiled else value

            pairs = zip(parameters, arguments, strict=True)
            return self.function(*(mapped(value, spoil, name) for name, value in pairs))

        return function


complex_row = functools.partial(Row, complex=True)
"""A row whose mistakes are planted in a complex tensor."""

# Complex inputs and outputs

Z, W = drawn(3, dtype=COMPLEX), drawn(3, seed=1, dtype=COMPLEX)
SQUARE = drawn(3, 3, dtype=COMPLEX)
REAL_PART = "one part only"
"""Its gradient is real, and so its own conjugate."""


def hermitian(a: Tensor) -> Tensor:
    return (a + a.mH) / 2


def positive(a: Tensor) -> Tensor:
    return a @ a.mH + torch.eye(len(a), dtype=a.dtype)


COMPLEX_ROWS = {
    "product": complex_row(lambda z, w: z * w + z**2, (Z, W), (1,), others=("w",)),
    "product, second": complex_row(lambda z, w: z * w**3, (Z, W), (2,), name="w", others=("z",)),
    "product, complex64": complex_row(
        lambda z, w: z * w + z**2,
        (Z.to(torch.complex64), W.to(torch.complex64)),
        (1,),
        others=("w",),
    ),
    "holomorphic to complex": complex_row(lambda z: torch.exp(z) + torch.sin(z), (Z,), (0,)),
    "conj": complex_row(lambda z, w: z.conj() * w, (Z, W), (2,), others=("w",)),
    "abs": complex_row(lambda z: z.abs(), (Z,), (1,)),
    "abs squared to one number": complex_row(lambda z: (z * z.conj()).real.sum(), (Z,), (1,)),
    "angle": complex_row(lambda z: torch.angle(z), (Z,), (1,)),
    "sgn": complex_row(lambda z: z.sgn(), (Z,), (1,)),
    "both parts": complex_row(lambda z: (z.real**3, z.imag.exp()), (Z,), (0,)),
    REAL_PART: complex_row(lambda z: z.real.sin(), (Z,), (0,)),
    "from two reals": Row(
        lambda re, im: torch.complex(re, im) ** 2,
        (drawn(3), drawn(3, seed=1)),
        (1,),
        others=("im",),
    ),
    "polar": Row(
        lambda r, phi: torch.polar(r.exp(), phi),
        (drawn(3), drawn(3, seed=1)),
        (2,),
        name="phi",
        others=("r",),
    ),
    "view as real": complex_row(lambda z: torch.view_as_real(z) ** 2, (Z,), (1,)),
    "view as complex": Row(lambda x: torch.view_as_complex(x).exp(), (drawn(3, 2),), (1, 1)),
    "complex, zero dimensions": complex_row(lambda z: z**3 + z.conj(), (Z[0],), ()),
    "conj view as input": complex_row(lambda z: z**2, (Z.conj(),), (1,)),
    "transposed conj view as input": complex_row(
        lambda a, z: a @ z**2, (SQUARE.mH, Z), (0, 2), others=("z",)
    ),
    "negative view as input": Row(lambda x: x.exp(), (Z.conj().imag,), (1,)),
    "conj view as output": complex_row(lambda z: ((z**2).conj(), z.conj().imag ** 2), (Z,), (1,)),
    "real and complex mixed": complex_row(
        lambda x, z: x.to(z.dtype) @ z, (drawn(2, 3), Z), (2,), name="z", others=("x",)
    ),
    "float32 and complex128 mixed": Row(
        lambda x, z: x * z**2, (drawn(3).float(), Z), (2,), others=("z",)
    ),
    "fft": complex_row(lambda z: torch.fft.fft(z), (Z,), (1,)),
    "rfft": Row(lambda x: torch.fft.rfft(x), (drawn(6),), (4,)),
    "irfft": complex_row(lambda z: torch.fft.irfft(z, n=5), (Z,), (1,)),
    "fft2 in complex64": complex_row(
        lambda a: torch.fft.fftshift(torch.fft.ifft2(a, norm="ortho")).abs() ** 2,
        (SQUARE.to(torch.complex64),),
        (1, 2),
    ),
    "solve": complex_row(
        lambda a, b: torch.linalg.solve(a, b), (positive(SQUARE), Z), (1, 2), others=("b",)
    ),
    "eigenvalues of a hermitian matrix": complex_row(
        lambda a: torch.linalg.eigvalsh(hermitian(a)), (SQUARE,), (0, 1)
    ),
    "singular values": complex_row(lambda a: torch.linalg.svdvals(a), (SQUARE,), (2, 0)),
    "determinant": complex_row(lambda a: torch.linalg.det(a), (SQUARE,), (2, 1)),
    "cholesky": complex_row(lambda a: torch.linalg.cholesky(positive(a)), (SQUARE,), (1, 1)),
    "matrix exponential": complex_row(lambda a: torch.linalg.matrix_exp(a / 3), (SQUARE,), (0, 2)),
    "vdot": complex_row(lambda z, w: torch.vdot(z, w), (Z, W), (0,), others=("w",)),
    "einsum": complex_row(
        lambda a, z: torch.einsum("ij,j,j->i", a, z, z.conj()), (SQUARE, Z), (1, 0), others=("z",)
    ),
    "convolution": complex_row(
        lambda x, k: functional.conv1d(x, k),
        (drawn(1, 1, 5, dtype=COMPLEX), drawn(1, 1, 2, seed=1, dtype=COMPLEX)),
        (0, 0, 1),
        name="k",
        others=("x",),
    ),
    "complex, boolean and integer": complex_row(
        lambda z, mask, index: torch.where(mask, z**2, z.conj())[index],
        (Z, torch.tensor([True, False, True]), torch.tensor([2, 0, 0, 1])),
        (1,),
    ),
}

# Integers, booleans and what is no tensor

X = drawn(4, 3)
TOP = int(X[:, 1].argmax())
INDEX = torch.tensor([[0, 2], [1, 1], [2, 0], [0, 0]])
MASK = torch.tensor([True, False, True, True])
LABELS = torch.tensor([2, 0, 1, 1])


class Pair(NamedTuple):
    left: Any
    right: Any


INTEGER_ROWS = {
    "gather": Row(lambda x, index: x.gather(1, index) ** 2, (X, INDEX), (1, 1)),
    "take along an axis": Row(
        lambda x, order: torch.take_along_dim(x.exp(), order, 0), (X, X.argsort(0)), (0, 2)
    ),
    "embedding": Row(
        lambda weight, index: functional.embedding(index, weight).tanh(), (X, LABELS), (2, 0)
    ),
    "embedding, other order": Row(
        lambda index, weight: functional.embedding(index, weight).tanh(),
        (LABELS, X),
        (1, 2),
        name="weight",
    ),
    "embedding with a sparse gradient": Row(
        lambda weight, index: functional.embedding(index, weight, sparse=True) ** 2,
        (X, LABELS),
        (1, 2),
    ),
    "embedding bag": Row(
        lambda weight, index, offsets: functional.embedding_bag(index, weight, offsets).exp(),
        (X, LABELS, torch.tensor([0, 3])),
        (0, 0),
    ),
    "index_put": Row(
        lambda x, index, y: x.index_put((index,), y**2, accumulate=True).sin(),
        (X, LABELS[:2], drawn(2, 3, seed=1)),
        (1, 0),
        name="y",
        others=("x",),
    ),
    "scatter_add": Row(
        lambda x, index: torch.zeros(4, 3, dtype=x.dtype).scatter_add(0, index, x[:, :2]).exp(),
        (X, INDEX),
        (0, 1),
    ),
    "boolean index": Row(lambda x, mask: x[mask].exp(), (X, MASK), (3, 2)),
    "mask as a factor": Row(lambda x, mask: x.exp() * mask[:, None], (X, MASK), (2, 1)),
    "where, with bytes": Row(
        lambda x, y, mask: torch.where(mask.bool(), x**2, y**3),
        (drawn(4), drawn(4, seed=1), MASK.to(torch.uint8)),
        (1,),
        name="y",
        others=("x",),
    ),
    "cross entropy": Row(
        lambda logits, labels: functional.cross_entropy(logits, labels), (X, LABELS), (3, 1)
    ),
    "cross entropy, one class ignored": Row(
        lambda logits, labels: functional.cross_entropy(
            logits, labels, ignore_index=0, reduction="none"
        ),
        (X.float(), LABELS),
        (0, 1),
    ),
    "one-hot": Row(
        lambda x, labels: (functional.one_hot(labels, 3) * x.log_softmax(1)).sum(),
        (X, LABELS),
        (0, 0),
    ),
    "numbers, texts and None": Row(
        lambda x, power, how, nothing, size: (x**power).reshape(size) if how == "cube" else nothing,
        (X, 3, "cube", None, torch.Size([12])),
        (1, 1),
    ),
    "list of tensors": Row(
        lambda xs: [x**2 for x in xs[:2]],
        ([drawn(2), drawn(3, seed=1), torch.arange(2)],),
        (2,),
        name="xs[1]",
        others=("xs[0]",),
    ),
    "nested dictionary": Row(
        lambda batch: batch["x"]["a"].exp()[batch["y"]] * batch["scale"],
        ({"x": {"a": drawn(3)}, "y": torch.tensor([2, 1, 1]), "scale": 2.0},),
        (1,),
        name="batch['x']['a']",
    ),
    "named tuple": Row(
        lambda pair: pair.left[pair.right.left] * pair.right.right,
        (Pair(drawn(3), Pair(torch.tensor([0, 1]), drawn(2, seed=1))),),
        (1,),
        name="pair[1][1]",
        others=("pair[0]",),
    ),
    "packed sequence": Row(
        lambda packed: nn.utils.rnn.pad_packed_sequence(packed)[0].exp(),
        (nn.utils.rnn.pack_padded_sequence(X, torch.tensor([4, 2, 1])),),
        (4,),
        name="packed[0]",
    ),
    "dictionary as output": Row(
        lambda x: {"square": x**2, "deep": {"steps": torch.arange(3), "cube": (x**3, 1)}},
        (X,),
        (2, 2),
    ),
    "defaultdict in, OrderedDict out": Row(
        lambda given: OrderedDict(b=given["x"].sin(), a=given["x"].exp()),
        (defaultdict(list, x=drawn(3)),),
        (2,),
        name="given['x']",
    ),
    "integers among the outputs": Row(lambda x: x.max(dim=0), (X,), (TOP, 1)),
    "sorted, with the order": Row(lambda x: torch.sort(x**3, dim=0), (X,), (1, 0)),
    "rank, mask and value": Row(
        lambda x: ((x > 0), x.argmax(), x.square().mean(), {"n": x.shape[0]}), (X,), (3, 0)
    ),
}

# Sparse inputs, outputs and gradients

DENSE = table([[1.5, 0, -0.7], [0, 0.4, 0], [0, 0, 0], [0.9, 1.1, 0]])
with warnings.catch_warnings():
    # Compressed layouts are in beta, as PyTorch says once a process.
    warnings.filterwarnings("ignore", "Sparse .* tensor support is in beta")
    COO, CSR, CSC = DENSE.to_sparse(), DENSE.to_sparse_csr(), DENSE.to_sparse_csc()
    _blocks = torch.zeros(4, 4, dtype=torch.float64)
    _blocks[:2, 2:], _blocks[2:, :2] = drawn(2, 2), drawn(2, 2, seed=1)
    # It says once, too, that it does not check the indices that it is given.
    warnings.filterwarnings("ignore", "Sparse invariant checks are implicitly disabled")
    torch.sparse_coo_tensor(torch.zeros(2, 1), torch.ones(1), (1, 1))
    BSR, BSC = _blocks.to_sparse_bsr((2, 2)), _blocks.to_sparse_bsc((2, 2))
RIGHT = drawn(3, 2)


def coordinate(indices: list[list[int]], values: Tensor, shape: tuple[int, ...]) -> Tensor:
    return torch.sparse_coo_tensor(torch.tensor(indices), values, shape, check_invariants=True)


def compressed(rows: Any, columns: Any, values: Tensor, shape: tuple[int, ...]) -> Tensor:
    return torch.sparse_csr_tensor(rows, columns, values, shape, check_invariants=True)


UNCOALESCED = coordinate([[0, 1, 0], [2, 0, 2]], drawn(3), (3, 3))
HYBRID = coordinate([[2, 0]], drawn(2, 3), (4, 3))
DEEP = coordinate([[0, 1, 1], [1, 0, 1], [2, 1, 0]], drawn(3, 2), (2, 2, 3, 2))
COMPLEX_COO = coordinate([[0, 1, 2], [2, 0, 1]], drawn(3, dtype=COMPLEX), (3, 3))
STORED_ZERO = compressed([0, 1, 3], [1, 0, 2], table([0.0, 1.2, -0.8]), (2, 3))
BATCHED = compressed([[0, 1, 2], [0, 0, 2]], [[1, 0], [0, 2]], drawn(2, 2), (2, 2, 3))

SPARSE_ROWS = {
    "sparse.mm": Row(lambda s, d: torch.sparse.mm(s, d), (COO, RIGHT), (3, 1), others=("d",)),
    "sparse.mm, the dense factor": Row(
        lambda s, d: torch.sparse.mm(s, d) ** 2, (COO, RIGHT), (1, 1), name="d", others=("s",)
    ),
    "sparse.mm in float32": Row(
        lambda s, d: torch.sparse.mm(s, d), (COO.float(), RIGHT.float()), (0, 2), others=("d",)
    ),
    "sparse.mm of two": Row(
        lambda a, b: torch.sparse.mm(a, b).to_dense(), (COO, UNCOALESCED), (0, 2), others=("b",)
    ),
    "sparse.addmm": Row(
        lambda s, d, c: torch.sparse.addmm(c, s, d),
        (COO, RIGHT, drawn(4, 2)),
        (3, 0),
        others=("d", "c"),
    ),
    "sparse.softmax": Row(lambda s: torch.sparse.softmax(s, 1).to_dense(), (COO,), (3, 0)),
    "sparse.sum": Row(lambda s: torch.sparse.sum(s, 0).to_dense().exp(), (COO,), (1, 1)),
    "sum of sparse and dense": Row(lambda s, d: (d + s) ** 2, (COO, X), (0, 2), others=("d",)),
    "values alone": Row(lambda s: s.coalesce().values().exp(), (COO,), (1, 1)),
    "uncoalesced": Row(
        lambda s, d: torch.sparse.mm(s, d), (UNCOALESCED, RIGHT), (1, 0), others=("d",)
    ),
    "uncoalesced, squared": Row(lambda s: s.to_dense() ** 2, (UNCOALESCED,), (0, 2)),
    "hybrid": Row(lambda s: s.to_dense().sin(), (HYBRID,), (2, 1)),
    "hybrid of four dimensions": Row(lambda s: s.to_dense().sin(), (DEEP,), (1, 0, 1, 1)),
    "complex": complex_row(
        lambda s, d: torch.sparse.mm(s, d), (COMPLEX_COO, RIGHT.to(COMPLEX)), (1, 0), others=("d",)
    ),
    "complex, not holomorphic": complex_row(
        lambda s: s.to_dense().abs() ** 2, (COMPLEX_COO,), (2, 1)
    ),
    "sparse in a dictionary": Row(
        lambda g: g["a"].to_dense()[g["rows"]] ** 2,
        ({"a": COO, "rows": torch.tensor([3, 0])},),
        (3, 1),
        name="g['a']",
    ),
    "integer sparse mask": Row(
        lambda x, s: x**2 * s.to_dense(), (X, DENSE.ceil().int().to_sparse()), (3, 1)
    ),
    "CSR": Row(lambda s, d: s @ d, (CSR, RIGHT), (3, 1), others=("d",)),
    "CSR in float32": Row(
        lambda s, d: torch.sparse.mm(s, d), (CSR.float(), RIGHT.float()), (0, 2), others=("d",)
    ),
    "CSR to dense": Row(lambda s: s.to_dense().exp(), (CSR,), (1, 1)),
    "CSR with a stored zero": Row(lambda s: s.to_dense().exp(), (STORED_ZERO,), (0, 1)),
    "CSR, complex": complex_row(
        lambda s: s.to_dense().exp(), (DENSE.to(COMPLEX).to_sparse_csr() * (1 + 2j),), (3, 0)
    ),
    "CSR, a batch": Row(lambda s: s.values().exp(), (BATCHED,), (1, 1, 0)),
    "CSR, sampled": Row(
        lambda s, a, b: torch.sparse.sampled_addmm(s, a, b),
        (CSR, drawn(4, 2), drawn(2, 3)),
        (0, 2),
        others=("a", "b"),
    ),
    "CSC": Row(lambda s, d: s @ d, (CSC, RIGHT), (3, 0), others=("d",)),
    "CSC to dense": Row(lambda s: s.to_dense().exp(), (CSC,), (0, 2)),
    "BSR": Row(lambda s: s.to_dense().exp(), (BSR,), (3, 0)),
    "BSC": Row(lambda s: s.to_dense().exp(), (BSC,), (1, 2)),
    "sparse output": Row(lambda s: s * 2, (COO,), (3, 1)),
    "sparse output, coalesced": Row(lambda s: s.coalesce(), (UNCOALESCED,), (0, 2)),
    "dense to sparse": Row(lambda x: (x**2).to_sparse(), (X,), (2, 0)),
    "dense to CSR": Row(lambda x: (x**2).to_sparse_csr(), (X,), (2, 0)),
    "dense to hybrid, with an index": Row(
        lambda x: {"sparse": (x.exp()).to_sparse(1), "index": x.argmax()}, (X,), (1, 2)
    ),
}

ROWS = {**COMPLEX_ROWS, **INTEGER_ROWS, **SPARSE_ROWS}
ALL = pytest.mark.parametrize("case", ROWS.values(), ids=ROWS.keys())
TWO_THIRDS = pytest.mark.parametrize(
    "case", [pytest.param(ROWS[k], id=k) for number, k in enumerate(ROWS) if number % 3]
)
"""Single wrong entries, looked for in all, are found by the same search."""


def test_the_table_is_large_enough() -> None:
    assert len(ROWS) >= 35


@ALL
def test_a_right_gradient_agrees(case: Row) -> None:
    report = check(case.function, *case.inputs)
    assert verdicts(report) == dict.fromkeys((case.spoiled, *case.others), AGREE), report
    assert report.vacuous == 0


@TWO_THIRDS
def test_a_factor_is_found(case: Row) -> None:
    report = check(case.wrong(one_and_a_half), *case.inputs)
    expected = dict.fromkeys((case.spoiled, *case.others), AGREE) | {case.spoiled: DISAGREE}
    assert verdicts(report) == expected, report
    one = tensor(report, case.spoiled)
    assert "constant factor 1.5" in one.diagnosis
    for entry in one.wrong:
        assert entry.claimed == pytest.approx(1.5 * entry.numeric, rel=1e-4)


@ALL
def test_a_wrong_entry_is_found(case: Row) -> None:
    report = check(case.wrong(bumped(case.at)), *case.inputs)
    expected = dict.fromkeys((case.spoiled, *case.others), AGREE) | {case.spoiled: DISAGREE}
    assert verdicts(report) == expected, report
    one = tensor(report, case.spoiled)
    part = "imaginary" if case.complex else ""
    assert [(entry.index, entry.part) for entry in one.wrong] == [(case.at, part)]
    assert one.wrong_complete


@pytest.mark.parametrize("name", [k for k, one in ROWS.items() if one.complex and k != REAL_PART])
def test_a_conjugated_gradient_is_found(name: str) -> None:
    case = ROWS[name]
    report = check(case.wrong(conjugated), *case.inputs)
    one = tensor(report, case.spoiled)
    assert one.verdict is DISAGREE
    # The real parts are right.
    assert {entry.part for entry in one.wrong} == {"imaginary"}


def test_a_sparse_tensor_draws_no_warning_that_its_user_did_not_cause() -> None:
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)  # what is said once a process may have been said before
    try:
        # Under pytest a warning is an error.
        report = check(lambda s: s.to_dense() ** 2, COO)
    finally:
        torch.set_warn_always(before)
    assert report.verdict is AGREE


# Modules


class Net(nn.Module):
    """Complex and real parameters, a buffer, and a mistake in one parameter's gradient."""

    phase: Tensor

    def __init__(self, wrong: str = "", change: Change = one_and_a_half) -> None:
        super().__init__()
        self.first = nn.Linear(3, 2, dtype=torch.float64)
        self.first.weight.data = drawn(2, 3, seed=3)
        self.spectrum = nn.Parameter(drawn(2, seed=4, dtype=COMPLEX))
        self.scale = nn.Parameter(table(0.7))
        self.register_buffer("phase", table([0.3, 1.1]))
        self._wrong, self._change = wrong, change

    def use(self, name: str, value: Tensor) -> Tensor:
        return planted(value, self._change) if name == self._wrong else value

    def forward(self, x: Tensor) -> Tensor:
        weight = self.use("first.weight", self.first.weight)
        hidden = torch.tanh(functional.linear(x, weight, self.use("first.bias", self.first.bias)))
        moved = hidden * self.use("spectrum", self.spectrum) * torch.exp(1j * self.phase)
        sizes: Tensor = torch.fft.fft(moved).abs()
        return sizes * self.use("scale", self.scale)


PARAMETERS = ["spectrum", "scale", "first.weight", "first.bias"]


@pytest.mark.parametrize("wanted", [False, True])
def test_a_module_has_its_parameters_and_inputs_that_require_a_gradient_checked(
    wanted: bool,
) -> None:
    x = drawn(4, 3).requires_grad_(wanted)
    report = check(Net(), x)
    assert verdicts(report) == dict.fromkeys(PARAMETERS + ["x"] * wanted, AGREE)
    assert report.vacuous == 0


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_wrong_parameter_is_found_by_name(name: str) -> None:
    report = check(Net(name), drawn(4, 3))
    assert verdicts(report) == dict.fromkeys(PARAMETERS, AGREE) | {name: DISAGREE}


def test_a_conjugated_parameter_is_found() -> None:
    one = tensor(check(Net("spectrum", conjugated), drawn(4, 3)), "spectrum")
    assert one.verdict is DISAGREE
    assert {entry.part for entry in one.wrong} == {"imaginary"}


def test_frozen_parameters_are_left_out() -> None:
    net = Net("first.bias")
    net.first.bias.requires_grad_(False)
    report = check(net, drawn(4, 3))
    assert verdicts(report) == dict.fromkeys(PARAMETERS[:3], AGREE)


class Tied(nn.Module):
    def __init__(self, change: Change) -> None:
        super().__init__()
        self.a = nn.Linear(3, 3, bias=False, dtype=torch.float64)
        self.b = nn.Linear(3, 3, bias=False, dtype=torch.float64)
        self.a.weight.data = drawn(3, 3)
        self.b.weight = self.a.weight
        self._change = change

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(torch.tanh(self.a(x)), planted(self.b.weight, self._change))


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, AGREE), (0.0, DISAGREE), (1.01, DISAGREE)])
def test_tied_weights_are_one_tensor(factor: float, verdict: Verdict) -> None:
    # The mistake is in one of the two uses alone.
    report = check(Tied(lambda g: factor * g), drawn(3, seed=1))
    assert verdicts(report) == {"a.weight": verdict}


class Words(nn.Module):
    def __init__(self, change: Change) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 2, sparse=True, dtype=torch.float64)
        self.table.weight.data = drawn(5, 2)
        self._change = change

    def forward(self, words: Tensor) -> Tensor:
        vectors: Tensor = self.table(words)
        return planted(vectors, self._change) ** 2


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, AGREE), (1.5, DISAGREE)])
def test_an_embedding_with_a_sparse_gradient(factor: float, verdict: Verdict) -> None:
    report = check(Words(lambda g: factor * g), torch.tensor([[0, 3], [3, 1]]))
    assert verdicts(report) == {"table.weight": verdict}
    rows = {entry.index[0] for entry in report.tensors[0].wrong}
    assert rows == (set() if verdict is AGREE else {0, 1, 3})  # no others are used


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, AGREE), (1.5, DISAGREE)])
def test_a_loss_on_top_of_a_module(factor: float, verdict: Verdict) -> None:
    labels = torch.tensor([0, 2])

    def loss(logits: Tensor) -> Tensor:
        return functional.cross_entropy(planted(logits, lambda g: g * factor), labels)

    report = check(nn.Linear(3, 3, dtype=torch.float64), drawn(2, 3), loss=loss)
    assert verdicts(report) == {"weight": verdict, "bias": verdict}


def test_a_loss_picks_from_several_outputs() -> None:
    def function(x: Tensor) -> tuple[Tensor, Tensor]:
        return x**2, planted(x**3, one_and_a_half)

    assert check(function, drawn(3), loss=lambda output: output[0]).verdict is AGREE
    assert check(function, drawn(3), loss=lambda output: output[1]).verdict is DISAGREE


# Functions of tensors


def test_only_inputs_that_require_a_gradient_are_checked_where_some_do() -> None:
    report = check(lambda a, b: a * b, drawn(2), drawn(2, seed=1).requires_grad_())
    assert verdicts(report) == {"b": AGREE}


class OldStyle(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, factor: float) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x, weight)
        ctx.factor = factor
        return x * weight, weight.sum()

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        return upstream[0] * weight * ctx.factor, upstream[0] * x + upstream[1], None


class NewStyle(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, weight: Tensor, _factor: float) -> tuple[Tensor, Tensor]:
        return x * weight, weight.sum()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, _output: Any) -> None:
        x, weight, ctx.factor = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        return upstream[0] * weight * ctx.factor, upstream[0] * x + upstream[1], None


@pytest.mark.parametrize("function", [OldStyle, NewStyle])
@pytest.mark.parametrize(("factor", "verdict"), [(1.0, AGREE), (-1.0, DISAGREE)])
def test_custom_functions(function: Any, factor: float, verdict: Verdict) -> None:
    report = check(function.apply, drawn(3), drawn(3, seed=1), factor)
    assert verdicts(report) == {"x": verdict, "weight": AGREE}


class Scaler:
    """Methods of all kinds to check."""

    factor = 3.0

    def __init__(self, change: Change) -> None:
        self._change = change

    def method(self, x: Tensor) -> Tensor:
        return planted(x, self._change) ** 2 * self.factor

    def __call__(self, x: Tensor) -> Tensor:
        return self.method(x)

    @classmethod
    def of_class(cls, x: Tensor, change: Change) -> Tensor:
        return planted(x, change) ** 2 * cls.factor


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, AGREE), (1.5, DISAGREE)])
def test_methods_and_partial_functions(factor: float, verdict: Verdict) -> None:
    def change(gradient: Tensor) -> Tensor:
        return gradient * factor

    scaler = Scaler(change)
    targets: Sequence[Callable[..., Any]] = [
        scaler.method,
        scaler,
        functools.partial(Scaler.method, scaler),
        functools.partial(Scaler.of_class, change=change),
        functools.partial(Row.wrong(COMPLEX_ROWS["abs"], change)),
    ]
    for target in targets:
        assert verdicts(check(target, drawn(3))) in ({"x": verdict}, {"z": verdict})


def test_a_bound_method_of_a_module_has_its_inputs_checked() -> None:
    net = Net("first.weight")
    # Its parameters are held fixed, whatever their gradients.
    assert verdicts(check(net.forward, drawn(4, 3))) == {"x": AGREE}


# Functions of arrays with a claimed gradient

A, B = np.random.default_rng(5).standard_normal((2, 3))
FACTORS = pytest.mark.parametrize(("factor", "verdict"), [(1.0, AGREE), (1.5, DISAGREE)])


@FACTORS
def test_numpy_one_number(factor: float, verdict: Verdict) -> None:
    report = check(lambda a: np.sum(a**3), A, gradient=lambda a: factor * 3 * a**2)
    assert verdicts(report) == {"a": verdict}


@FACTORS
def test_numpy_cotangent_last(factor: float, verdict: Verdict) -> None:
    report = check(lambda a: np.exp(a), A, gradient=lambda a, v: factor * v * np.exp(a))
    assert verdicts(report) == {"a": verdict}


@FACTORS
def test_numpy_returns_a_callable(factor: float, verdict: Verdict) -> None:
    report = check(lambda a: np.exp(a), A, gradient=lambda a: lambda v: factor * v * np.exp(a))
    assert verdicts(report) == {"a": verdict}


@FACTORS
@pytest.mark.parametrize(
    "wrap",
    [
        tuple,
        list,
        lambda pair: dict(zip("ab", pair, strict=True)),
        lambda pair: dict(zip("ba", pair[::-1], strict=True)),
    ],
    ids=["tuple", "list", "dict", "dict in another order"],
)
def test_numpy_two_inputs(
    factor: float, verdict: Verdict, wrap: Callable[[Sequence[Array]], Any]
) -> None:
    def gradient(a: Array, b: Array, v: Array) -> Any:
        return wrap((v * b**2, factor * 2 * v * a * b))

    report = check(lambda a, b: a * b**2, A, B, gradient=gradient)
    assert verdicts(report) == {"a": AGREE, "b": verdict}


@FACTORS
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.complex64, np.complex128])
def test_numpy_dtypes(factor: float, verdict: Verdict, dtype: type) -> None:
    # The gradient of a holomorphic function: v·conj(F').
    report = check(
        lambda a: a**2, A.astype(dtype), gradient=lambda a, v: v * np.conj(2 * a) * dtype(factor)
    )
    assert verdicts(report) == {"a": verdict}
    assert report.tensors[0].dtype == np.dtype(dtype).name


def test_numpy_a_gradient_without_the_conjugate_is_found() -> None:
    z = A + 1j * B
    report = check(lambda a: a**2, z, gradient=lambda a, v: v * 2 * a)
    assert report.verdict is DISAGREE


@FACTORS
def test_numpy_complex_to_real(factor: float, verdict: Verdict) -> None:
    z = A + 1j * B
    report = check(
        lambda z: np.sum(np.abs(z) ** 2), z, gradient=lambda z: 2 * z.real + factor * 2j * z.imag
    )
    assert verdicts(report) == {"z": verdict}
    assert all(entry.part == "imaginary" for entry in report.tensors[0].wrong)


@FACTORS
def test_numpy_python_numbers(factor: float, verdict: Verdict) -> None:
    report = check(
        lambda a, b: a * b**2, 1.5, -0.5, gradient=lambda a, b: (b**2, factor * 2 * a * b)
    )
    assert verdicts(report) == {"a": AGREE, "b": verdict}


@FACTORS
def test_numpy_scalars_among_arrays(factor: float, verdict: Verdict) -> None:
    def gradient(a: Array, scale: float) -> tuple[Array, float]:
        return scale * np.cos(a), factor * float(np.sin(a).sum())

    report = check(
        lambda a, scale: (np.sin(a) * scale).sum(), A, np.float64(0.3), gradient=gradient
    )
    assert verdicts(report) == {"a": AGREE, "scale": verdict}


@FACTORS
def test_numpy_integers_are_held_fixed(factor: float, verdict: Verdict) -> None:
    index = np.array([2, 0, 2])

    def gradient(a: Array, index: Array, v: Array) -> Array:
        result = np.zeros_like(a)
        np.add.at(result, index, factor * 2 * v * a[index])
        return result

    report = check(lambda a, index: a[index] ** 2, A, index, gradient=gradient)
    assert verdicts(report) == {"a": verdict}
    assert {entry.index for entry in report.tensors[0].wrong} <= {(0,), (2,)}


@FACTORS
def test_numpy_nested_inputs_and_several_outputs(factor: float, verdict: Verdict) -> None:
    def function(batch: dict[str, Any]) -> dict[str, Any]:
        return {"y": batch["a"] * batch["b"], "n": 3, "total": [batch["a"].sum()]}

    def gradient(batch: dict[str, Any], v: dict[str, Any]) -> list[Array]:
        return [v["y"] * batch["b"] + v["total"][0], factor * v["y"] * batch["a"]]

    report = check(function, {"a": A, "b": B, "name": "x"}, gradient=gradient)
    assert verdicts(report) == {"batch['a']": AGREE, "batch['b']": verdict}


@FACTORS
def test_numpy_with_a_loss(factor: float, verdict: Verdict) -> None:
    report = check(
        lambda a: a**2, A, loss=lambda y: y.mean(), gradient=lambda a: factor * 2 * a / a.size
    )
    assert verdicts(report) == {"a": verdict}


@FACTORS
def test_a_function_of_tensors_with_a_claimed_gradient(factor: float, verdict: Verdict) -> None:
    def gradient(x: Tensor, index: Tensor, v: Tensor) -> Tensor:
        return torch.zeros_like(x).index_add_(0, index, factor * v * x[index].exp())

    report = check(
        lambda x, index: x[index].exp(), drawn(3), torch.tensor([2, 0]), gradient=gradient
    )
    assert verdicts(report) == {"x": verdict}


@FACTORS
def test_a_function_of_complex_tensors_with_a_claimed_gradient(
    factor: float, verdict: Verdict
) -> None:
    report = check(
        lambda z: z.abs().square(), Z.to(torch.complex64), gradient=lambda z, v: 2 * factor * v * z
    )
    assert verdicts(report) == {"z": verdict}


@FACTORS
def test_a_bound_method_and_a_partial_function_of_arrays(factor: float, verdict: Verdict) -> None:
    class Cube:
        power = 3

        def value(self, a: Array) -> Array:
            return a**self.power

        def gradient(self, a: Array, v: Array) -> Array:
            return np.asarray(factor * self.power * v * a ** (self.power - 1))

    def power(a: Array, n: int) -> Array:
        return np.asarray(a**n)

    assert verdicts(check(Cube().value, A, gradient=Cube().gradient)) == {"a": verdict}
    partial = functools.partial(power, n=3)
    assert verdicts(check(partial, A, gradient=Cube().gradient)) == {"a": verdict}


# Functions of JAX arrays


@pytest.fixture(scope="module")
def jax() -> Any:
    return pytest.importorskip("jax")


def bent(jax: Any, factor: float) -> Callable[[Any], Any]:
    """The identity, whose backward pass has a factor."""

    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def identity(x: Any) -> Any:
        return x

    identity.defvjp(lambda x: (x, None), lambda _, v: (v * factor,))
    result: Callable[[Any], Any] = identity
    return result


@FACTORS
def test_jax_custom_vjp(jax: Any, factor: float, verdict: Verdict) -> None:
    bend = bent(jax, factor)
    report = check(
        lambda x, y: jax.numpy.sin(bend(x)) * y, jax.numpy.asarray(A), jax.numpy.asarray(B)
    )
    assert verdicts(report) == {"x": verdict, "y": AGREE}


@FACTORS
def test_jax_pytrees(jax: Any, factor: float, verdict: Verdict) -> None:
    bend = bent(jax, factor)

    def function(batch: dict[str, Any]) -> dict[str, Any]:
        return {"y": [bend(batch["x"]) ** 2], "z": batch["pair"][0] * batch["x"].sum()}

    batch = {"x": jax.numpy.asarray(A), "pair": (jax.numpy.asarray(B),)}
    report = check(function, batch)
    assert verdicts(report) == {"batch['x']": verdict, "batch['pair'][0]": AGREE}


@FACTORS
def test_jax_complex(jax: Any, factor: float, verdict: Verdict) -> None:
    bend, np_ = bent(jax, factor), jax.numpy

    @jax.jit  # type: ignore[untyped-decorator]
    def function(z: Any, x: Any) -> Any:
        z = bend(z)
        # Holomorphic and not, complex to real and real to complex.
        return z**2 + np_.exp(z), z.conj() * z**2, np_.abs(z), z.real**3, np_.exp(1j * x)

    report = check(function, np_.asarray(A + 1j * B), np_.asarray(A))
    assert verdicts(report) == {"z": verdict, "x": AGREE}


def test_jax_a_conjugated_gradient_is_found(jax: Any) -> None:
    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def square(z: Any) -> Any:
        return z**2

    square.defvjp(lambda z: (z**2, z), lambda z, v: (v * 2 * z.conj(),))
    report = check(square, jax.numpy.asarray(A + 1j * B))
    assert report.verdict is DISAGREE
    # What is conjugated is one factor of v·F' alone.
    assert {entry.part for entry in report.tensors[0].wrong} == {"real", "imaginary"}


def test_jax_with_a_loss(jax: Any) -> None:
    bend = bent(jax, 1.5)
    report = check(lambda x: bend(x) ** 2, jax.numpy.asarray(A), loss=lambda y: y.sum())
    assert verdicts(report) == {"x": DISAGREE}


@FACTORS
def test_jax_integers_and_booleans_are_held_fixed(
    jax: Any, factor: float, verdict: Verdict
) -> None:
    bend, np_ = bent(jax, factor), jax.numpy
    target = jax.jit(lambda x, mask, index: np_.where(mask, bend(x) ** 2, 1.0)[index])
    report = check(target, np_.asarray(A), np_.array([True, False, True]), np_.array([0, 2, 2]))
    assert verdicts(report) == {"x": verdict}
    assert (1,) not in {entry.index for entry in report.tensors[0].wrong}


def test_jax_what_is_no_array_is_held_fixed(jax: Any) -> None:
    def function(x: Any, axis: int, square: bool, how: str, nothing: None) -> Any:
        powered = x**2 if square else x
        return powered.sum(axis) if how == "sum" else nothing

    report = check(function, jax.numpy.asarray([A, B]), 1, True, "sum", None)
    assert verdicts(report) == {"x": AGREE}
