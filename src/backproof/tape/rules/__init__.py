"""What can go wrong, one module a family: each rule listens to the recorder and adds findings."""

from backproof.tape.findings import Findings
from backproof.tape.recording.records import Records
from backproof.tape.rules.accumulating import AccumulatedGrad
from backproof.tape.rules.cuts import CutGraph
from backproof.tape.rules.inplace import InplaceAfterSave, LeafInplace, SilentDataWrite
from backproof.tape.rules.leaves import IntegerLeaf, NonLeafGrad
from backproof.tape.rules.rule import Rule
from backproof.tape.rules.stepping import ParameterNotStepped
from backproof.tape.rules.twice import BackwardTwice
from backproof.tape.rules.values import DeadGradient, NonFinite

_RULES: tuple[type[Rule], ...] = (
    InplaceAfterSave,
    SilentDataWrite,
    LeafInplace,
    IntegerLeaf,
    NonLeafGrad,
    BackwardTwice,
    CutGraph,
    NonFinite,
    DeadGradient,
    AccumulatedGrad,
    ParameterNotStepped,
)

CODES = tuple(rule.code for rule in _RULES)


def all_rules(records: Records, findings: Findings) -> list[Rule]:
    """Return one rule of each kind."""
    return [rule(records, findings) for rule in _RULES]
