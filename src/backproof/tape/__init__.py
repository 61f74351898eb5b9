"""Explain what autograd recorded: the computation graph, and the lines that broke it."""

from backproof.tape.findings import Finding, Place, Severity
from backproof.tape.graph import Graph
from backproof.tape.parts import GraphEdge, GraphNode
from backproof.tape.records import Observation, ProgramRun
from backproof.tape.rendering.geometry import Arrangement, Route, Spacing, arrange
from backproof.tape.rules import CODES
from backproof.tape.runs import run_program_a, run_program_b, run_programs, run_step
from backproof.tape.session import Session, explain

__all__ = [
    "CODES",
    "Arrangement",
    "Finding",
    "Graph",
    "GraphEdge",
    "GraphNode",
    "Observation",
    "Place",
    "ProgramRun",
    "Route",
    "Session",
    "Severity",
    "Spacing",
    "arrange",
    "explain",
    "run_program_a",
    "run_program_b",
    "run_programs",
    "run_step",
]
