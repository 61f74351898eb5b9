"""Explain what autograd recorded: the computation graph, and the lines that broke it."""

from backproof.tape.explanations import non_leaf_grads, overwritten
from backproof.tape.graph import Graph, GraphEdge, GraphNode
from backproof.tape.layout import Cell, Layout, layered
from backproof.tape.recorder import Recorder
from backproof.tape.records import Explanation, Observation, Place, ProgramRun
from backproof.tape.runs import run_program_a, run_program_b, run_programs

__all__ = [
    "Cell",
    "Explanation",
    "Graph",
    "GraphEdge",
    "GraphNode",
    "Layout",
    "Observation",
    "Place",
    "ProgramRun",
    "Recorder",
    "layered",
    "non_leaf_grads",
    "overwritten",
    "run_program_a",
    "run_program_b",
    "run_programs",
]
