"""The tables of a run: raw values in named columns."""

from backproof.lab.tables.certainty import (
    certainty_table,
    coverage_summary_table,
    coverage_table,
    one_set_table,
    plan_table,
)
from backproof.lab.tables.comparison import comparison_table
from backproof.lab.tables.gradient import check_table, law_table, sweep_table, verdict_table
from backproof.lab.tables.points import points_table
from backproof.lab.tables.tape import observation_table
from backproof.lab.tables.training import boundary_table, seeds_table

__all__ = [
    "boundary_table",
    "certainty_table",
    "check_table",
    "comparison_table",
    "coverage_summary_table",
    "coverage_table",
    "law_table",
    "observation_table",
    "one_set_table",
    "plan_table",
    "points_table",
    "seeds_table",
    "sweep_table",
    "verdict_table",
]
