"""The page as people use it, in a real browser and with a real server, offline."""

import base64
import re
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import torch
from playwright.sync_api import FilePayload, Locator, Page, expect
from scipy import stats
from tests.app.conftest import Open

from backproof import datasets, risk, training
from backproof.app.train.record import PageRun
from backproof.lab.gallery import explain_program

pytestmark = pytest.mark.browser

TIMEOUT = 30_000


def status(page: Page) -> Locator:
    return page.get_by_role("status").locator("visible=true").first


def waits_at(page: Page, step: int) -> None:
    expect(status(page)).to_contain_text(f"Step {step} of", timeout=TIMEOUT)


def boundaries(page: Page) -> list[str]:
    """Return the drawn boundaries, of every size."""
    found: list[str] = page.eval_on_selector_all(
        "path[stroke=black][stroke-width='2']", "paths => paths.map(p => p.getAttribute('d'))"
    )
    return found


def eventually(page: Page, holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    for _ in range(200):
        if holds():
            return
        page.wait_for_timeout(100)
    assert holds()


def set_to(page: Page, label: str, value: str) -> None:
    page.get_by_label(label, exact=True).fill(value)


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_networks_learn_and_reset_brings_back_the_same_weights(open_page: Open) -> None:
    page = open_page("?hidden=5&networks=2&steps=100000")
    waits_at(page, 0)
    initial = boundaries(page)
    assert len(initial) == 1
    press(page, "Play")
    page.wait_for_function(
        "Number(document.querySelector('[role=status]').innerText.split(' ')[1]) >= 100",
        timeout=TIMEOUT,
    )
    press(page, "Pause")
    assert boundaries(page) != initial
    stopped = status(page).inner_text()
    page.wait_for_timeout(400)
    assert abs(int(status(page).inner_text().split()[1]) - int(stopped.split()[1])) <= 5
    press(page, "Reset")
    waits_at(page, 0)
    eventually(page, lambda: boundaries(page) == initial)
    press(page, "Step")
    waits_at(page, 1)
    press(page, "New weights")
    waits_at(page, 0)
    eventually(page, lambda: boundaries(page) != initial)
    assert query(page)["weights"] == ["2"]
    assert page.get_by_label("Seed of the weights", exact=True).input_value() == "2"
    set_to(page, "Seed of the weights", "0")
    eventually(page, lambda: boundaries(page) == initial)


def test_another_pace_lets_the_training_go_on(open_page: Open) -> None:
    page = open_page("?hidden=3&networks=1&steps=100000&pace=1")
    waits_at(page, 0)
    press(page, "Step")
    waits_at(page, 1)
    set_to(page, "Steps a picture, at most", "7")
    page.wait_for_url("**pace=7*")
    press(page, "Step")
    waits_at(page, 2)


def test_training_ends_at_the_last_step(open_page: Open) -> None:
    page = open_page("?hidden=3&networks=1&steps=12")
    waits_at(page, 0)
    press(page, "Play")
    expect(status(page)).to_contain_text("Step 12 of 12: done", timeout=TIMEOUT)
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_a_long_training_is_stopped_at_once(open_page: Open) -> None:
    page = open_page(
        "?hidden=500,499,498,497&networks=16&points=2000&steps=100000&pace=1000", height=1000
    )
    waits_at(page, 0)
    press(page, "Play")
    expect(status(page)).not_to_contain_text("Step 0 of", timeout=TIMEOUT)
    began = monotonic()
    press(page, "Reset")
    waits_at(page, 0)
    # A thousand steps take minutes.
    assert monotonic() - began < 30


# At a pace of one step there are pictures of networks whose weights are finite and scores are not.
@pytest.mark.parametrize("pace", ["networks=2&pace=100", "networks=4&pace=1"])
def test_divergence_is_said_in_words(open_page: Open, pace: str) -> None:
    page = open_page(f"?hidden=5&activation=relu&rate=1000000.0&steps=500&{pace}")
    waits_at(page, 0)
    press(page, "Play")
    expect(status(page)).to_contain_text("diverged: the loss is no longer", timeout=TIMEOUT)
    expect(status(page)).to_contain_text("smaller learning rate")


def test_a_changed_control_is_in_the_address_which_restores_the_view(open_page: Open) -> None:
    page = open_page()
    waits_at(page, 0)
    set_to(page, "Hidden sizes", "4,7,9")
    expect(page.get_by_text("H = 9", exact=True)).to_be_visible(timeout=TIMEOUT)
    page.get_by_label("Data", exact=True).click()
    page.get_by_role("option", name="moons").click()
    expect(page.get_by_text("H = 9", exact=True)).to_be_visible()
    page.wait_for_url("**moons*")
    assert query(page) == {"data": ["moons"], "hidden": ["4,7,9"]}
    waits_at(page, 0)
    other = open_page(f"?{urlsplit(page.url).query}")
    waits_at(other, 0)
    assert other.get_by_label("Hidden sizes", exact=True).input_value() == "4,7,9"
    eventually(page, lambda: boundaries(other) == boundaries(page))
    assert len(boundaries(page)) == 3


def test_a_value_out_of_range_is_said_where_it_was_typed_and_changes_nothing(
    open_page: Open,
) -> None:
    page = open_page("?hidden=3")
    waits_at(page, 0)
    set_to(page, "Training points", "7")
    expect(page.get_by_text("must be even, got 7")).to_be_visible()
    set_to(page, "Hidden sizes", "<img src=x onerror=alert(1)>")
    expect(page.get_by_text("must be a whole number, or several")).to_be_visible()
    assert query(page) == {"hidden": ["3"]}
    assert page.locator("img[src=x]").count() == 0


def test_numbers_without_end_are_refused_in_words(open_page: Open) -> None:
    page = open_page(f"?hidden={'1' * 400}&points={'1' * 400}&networks=1")
    waits_at(page, 0)
    expect(page.get_by_role("alert")).to_have_count(2)
    set_to(page, "Training points", "1" * 400)
    expect(page.get_by_text("must be from 2 to 2000, got 11111111111111111111…")).to_be_visible()
    set_to(page, "Training points", " 20 ")
    expect(page.get_by_text("on 20 training points").first).to_be_visible(timeout=TIMEOUT)


def test_an_address_that_cannot_be_read_is_said(open_page: Open) -> None:
    page = open_page("?hidden=<img src=x onerror=alert(1)>&points=7&networks=2")
    waits_at(page, 0)
    alerts = page.get_by_role("alert")
    expect(alerts).to_have_count(2)
    assert "points must be even, got 7; 200 is shown" in " ".join(alerts.all_inner_texts())
    assert page.locator("img[src=x]").count() == 0


def test_own_points_are_clicked_moved_and_removed(open_page: Open) -> None:
    page = open_page("?data=own+points&hidden=3&networks=1", height=1000)
    expect(status(page)).to_contain_text("there are no own points yet", timeout=TIMEOUT)
    box = page.get_by_role("img", name="Points and prediction boundary").bounding_box()
    assert box is not None
    side = box["width"]

    def at(x1: float, x2: float) -> tuple[float, float]:
        assert box is not None
        return box["x"] + side * (x1 + 2) / 4, box["y"] + side * (2 - x2) / 4

    page.mouse.click(*at(1, 1))
    expect(page.get_by_text("on 1 training point")).to_be_visible(timeout=TIMEOUT)
    page.get_by_text("class −1", exact=True).click()
    page.wait_for_url("**new=a*")
    box = page.get_by_role("img", name="Points and prediction boundary").bounding_box()
    page.mouse.click(*at(-1, -1))
    expect(page.get_by_text("on 2 training points")).to_be_visible(timeout=TIMEOUT)
    page.mouse.move(*at(-1, -1))
    page.mouse.down()
    page.mouse.move(*at(0, 1), steps=5)
    page.mouse.up()
    eventually(page, lambda: abs(float(query(page)["own"][0].split(";")[1].split(",")[0])) < 0.1)
    (own,) = query(page)["own"]
    first, second = own.split(";")
    assert [float(value) for value in first.split(",")[:2]] == pytest.approx([1, 1], abs=0.03)
    assert [float(value) for value in second.split(",")[:2]] == pytest.approx([0, 1], abs=0.03)
    assert (first[-1], second[-1]) == ("b", "a")
    page.keyboard.down("Shift")
    page.mouse.click(*at(1, 1))
    page.keyboard.up("Shift")
    expect(page.get_by_text("on 1 training point")).to_be_visible(timeout=TIMEOUT)


def test_only_the_left_button_sets_points_and_small_ones_stay_apart(open_page: Open) -> None:
    page = open_page("?data=own+points&hidden=3&networks=1&own=0.001,0.002,a;0.004,0.003,b")
    expect(page.get_by_text("on 2 training points")).to_be_visible(timeout=TIMEOUT)
    marks = page.locator("svg circle[r='3.6'], svg path[fill='#D55E00']")
    first, second = (marks.nth(number).bounding_box() for number in range(2))
    assert first is not None
    assert second is not None
    assert abs(first["x"] - second["x"]) > 50
    box = page.get_by_role("img", name="Points and prediction boundary").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 10, box["y"] + 10, button="right")
    page.mouse.click(box["x"] + 10, box["y"] + 10, button="middle")
    page.mouse.click(box["x"] + 20, box["y"] + 20)
    expect(page.get_by_text("on 3 training points")).to_be_visible(timeout=TIMEOUT)
    assert len(query(page)["own"][0].split(";")) == 3
    set_to(page, "x1", "12345678")
    press(page, "Add point")
    expect(status(page)).to_contain_text(
        "coordinates must be from -1e+06 to 1e+06", timeout=TIMEOUT
    )


