"""Explain what autograd recorded: the computation graph, and the lines that broke it."""

from backproof.tape.findings import Finding, Place, Severity
from backproof.tape.graph import Graph, GraphEdge, GraphNode
from backproof.tape.layout import Cell, Layout, layered
from backproof.tape.records import Observation, ProgramRun
from backproof.tape.rules import CODES
from backproof.tape.runs import run_program_a, run_program_b, run_programs
from backproof.tape.session import Session, explain

__all__ = [
    "CODES",
    "Cell",
    "Finding",
    "Graph",
    "GraphEdge",
    "GraphNode",
    "Layout",
    "Observation",
    "Place",
    "ProgramRun",
    "Session",
    "Severity",
    "explain",
    "layered",
    "run_program_a",
    "run_program_b",
    "run_programs",
]
