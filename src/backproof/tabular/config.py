"""What a training run on a table is made with."""

from dataclasses import dataclass

from backproof._core.checks import open_unit, whole_number
from backproof._core.errors import InputError
from backproof._core.results import Result
from backproof._core.seeds import check_seed

_MOST_SEEDS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class TableConfig(Result):
    """Settings of a run; those of training are checked by `backproof.training.fit`."""

    hidden: tuple[tuple[int, ...], ...] = ((5,), (10,), (100,), (500,))
    """Hidden layers of the networks, one tuple a size."""
    seeds: int = 16
    """Networks of each size."""
    seed: int = 0
    """The seed that every random draw follows from."""
    test: float = 0.25
    """Share of the rows that no network learns from, strictly between 0 and 1."""
    standardise: bool = True
    """Whether features are brought to mean 0 and variance 1, as in the training rows."""
    confidence: float = 0.95
    """Probability with which an interval covers."""
    steps: int = 1000
    """Gradient steps."""
    learning_rate: float = 0.1
    """Step length."""
    activation: str = "tanh"
    """Activation of the hidden layers."""
    optimizer: str = "gd"
    """Name of the optimizer."""
    batch_size: int | None = None
    """Points of a minibatch."""
    weight_decay: float = 0.0
    """Factor of the parameters that is added to their gradient."""
    validation: float | None = None
    """Share of the training rows that a network is validated with."""
    patience: int | None = None
    """Epochs without a smaller validation loss after which a network stops."""
    dtype: str = "float64"
    """Dtype of the computation."""
    engine: str = "auto"
    """Engine of the training."""

    def __post_init__(self) -> None:
        if not self.hidden or len(set(self.hidden)) < len(self.hidden):
            sizes = [format_size(size) for size in self.hidden]
            raise InputError(f"hidden sizes must be distinct, and one or more of them, got {sizes}")
        whole_number("seeds", self.seeds, at_least=1, at_most=_MOST_SEEDS)
        check_seed(self.seed)
        open_unit("test", self.test)
        open_unit("confidence", self.confidence)


def format_size(hidden: tuple[int, ...]) -> str:
    """Return hidden layers as text, such as ``5`` or ``10-10``."""
    return "-".join(map(str, hidden))