def test_own_points_need_no_mouse(open_page: Open) -> None:
    page = open_page("?data=own+points&hidden=3&networks=1")
    expect(status(page)).to_contain_text("there are no own points yet", timeout=TIMEOUT)
    for x1 in ("0.5", "-0.5"):
        set_to(page, "x1", x1)
        button = page.get_by_role("button", name="Add point")
        button.focus()
        button.press("Enter")
        page.wait_for_url(f"**{x1},0,*")
    expect(page.get_by_text("on 2 training points")).to_be_visible(timeout=TIMEOUT)


def test_own_points_that_cannot_be_read_give_way_to_new_ones(open_page: Open) -> None:
    page = open_page("?data=own+points&hidden=3&networks=1&own=<b>1,1")
    expect(status(page)).to_contain_text("must be like 0.5,-1,a", timeout=TIMEOUT)
    page.get_by_role("button", name="Add point").click()
    expect(page.get_by_text("on 1 training point")).to_be_visible(timeout=TIMEOUT)
    assert query(page)["own"] == ["0,0,b"]


def saved(page: Page, what: str) -> Path:
    page.get_by_text("Save", exact=True).click()
    with page.expect_download(timeout=TIMEOUT) as download:
        page.get_by_text(what, exact=True).click()
    return Path(download.value.path())


