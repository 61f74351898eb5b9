"""A run cut into blocks: networks of one shape that are trained together.

The cut depends on the networks and the data alone, never on threads, processes or hosts, and a
block is computed by one thread. So where and in which order blocks are trained changes no bit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from backproof.training.data import TrainingData
from backproof.training.engines import ENGINES, Engine, activations_at_once
from backproof.training.pace import Pace
from backproof.training.problem import Problem, Settings
from backproof.training.spec import ActivationLike, NetworkSpec
from backproof.training.state import State

# Numbers in the points of a block, where each network has its own: 32 MiB of float64.
_MOST_OWN_VALUES = 1 << 22


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that decides what comes out of a training run."""

    specs: tuple[NetworkSpec, ...]
    """The networks."""
    sets: tuple[int, ...]
    """Index of the training set of each."""
    data: TrainingData
    """The training sets."""
    settings: Settings
    """How they are trained."""
    engine: str
    """Name of the engine."""

    def blocks(self) -> list[tuple[int, ...]]:
        """Return the indices of the networks of each block."""
        groups: dict[tuple[tuple[int, ...], ActivationLike], list[int]] = {}
        for number, spec in enumerate(self.specs):
            groups.setdefault((spec.hidden, spec.activation), []).append(number)
        points = min(self.settings.batch_size or self.data.count, self.data.count)
        most = activations_at_once(self.engine, self.settings)
        most_with_own_points = len(self.specs)
        if self.data.held_out is not None or len(self.data.t) > 1:
            values = self.data.count * (self.data.inputs + 1)
            most_with_own_points = _MOST_OWN_VALUES // values
        blocks: list[tuple[int, ...]] = []
        for (hidden, _), members in groups.items():
            size = max(1, min(most // (max(hidden) * points), most_with_own_points))
            starts = range(0, len(members), size)
            blocks.extend(tuple(members[start : start + size]) for start in starts)
        return blocks

    def problem(self, block: Sequence[int]) -> Problem:
        """Return what the networks of a block are to minimise."""
        specs = [self.specs[number] for number in block]
        points, validation = self.data.block(
            [self.sets[number] for number in block],
            [spec.seed for spec in specs],
            torch.device(self.settings.device),
        )
        return Problem(
            specs=specs,
            points=points,
            validation=validation,
            settings=self.settings,
            outputs=self.data.outputs,
        )

    def work(self, block: Sequence[int]) -> int:
        """Return a number proportional to the time that a block takes."""
        spec = self.specs[block[0]]
        layers = (self.data.inputs, *spec.hidden, self.data.outputs)
        # The activation costs about as much as 20 products.
        a_point = sum((inputs + 20) * outputs for inputs, outputs in pairwise(layers))
        return len(block) * a_point


def train_block(
    run: Run,
    block: Sequence[int],
    state: State | None,
    after: Callable[[State], bool],
) -> State | None:
    """Train the networks of a block from a state, or from the start.

    Parameters
    ----------
    run
        The run.
    block
        Indices of its networks.
    state
        Where an earlier training stood.
    after
        Called with the state about ten times a second, and at the end; returns whether to go on.

    Returns
    -------
    State or None
        The end, or nothing where `after` said to stop.
    """
    problem = run.problem(block)
    engine: Engine = ENGINES[run.engine](problem)
    state = problem.start() if state is None else state
    pace = Pace()
    while len(state.rows):
        with pace:
            engine.advance(state, min(state.step + pace.steps, run.settings.steps))
        if not after(state):
            return None
    return state
