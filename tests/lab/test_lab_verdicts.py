"""The judging check beside the published one."""

import dataclasses

from backproof.gradcheck import Verdict
from backproof.lab import LabRun
from backproof.lab.document import document
from backproof.lab.pictures import pictures
from backproof.lab.tables import verdict_table
from backproof.report import Document, Paragraph, Section


def _gradient_section(run: LabRun) -> Section:
    found: Document = document(run, {name: "" for name, _ in pictures(run)})
    return next(section for section in found.sections if section.anchor == "gradient")


def test_every_seed_has_a_verdict(tiny_run: LabRun) -> None:
    verdicts = tiny_run.gradient.verdicts
    assert len(verdicts) == 2
    assert all(one.verdict is Verdict.AGREE for one in verdicts)
    assert {tensor.name for one in verdicts for tensor in one.tensors} == {"W1", "b1", "w", "b"}
    # Far below the published differences, which it is shown beside.
    assert max(t.resolution or 1.0 for one in verdicts for t in one.tensors) < 1e-6


def test_the_table_has_a_row_for_each_tensor(tiny_run: LabRun) -> None:
    table = verdict_table(tiny_run)
    assert [row[0] for row in table.rows] == ["W1", "b1", "w", "b"]
    assert {row[1] for row in table.rows} == {"AGREE"}


def test_the_section_says_how_many_agree(tiny_run: LabRun) -> None:
    texts = [b.text for b in _gradient_section(tiny_run).blocks if isinstance(b, Paragraph)]
    assert any("right for 2 of 2 networks" in text for text in texts)


def test_a_record_without_verdicts_is_shown_without(tiny_run: LabRun) -> None:
    older = dataclasses.replace(
        tiny_run, gradient=dataclasses.replace(tiny_run.gradient, verdicts=())
    )
    assert len(_gradient_section(older).blocks) == len(_gradient_section(tiny_run).blocks) - 2