def test_networks_are_saved_as_picture_weights_and_code(open_page: Open) -> None:
    page = open_page("?hidden=3,5&networks=2&pace=20&steps=20")
    waits_at(page, 0)
    press(page, "Play")
    expect(status(page)).to_contain_text("done", timeout=TIMEOUT)
    x, t = datasets.lab_mixture().sample(200, seed=0)
    expected = training.fit([3, 5], range(2), x, t, steps=20)
    for what in ("Boundaries", "Losses", "Weights of the first network"):
        assert saved(page, f"{what} as PNG").read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in saved(page, f"{what} as SVG").read_bytes()
    fits = training.load_fits(saved(page, "All weights as safetensors"))
    for one, other in zip(fits, expected, strict=True):
        assert one.spec == other.spec
        assert all(map(torch.equal, one.layers, other.layers))
    names: dict[str, Any] = {}
    exec(saved(page, "First network as Python code").read_text(encoding="utf-8"), names)
    assert names["score"](x) == pytest.approx(expected[0].score(x).detach().numpy(), rel=1e-9)


def test_the_record_and_the_report_say_what_the_page_shows(open_page: Open) -> None:
    page = open_page("?data=moons&hidden=3,5&networks=2&pace=20&steps=40")
    waits_at(page, 0)
    press(page, "Play")
    expect(status(page)).to_contain_text("done", timeout=TIMEOUT)
    run = PageRun.from_json(saved(page, "Every number as JSON").read_bytes())
    data = datasets.named("moons", n=200, seed=0)
    assert data.t is not None
    t = np.where(data.t == data.classes[0], -1, 1)
    expected = training.fit([3, 5], range(2), data.x, t, steps=40)
    counts = expected.test_errors(data.x, t).tolist()
    assert [size.errors for size in run.training] == [tuple(counts[:2]), tuple(counts[2:])]
    assert (run.step, run.test_points, len(run.losses[0].median)) == (40, 1000, 41)
    for size in run.test:
        assert size.mean is not None
        assert size.mean.estimate == pytest.approx(sum(size.errors) / 2000)
        assert size.mean.lower < size.mean.estimate < size.mean.upper
    expect(page.get_by_text(f"{counts[0]} errors on 200 training points")).to_be_visible()
    shown = page.get_by_text(re.compile("on 1000 test points")).first.inner_text()
    assert f", {run.test[0].errors[0]} on 1000" in shown

    text = saved(page, "Report as HTML").read_text(encoding="utf-8")
    report = page.context.new_page()
    report.set_content(text)
    assert report.get_by_role("heading", level=1).inner_text() == "Networks trained on moons"
    assert report.locator("img").count() == 4
    expect(report.get_by_role("cell", name=f"{counts[2]}, {counts[3]}")).to_be_visible()
    again = open_page(report.locator("pre").inner_text().removeprefix("/"))
    waits_at(again, 0)
    assert again.get_by_label("Hidden sizes", exact=True).input_value() == "3,5"


