"""What is trained, and on what."""

from dataclasses import dataclass

from backproof import training
from backproof.app.settings import choice, number, unseen

LAB = "lab"
"""The data set whose law the lab knows."""
CLASSES = {"a": "class −1", "b": "class +1"}
"""What the classes of own points are called."""
DRAWN = (LAB, "moons", "circles", "spirals")
"""Data sets that are drawn."""
MOST_SEED = 2**31
"""Largest seed."""
OWN = "own points"
"""The data set of points that were set with the mouse, typed, or uploaded."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the panel is set to."""

    data: str = choice(LAB, "Data", (*DRAWN, OWN))
    points: int = number(200, "Training points", least=2, most=2000, even=True)
    sample: int = number(0, "Seed of the data", least=0, most=MOST_SEED)
    hidden: tuple[int, ...] = number((5, 100), "Hidden sizes", least=1, most=500)
    networks: int = number(4, "Networks of each size", least=1, most=16)
    weights: int = number(0, "Seed of the weights", least=0, most=MOST_SEED)
    activation: str = choice("tanh", "Activation", training.ACTIVATIONS)
    rate: float = number(0.1, "Learning rate", least=1e-6, most=1e6)
    steps: int = number(1000, "Steps", least=1, most=100_000)
    pace: int = number(5, "Steps a picture, at most", least=1, most=1000)
    own: str = unseen("")
    new: str = unseen("b", CLASSES)
