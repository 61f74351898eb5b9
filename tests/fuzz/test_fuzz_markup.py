"""No text of the user's is markup: names of files, of columns, of classes."""

from pathlib import Path

from tests.fuzz.inputs import run

EVIL = "</script><img src=x onerror=alert(1)>"


def test_no_text_of_the_users_is_markup(tmp_path: Path) -> None:
    folder = tmp_path / "run of <img src=x onerror=1>"
    folder.mkdir()
    rows = [f'"{EVIL}",b,"{EVIL}"', "a,b,c", "b,b,c"] * 20
    table = folder / "<img onerror=1>.csv"
    table.write_text("\n".join([f'"label {EVIL}",p,"{EVIL}"', *rows]), encoding="utf-8")
    page = tmp_path / "page.html"
    code, printed = run(
        "certify", str(table), "--label", f"label {EVIL}", "--prediction", "p", "--by", EVIL,
        "--html", str(page),
    )  # fmt: skip
    assert code == 0, printed
    text = page.read_text(encoding="utf-8")
    assert "<img" not in text
    assert "&lt;img" in text

    features = "\n".join(
        [
            f'"u {EVIL}",v,"kind {EVIL}"',
            *[f'{n % 7},{n % 5},"{EVIL if n % 2 else "no"}"' for n in range(60)],
        ]
    )
    table.write_text(features, encoding="utf-8")
    out = tmp_path / "model"
    code, printed = run(
        "train", str(table), "--label", f"kind {EVIL}", "--hidden", "2", "--seeds", "2",
        "--steps", "5", "--out", str(out),
    )  # fmt: skip
    assert code == 0, printed
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "onerror=alert(1)&gt;" in report
    assert "<img src=x" not in report
    assert report.count("<script") <= 1