def upload(page: Page, text: str) -> None:
    file = FilePayload(name="<b>mine.csv", mimeType="text/csv", buffer=text.encode())
    page.locator("input[type=file]").set_input_files(file)


def test_a_table_is_uploaded(open_page: Open) -> None:
    page = open_page("?data=own+points&hidden=3&networks=1")
    expect(status(page)).to_contain_text("there are no own points yet", timeout=TIMEOUT)
    upload(page, "u,v,kind\n0,1,yes\n1,0,no\n1,1,yes\n")
    expect(page.get_by_text("on 3 training points")).to_be_visible(timeout=TIMEOUT)
    assert query(page)["own"] == ["0,1,b;1,0,a;1,1,b"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("u,v,kind\n0,1,yes\n1,many,no\n", "many"),
        ("u,kind\n0,yes\n1,no\n2,no\n", "expected two columns of numbers"),
        ("u,v,kind\n0,1,yes\n1,0,no\n1,1,maybe\n2,1,yes\n", "3 labels"),
        ("u,v,kind\n0,1,yes\n1,0,no,more,still\n", "<b>mine.csv"),
    ],
)
def test_a_bad_table_is_refused_in_words(open_page: Open, text: str, complaint: str) -> None:
    page = open_page("?data=own+points&hidden=3&networks=1&own=1,1,a")
    waits_at(page, 0)
    upload(page, text)
    expect(status(page)).to_contain_text(complaint, timeout=TIMEOUT)
    assert query(page)["own"] == ["1,1,a"]
    assert page.locator("b", has_text="mine").count() == 0


def test_the_plan_and_what_one_test_set_says(open_page: Open) -> None:
    page = open_page("?panel=test-error&sets=200")
    expect(page.get_by_role("cell", name="26492")).to_be_visible(timeout=TIMEOUT)
    expect(page.get_by_text(re.compile(r"^error .* % \(95 % CI"))).to_be_visible()
    eventually(page, lambda: page.evaluate("document.images.length") == 4)
    widths = page.evaluate(
        "Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))"
    )
    assert min(widths) > 0
    chosen = page.get_by_text("Clopper–Pearson, finite-sample")
    expect(chosen).to_be_visible()
    page.get_by_label("Method", exact=True).click()
    page.get_by_role("option", name="hoeffding").click()
    expect(page.get_by_text(", Hoeffding, finite-sample")).to_be_visible(timeout=TIMEOUT)
    page.wait_for_url("**hoeffding*")
    set_to(page, "Accepted margin", "0.02")
    expect(page.get_by_role("cell", name="6623")).to_be_visible(timeout=TIMEOUT)
    assert query(page) == {
        "panel": ["test-error"],
        "sets": ["200"],
        "method": ["hoeffding"],
        "margin": ["0.02"],
    }
    with page.expect_download() as download:
        page.get_by_role("button", name="Save intervals as PNG").click()
    assert download.value.suggested_filename == "intervals.png"
    assert download.value.path().read_bytes().startswith(b"\x89PNG")


def verdict(page: Page) -> Locator:
    return page.get_by_text(re.compile("^(AGREE|DISAGREE|UNRESOLVED)$")).first


def test_a_right_gradient_agrees_and_a_broken_one_is_caught_by_name(open_page: Open) -> None:
    page = open_page("?panel=gradient&hidden=5&networks=1")
    expect(verdict(page)).to_have_text("AGREE", timeout=TIMEOUT)
    page.get_by_label("Gradient", exact=True).click()
    page.get_by_role("option", name="transpose").click()
    expect(verdict(page)).to_have_text("DISAGREE", timeout=TIMEOUT)
    expect(page.get_by_text("axes 0 and 1 are exchanged").first).to_be_visible()
    expect(page.get_by_text("Spoilt: W1.")).to_be_visible()
    assert query(page)["mistake"] == ["transpose"]
    rows = page.get_by_role("row").filter(has_text="DISAGREE")
    assert [row.split()[0] for row in rows.all_inner_texts()] == ["W1"]


def test_a_mistake_that_changes_nothing_here_is_said_to(open_page: Open) -> None:
    page = open_page("?panel=gradient&hidden=1&networks=1&mistake=transpose")
    expect(verdict(page)).to_have_text("AGREE", timeout=TIMEOUT)
    expect(page.get_by_text("Here it changes no gradient.")).to_be_visible()


def test_the_gradient_is_that_of_the_network_in_training(open_page: Open) -> None:
    page = open_page("?hidden=3&networks=1&steps=30&pace=10")
    waits_at(page, 0)
    press(page, "Play")
    expect(status(page)).to_contain_text("Step 30 of 30: done", timeout=TIMEOUT)
    page.get_by_role("tab", name="Gradient").click()
    expect(page.get_by_text("H = 3 and seed 0 after 30 steps").first).to_be_visible(timeout=TIMEOUT)
    page.get_by_role("tab", name="Train").click()
    press(page, "Reset")
    waits_at(page, 0)
    page.get_by_role("tab", name="Gradient").click()
    expect(page.get_by_text("after 0 steps").first).to_be_visible(timeout=TIMEOUT)


def test_the_step_is_slid_with_the_keyboard(open_page: Open) -> None:
    page = open_page("?panel=gradient&hidden=3&networks=1&dtype=float32")
    expect(page.get_by_text("at ε = 1e-05 in float32")).to_be_visible(timeout=TIMEOUT)
    slider = page.get_by_role("slider").locator("[tabindex='0']")
    slider.focus()
    for _ in range(4):
        slider.press("ArrowRight")
    expect(page.get_by_text("at ε = 0.0001 in float32")).to_be_visible(timeout=TIMEOUT)
    page.wait_for_url("**exponent=-4*")
    page.wait_for_function("document.images.length == 1")


def test_a_gradient_by_hand_of_another_activation_is_refused_in_words(open_page: Open) -> None:
    page = open_page("?panel=gradient&hidden=3&networks=1&activation=relu&mistake=sign")
    expect(status(page)).to_contain_text("whose activation is tanh", timeout=TIMEOUT)


def graph(page: Page) -> str:
    """Return the text of the drawn computation graph."""
    image = page.get_by_role("img", name=re.compile("Computation graph of (one-step|program)"))
    image.wait_for(timeout=TIMEOUT)
    source = image.get_attribute("src")
    assert source is not None
    return base64.b64decode(source.partition(",")[2]).decode()


def test_gradients_flow_back_through_a_step(open_page: Open) -> None:
    page = open_page("?panel=tape&hidden=2&networks=1&few=4&back=2")
    drawn = graph(page)
    assert drawn.count('class="gradient"') == 2
    for name in (">x<", ">W1<", ">b1<", ">w<", ">h<", ">s<"):
        assert name in drawn
    assert "4×2" in drawn
    slider = page.get_by_role("slider").locator("[tabindex='0']")
    slider.focus()
    slider.press("ArrowRight")
    page.wait_for_url("**back=3*")
    eventually(page, lambda: graph(page).count('class="gradient"') == 3)


def test_the_two_programs_are_explained(open_page: Open) -> None:
    page = open_page("?panel=tape&program=program+A")
    assert "y = (y - t)²" not in graph(page)
    expect(page.get_by_text("def step_by_rebinding")).to_be_visible()
    expect(page.get_by_role("cell", name="w.grad after backward: 2(y - t)a + 2w")).to_be_visible()
    page.get_by_label("Program", exact=True).click()
    page.get_by_role("option", name="program B").click()
    expect(page.get_by_role("cell", name="w.grad with del: 2(e - 5)e")).to_be_visible(
        timeout=TIMEOUT
    )
    expect(page.get_by_text(re.compile("^error .*fix:", re.DOTALL)).first).to_be_visible()


@pytest.mark.parametrize("code", ["inplace-after-save", "cut-graph"])
def test_a_classic_mistake_is_explained_with_its_lines(open_page: Open, code: str) -> None:
    page = open_page("?panel=tape&hidden=2&networks=1")
    expected = explain_program(code)
    expect(page.get_by_text("PyTorch says: RuntimeError").first).to_be_visible(timeout=TIMEOUT)
    page.get_by_label("Mistake", exact=True).click()
    page.get_by_role("option", name=code, exact=True).click()
    expect(page.get_by_text(expected.title, exact=True)).to_be_visible(timeout=TIMEOUT)
    marked = page.get_by_text(re.compile("^▶")).all_inner_texts()
    lines = sorted({place.line for found in expected.findings for place in found.places})
    assert [int(text.split()[1]) for text in marked] == lines
    for found in expected.findings:
        expect(page.get_by_text(f"Fix: {found.fix}").first).to_be_visible()


def test_the_test_error_is_that_of_the_network_in_training(open_page: Open) -> None:
    page = open_page(
        "?hidden=5&networks=1&steps=200&pace=50&sets=300&predictor=network+in+training"
    )
    waits_at(page, 0)
    press(page, "Play")
    expect(status(page)).to_contain_text("Step 200 of 200: done", timeout=TIMEOUT)
    page.get_by_role("tab", name="Test error").click()
    expect(page.get_by_text("H = 5 and seed 0 after 200 steps").first).to_be_visible(
        timeout=TIMEOUT
    )
    data = datasets.lab_mixture()
    (one,) = training.fit(5, [0], *data.sample(200, seed=0), steps=200)
    counts = risk.simulate_errors(data.sample, [one.classify], sets=300)[0]
    said = risk.quote(risk.interval(int(counts[0]), 1000), 1000, sampling="drawn class by class")
    expect(page.get_by_text(said)).to_be_visible(timeout=TIMEOUT)
    truth = data.class_errors(one.classify)
    covered = [
        lower <= truth.mean <= upper
        for lower, upper in (stats.binomtest(k, 1000).proportion_ci() for k in counts.tolist())
    ]
    row = page.get_by_role("row").filter(has_text="clopper-pearson").first
    assert f"\t{sum(covered)}\t" in row.inner_text()


def test_more_test_sets_than_the_page_is_quick_enough_for_are_refused(open_page: Open) -> None:
    page = open_page("?panel=test-error&sets=20000&examples=20000")
    expect(status(page)).to_contain_text("at most 20000000 examples", timeout=TIMEOUT)


def test_play_after_pause_is_not_twice_as_fast(open_page: Open) -> None:
    page = open_page("?hidden=3&networks=1&steps=100000&pace=1")
    waits_at(page, 0)

    def steps_in_two_seconds() -> int:
        before = int(status(page).inner_text().split()[1])
        page.wait_for_timeout(2000)
        return int(status(page).inner_text().split()[1]) - before

    press(page, "Play")
    once = steps_in_two_seconds()
    # Pause, play, pause, play: much quicker than a picture.
    page.evaluate(
        "{ const play = [...document.querySelectorAll('button')]"
        ".find(button => button.innerText.includes('Pause'));"
        " for (let n = 0; n < 4; n += 1) play.click(); }"
    )
    page.wait_for_timeout(500)
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    again = steps_in_two_seconds()
    assert 0 < again < 1.6 * once


def test_a_network_whose_truth_is_unknown_is_refused_in_words(open_page: Open) -> None:
    page = open_page(
        "?panel=test-error&predictor=network+in+training&data=moons&hidden=3&networks=1"
    )
    expect(status(page)).to_contain_text("known on the data 'lab' alone", timeout=TIMEOUT)


def test_panels_are_turned_with_the_keyboard(open_page: Open) -> None:
    page = open_page("?hidden=3&sets=50")
    waits_at(page, 0)
    tab = page.get_by_role("tab", name="Test error")
    tab.focus()
    tab.press("Enter")
    expect(page.get_by_role("cell", name="26492")).to_be_visible(timeout=TIMEOUT)
    assert query(page)["panel"] == ["test-error"]


@pytest.mark.parametrize("panel", ["train", "gradient", "tape", "test-error"])
def test_every_control_has_a_name(open_page: Open, panel: str) -> None:
    page = open_page(f"?panel={panel}&sets=50&networks=1&hidden=3")
    if panel == "train":
        waits_at(page, 0)
        page.goto(f"{page.url}&data=own+points&own=1,1,a")
        expect(page.get_by_text("on 1 training point")).to_be_visible(timeout=TIMEOUT)
    else:
        expect(page.locator("figure img").first).to_be_visible(timeout=TIMEOUT)
        expect(page.get_by_text("computing …")).to_have_count(0, timeout=TIMEOUT)
    controls = page.evaluate(
        "[...document.querySelectorAll('input:not([type=file]), button, [role=tab], .q-slider')]"
        ".filter(e => e.offsetParent).map(e => [e.outerHTML, Boolean(e.getAttribute('aria-label')"
        " || e.innerText || e.labels?.length || e.title)])"
    )
    assert len(controls) >= 8
    assert [html for html, named in controls if not named] == []


@pytest.mark.parametrize("panel", ["train", "gradient", "tape", "test-error"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_screen(open_page: Open, panel: str, width: int) -> None:
    page = open_page(f"?panel={panel}&sets=50", width=width, height=844)
    page.wait_for_timeout(2500)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_two_pages_do_not_touch_each_other(open_page: Open) -> None:
    first = open_page("?hidden=3&networks=1&steps=100000")
    second = open_page("?hidden=7&networks=1&steps=100000&data=circles")
    for page in (first, second):
        waits_at(page, 0)
    untouched = boundaries(second)
    press(first, "Play")
    first.wait_for_function(
        "Number(document.querySelector('[role=status]').innerText.split(' ')[1]) >= 50",
        timeout=TIMEOUT,
    )
    waits_at(second, 0)
    assert boundaries(second) == untouched
    set_to(second, "Learning rate", "0.5")
    second.wait_for_url("**rate=0.5*")
    assert "rate" not in query(first)
    press(second, "Step")
    waits_at(second, 1)
