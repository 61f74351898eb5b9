"""Tables as data sets: what is read is what the file holds, and what cannot be is refused."""

import csv
import gzip
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof._core.errors import InputError
from backproof.datasets import Dataset, read_table

Write = Callable[..., Path]

NAMES = ["plain", 'with "quotes"', "it's", "two words", "Größe µ", "select", "a,b", "c0", "A", "a"]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str | bytes, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


@pytest.fixture
def parquet(tmp_path: Path) -> Write:
    def written(query: str, name: str = "table.parquet") -> Path:
        path = tmp_path / name
        duckdb.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
        return path

    return written


def as_csv(path: Path, names: list[str], rows: Any, delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
    return path


def labels_of(data: Dataset) -> list[Any]:
    assert data.t is not None
    labels: list[Any] = data.t.tolist()
    return labels


# What is read


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_numbers_come_back_with_all_their_bits(tmp_path: Path, delimiter: str) -> None:
    x = np.random.default_rng(1).standard_normal((50, 3)) * 10.0 ** np.arange(-200, 400, 200)
    path = as_csv(tmp_path / "x.csv", ["a", "b", "c"], x.tolist(), delimiter)
    data = read_table(path)
    assert np.array_equal(data.x, x)
    assert data.x.dtype == np.float64
    assert data.features == ("a", "b", "c")
    assert data.name == "x.csv"
    assert data.t is None
    assert data.classes == ()
    assert str(data) == "x.csv: 50 rows, 3 features, no labels"


def test_a_tsv_file_is_cut_at_tabs_alone(write: Write) -> None:
    data = read_table(write("a,1\tb,1\n1\t2\n", "table.tsv"))
    assert data.features == ("a,1", "b,1")
    with pytest.raises(InputError, match="column 'a' is not numeric: row 1 holds '1,5'"):
        read_table(write("a\tb\n1,5\t2\n", "table.tsv"))


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_any_line_ending_will_do(write: Write, ending: str) -> None:
    data = read_table(write(ending.join(["a,b", "1,2", "3,4"])))
    assert data.x.tolist() == [[1, 2], [3, 4]]


def test_a_byte_order_mark_is_not_part_of_the_first_name(write: Write) -> None:
    assert read_table(write("\ufeffa,b\n1,2\n")).features == ("a", "b")


def test_a_file_without_names_gets_names_by_place(write: Write) -> None:
    data = read_table(write("1,2,p\n3,4,q\n5,6,p\n"), label="column2")
    assert data.features == ("column0", "column1")
    assert data.x.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_a_column_without_a_name_gets_one_by_place(write: Write) -> None:
    assert read_table(write(",a\n0,5\n1,6\n")).features == ("column0", "a")


def test_compressed_text_is_read(write: Write, tmp_path: Path) -> None:
    assert len(read_table(write(gzip.compress(b"a\n1\n2\n"), "table.csv.gz")).x) == 2
    path = tmp_path / "table.csv.zst"
    duckdb.execute(f"COPY (SELECT 7 AS a, 8 AS b) TO '{path}' (FORMAT csv, COMPRESSION zstd)")
    assert read_table(path).x.tolist() == [[7, 8]]


def test_a_compressed_tsv_file_is_cut_at_tabs(write: Write) -> None:
    path = write(gzip.compress(b"a,1\tb,1\n1\t2\n"), "table.tsv.gz")
    assert read_table(path).features == ("a,1", "b,1")


def test_parquet_gives_what_duckdb_wrote(parquet: Write) -> None:
    path = parquet(
        "SELECT (random() - 0.5) AS a, i AS b, ['u', 'v', 'w'][1 + i % 3] AS y FROM range(999) t(i)"
    )
    data = read_table(path, label="y")
    columns = duckdb.execute(f"SELECT * FROM '{path}'").fetchnumpy()
    assert np.array_equal(data.x, np.column_stack([columns["a"], columns["b"]]))
    assert labels_of(data) == columns["y"].tolist()
    assert data.classes == ("u", "v", "w")


@pytest.mark.parametrize("form", ["csv", "parquet, ROW_GROUP_SIZE 10000"])
def test_the_order_of_many_rows_is_kept(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"many.{form.split(',')[0]}"
    rows = "SELECT i AS a, 0.5 + i AS b FROM range(300000) t(i)"
    duckdb.execute(f"COPY ({rows}) TO '{path}' (FORMAT {form})")
    assert np.array_equal(read_table(path).x[:, 0], np.arange(300_000))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_any_name_of_a_column_works(tmp_path: Path, kind: str) -> None:
    path = as_csv(tmp_path / "names.csv", NAMES, [range(10), range(10, 20), range(20)[5:15]])
    if kind == "parquet":
        as_parquet = pytest.importorskip("pyarrow.parquet")
        as_table = pytest.importorskip("pyarrow").table
        path = tmp_path / "names.parquet"
        as_parquet.write_table(
            as_table([[number, number + 10, number + 5] for number in range(10)], names=NAMES), path
        )
    data = read_table(path)
    assert data.features == tuple(NAMES)
    assert data.x.tolist() == [[*range(10)], [*range(10, 20)], [*range(5, 15)]]
    for place, name in enumerate(NAMES):
        assert read_table(path, features=[name]).x[:, 0].tolist() == [place, place + 10, place + 5]


def test_features_come_in_the_order_asked_for(write: Write) -> None:
    path = write("a,b,y,c\n1,2,p,3\n4,5,q,6\n7,8,p,9\n")
    assert read_table(path, label="y").features == ("a", "b", "c")
    data = read_table(path, label="y", features=("c", "a"))
    assert data.features == ("c", "a")
    assert data.x.tolist() == [[3, 1], [6, 4], [9, 7]]
    assert labels_of(data) == ["p", "q", "p"]


def test_a_column_that_is_not_asked_for_may_hold_anything(write: Write) -> None:
    path = write("a,when,y\n1,2020-01-01,p\n4,,q\n7,n/a,p\n")
    assert read_table(path, label="y", features=["a"]).x.tolist() == [[1], [4], [7]]


@pytest.mark.parametrize(
    "kind",
    [
        *("TINYINT", "SMALLINT", "INTEGER", "BIGINT"),
        *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
        *("FLOAT", "DOUBLE", "DECIMAL(4, 1)", "DECIMAL(30, 10)"),
    ],
)
def test_numbers_of_every_type_are_features(parquet: Write, kind: str) -> None:
    path = parquet(f"SELECT CAST(v AS {kind}) AS a FROM (VALUES (3), (120), (0)) t(v)")
    assert read_table(path).x.tolist() == [[3], [120], [0]]


def test_decimals_are_rounded_to_the_nearest_double(parquet: Write) -> None:
    path = parquet("SELECT unnest([0.1, 123.45, -99.99])::DECIMAL(9, 2) AS a")
    nearest = [float(Decimal(text)) for text in ("0.1", "123.45", "-99.99")]
    assert read_table(path).x[:, 0].tolist() == nearest


def test_booleans_are_features(write: Write, parquet: Write) -> None:
    expected = [[1], [0], [1]]
    assert (
        read_table(write("a,b\ntrue,1\nfalse,1\ntrue,1\n"), features=["a"]).x.tolist() == expected
    )
    assert read_table(parquet("SELECT unnest([true, false, true]) AS a")).x.tolist() == expected


@pytest.mark.parametrize("kind", ["TINYINT", "INTEGER", "BIGINT", "UTINYINT", "UBIGINT"])
def test_whole_numbers_are_labels(parquet: Write, kind: str) -> None:
    path = parquet(f"SELECT 1 AS a, CAST(v AS {kind}) AS y FROM (VALUES (7), (3), (7)) t(v)")
    data = read_table(path, label="y")
    assert data.t is not None
    assert data.t.dtype == np.int64
    assert labels_of(data) == [7, 3, 7]
    assert data.classes == (3, 7)


def test_negative_labels_come_from_text_as_numbers(write: Write) -> None:
    data = read_table(write("a,y\n1,-1\n2,1\n3,-1\n"), label="y")
    assert labels_of(data) == [-1, 1, -1]
    assert str(data) == "table.csv: 3 rows, 1 feature, 2 classes (-1: 2, 1: 1)"


def test_boolean_labels_become_text(write: Write, parquet: Write) -> None:
    data = read_table(write("a,y\n1,yes\n2,no\n3,yes\n"), label="y")
    assert labels_of(data) == ["yes", "no", "yes"]
    path = parquet("SELECT 1 AS a, unnest([true, false, true]) AS y")
    assert labels_of(read_table(path, label="y")) == ["true", "false", "true"]


def test_text_labels_stay_as_they_are(write: Write) -> None:
    data = read_table(write('a,y\n1,007\n2," Ü, ""q"""\n3,007\n'), label="y")
    assert labels_of(data) == ["007", ' Ü, "q"', "007"]
    assert data.classes == (' Ü, "q"', "007")


def test_an_enumeration_is_text(parquet: Write) -> None:
    path = parquet("SELECT 1 AS a, unnest(['u', 'v', 'u'])::ENUM('v', 'u') AS y")
    assert read_table(path, label="y").classes == ("u", "v")


@pytest.mark.parametrize(
    "name", ["a[1].csv", "a*.csv", "?.csv", "[!a].csv", "it's.csv", "a b$path.csv", "x=1/t.csv"]
)
def test_the_name_of_a_file_is_taken_literally(write: Write, name: str) -> None:
    write("a\n5\n", "a1.csv")
    write("a\n6\n", "b.csv")
    data = read_table(write("a\n7\n", name))
    assert data.x.tolist() == [[7]]
    assert data.features == ("a",)


def test_a_parquet_name_is_taken_literally(parquet: Write, tmp_path: Path) -> None:
    (tmp_path / "x=1").mkdir()
    data = read_table(parquet("SELECT 7 AS a", "x=1/[*].parquet"))
    assert data.features == ("a",)


def test_a_relative_path_and_text_will_do(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write("a\n7\n")
    monkeypatch.chdir(tmp_path)
    assert read_table("table.csv").x.tolist() == [[7]]


# What is refused


def refused(path: Path | str, *, label: str | None = None, features: Any = None) -> str:
    with pytest.raises(InputError) as caught:
        read_table(path, label=label, features=features)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", ["nope.csv", "*.csv", "https://example.org/a.csv"])
def test_a_file_that_is_not_there_is_refused(write: Write, tmp_path: Path, name: str) -> None:
    write("a\n1\n", "there.csv")
    path = name if "//" in name else str(tmp_path / name)
    assert "there is no file" in refused(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "is a folder" in refused(tmp_path)


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"a,b\n\xff,2\n", "table.csv", "not utf-8"),
        (b"hello", "table.parquet", "too small to be a Parquet file"),
        (b"x" * 1000, "table.parquet", "No magic bytes"),
        (b"a,b\n1,2\n", "table.csv.gz", "GZIP"),
    ],
)
def test_what_is_no_table_is_refused(write: Write, content: bytes, name: str, reason: str) -> None:
    message = refused(write(content, name))
    assert "cannot be read as a table" in message
    assert reason in message


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(("cells", "count"), [(["1", "2", "3"], 3), (["1"], 1)])
def test_a_line_of_another_length_is_refused_with_its_number(
    write: Write, delimiter: str, cells: list[str], count: int
) -> None:
    lines = [["a", "b"], *[["1", "2"]] * 5000, cells]
    message = refused(write("\n".join(map(delimiter.join, lines))))
    assert re.search(rf"Line: 5002: Expected Number of Columns: 2 Found: {count}", message)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b\rc,d\n1\n2,3,4\n", "cannot be read as a table"),
        ("x" * 200_000 + ",b\n1\n2,3,4\n", "is not numeric: row 2 holds '2,3,4'"),
    ],
)
def test_a_first_line_whose_cells_cannot_be_counted_is_refused_too(
    write: Write, text: str, reason: str
) -> None:
    message = refused(write(text))
    assert reason in message
    assert len(message) < 400


def test_no_line_is_dropped_as_a_comment(write: Write) -> None:
    assert "Line: 3" in refused(write("a,b\n1,2\n# note\n3,4\n"))
    assert "row 2 holds '#1'" in refused(write("a,b\n1,2\n#1,2\n3,4\n"))


@pytest.mark.parametrize("text", ["", "a,b\n", "a,b"])
def test_a_text_file_without_rows_is_refused(write: Write, text: str) -> None:
    assert "has no rows" in refused(write(text))


def test_a_parquet_file_without_rows_is_refused(parquet: Write) -> None:
    path = parquet("SELECT 1 AS a, 'p' AS y LIMIT 0")
    assert "has no rows" in refused(path, label="y")


def test_an_unknown_column_is_refused_with_the_nearest(write: Write) -> None:
    path = write("width,height,kind\n1,2,p\n")
    columns = "its columns are 'width', 'height', 'kind'"
    assert refused(path, label="KIND").endswith(
        f"has no column 'KIND': {columns}; did you mean 'kind'?"
    )
    assert refused(path, features=["witdh"]).endswith(f"{columns}; did you mean 'width'?")
    assert refused(path, features=["zebra"]).endswith(columns)


def test_many_columns_are_not_listed(write: Write) -> None:
    names = [f"pixel{number}" for number in range(40)]
    path = write(",".join(names) + "\n" + ",".join("1" * 40) + "\n")
    assert refused(path, label="pixl7").endswith("it has 40 columns; did you mean 'pixel7'?")


def test_columns_of_one_name_are_refused(write: Write) -> None:
    assert "has 2 columns named 'a'" in refused(write("a,b,a\n1,2,3\n"))


def test_parquet_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    as_parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "twice.parquet"
    nested = [{"a": 1, "c": [1, 2]}]
    as_parquet.write_table(pyarrow.table([nested, [1], [2]], names=["s", "a", "b"]), path)
    assert read_table(path, features=["a", "b"]).x.tolist() == [[1, 2]]
    as_parquet.write_table(pyarrow.table([nested, [1], [2]], names=["s", "a", "a"]), path)
    assert "has 2 columns named 'a'" in refused(path)


@pytest.mark.parametrize(
    ("features", "label", "reason"),
    [
        ("a", None, "features must be a list of column names, got the text 'a'"),
        ([], None, "at least one column with a feature"),
        (["a", "b", "a"], None, "got 'a' twice"),
        (["a", "y"], "y", "column 'y' holds the labels: leave it out of features"),
    ],
)
def test_a_wrong_choice_of_features_is_refused(
    write: Write, features: Any, label: str | None, reason: str
) -> None:
    assert reason in refused(write("a,b,y\n1,2,p\n"), label=label, features=features)


def test_a_table_of_labels_alone_is_refused(write: Write) -> None:
    assert "at least one column with a feature" in refused(write("y\np\nq\np\n"), label="y")


@pytest.mark.parametrize("row", [1, 17, 30_000])
def test_one_bad_cell_is_refused_with_its_row_and_value(write: Write, row: int) -> None:
    cells = ["40"] * 30_000
    cells[row - 1] = "n/a"
    cells[-1] = cells[-1] if row == 30_000 else "unknown"
    message = refused(write("age,b\n" + "".join(f"{cell},1\n" for cell in cells)))
    assert message.startswith(f"column 'age' is not numeric: row {row} holds 'n/a';")


@pytest.mark.parametrize("cell", ["2020-01-31", "12:30", "2020-01-31 12:30:00", "1,5", "12 kg"])
def test_dates_times_and_text_are_no_features(write: Write, cell: str) -> None:
    message = refused(write(f'a,b\n1,"{cell}"\n2,"{cell}"\n'))
    assert f"column 'b' is not numeric: row 1 holds '{cell}'" in message


@pytest.mark.parametrize(
    "value", ["DATE '2020-01-31'", "TIME '12:30:00'", "'x'", "'5'::BLOB", "[1, 2]", "{'a': 1}"]
)
def test_other_types_of_parquet_are_no_features(parquet: Write, value: str) -> None:
    assert "column 'b' is not numeric: row 1 holds" in refused(
        parquet(f"SELECT 1 AS a, {value} AS b")
    )


def test_a_long_cell_is_cut_in_the_message(write: Write) -> None:
    message = refused(write("a,b\n1," + "x" * 5000 + "\n"))
    assert "x" * 60 + "'…" in message
    assert len(message) < 300


@pytest.mark.parametrize("empty", ["", '""'])
def test_an_empty_feature_is_refused_with_its_row(write: Write, empty: str) -> None:
    message = refused(write(f"a,b\n1,2\n3,4\n5,{empty}\n,6\n"), features=["b", "a"])
    assert message.startswith("column 'b' is empty in row 3:")


def test_a_null_is_refused_with_its_row(parquet: Write) -> None:
    assert "column 'a' is empty in row 2" in refused(parquet("SELECT unnest([1, NULL, 3]) AS a"))


@pytest.mark.parametrize("cell", ["NaN", "inf", "-inf", "1e400"])
def test_a_feature_that_is_not_finite_is_refused_with_its_row(write: Write, cell: str) -> None:
    message = refused(write(f"a,b\n1,2\n3,{cell}\n5,6\n"))
    assert message.startswith(f"column 'b' is not finite: row 2 holds '{cell}';")


def test_a_nan_in_parquet_is_refused_with_its_row(parquet: Write) -> None:
    path = parquet("SELECT unnest([1.5, 2.5, 'nan'::DOUBLE]) AS a")
    assert "column 'a' is not finite: row 3 holds 'nan'" in refused(path)


@pytest.mark.parametrize("blank", ["", '""', '"  "'])
def test_a_missing_label_is_refused_with_its_row(write: Write, blank: str) -> None:
    message = refused(write(f"a,y\n1,p\n2,{blank}\n3,q\n4,{blank}\n5,p\n"), label="y")
    assert message.startswith("column 'y' has no label in row 2:")


@pytest.mark.parametrize("values", ["0.5,1.5,0.5", "0.0,1.0,0.0", "1,1e3,1"])
def test_floats_are_no_labels(write: Write, values: str) -> None:
    rows = "".join(f"1,{value}\n" for value in values.split(","))
    message = refused(write("a,y\n" + rows), label="y")
    assert "labels must be whole numbers, booleans or text" in message
    assert "column 'y' is of the type DOUBLE" in message
    assert "0.5 is a regression target" in message
    assert "store them as whole numbers" in message


@pytest.mark.parametrize("kind", ["FLOAT", "DOUBLE", "DECIMAL(5, 0)"])
def test_no_type_with_fractions_is_a_label(parquet: Write, kind: str) -> None:
    path = parquet(f"SELECT 1 AS a, CAST(unnest([0, 1, 0]) AS {kind}) AS y")
    assert "regression target" in refused(path, label="y")


@pytest.mark.parametrize("value", ["DATE '2020-01-31'", "[1]", "'p'::BLOB"])
def test_other_types_are_no_labels(parquet: Write, value: str) -> None:
    message = refused(parquet(f"SELECT 1 AS a, {value} AS y"), label="y")
    assert "store the class of each row as text" in message


def test_labels_beyond_64_bits_are_refused(write: Write) -> None:
    message = refused(write(f"a,y\n1,1\n2,{2**70}\n3,1\n"), label="y")
    assert message.startswith(f"column 'y' has the label '{2**70}' in row 2, which does not fit")


def test_a_single_class_is_refused(write: Write) -> None:
    assert "holds the label 'p' in every row" in refused(write("a,y\n1,p\n2,p\n"), label="y")
    assert "holds the label 4 in every row" in refused(write("a,y\n1,4\n"), label="y")


@pytest.mark.parametrize("labels", ["pqr", "123"])
def test_labels_that_all_differ_are_refused(write: Write, labels: str) -> None:
    path = write("a,y\n" + "".join(f"1,{label}\n" for label in labels))
    message = refused(path, label="y")
    assert "another label in each of its 3 rows" in message
    assert "identifiers" in message


# Whatever comes

CELLS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=6),
    st.sampled_from(["1", "2", "-3.5", "p", "q", "true", "nan", "", "1e9", "2020-01-01", "#", '"']),
)
LINES = st.lists(st.lists(CELLS, max_size=4), max_size=8)
ALMOST_TABLES = st.builds(
    lambda names, rows: [names, *rows],
    st.permutations(["a", "b", "1"]),
    st.lists(
        st.lists(
            st.sampled_from(["0", "1", "2", "-3.5"]) | st.sampled_from(["7", "p", "nan", ""]),
            min_size=3,
            max_size=3,
        ),
        min_size=1,
        max_size=5,
    ),
)
TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8")),
    st.text('ab1,;"\n\r\t .#-', max_size=40),
    st.builds(
        lambda lines, delimiter, ending: ending.join(map(delimiter.join, lines)),
        LINES | ALMOST_TABLES,
        st.sampled_from([",", ";", "\t"]),
        st.sampled_from(["\n", "\r\n"]),
    ),
)


@given(text=st.one_of(TEXTS.map(str.encode), st.binary()), label=st.sampled_from([None, "a", "1"]))
def test_any_text_gives_a_data_set_or_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, label: str | None
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(text)
    try:
        data = read_table(path, label=label)
    except InputError:
        return
    assert data.x.ndim == 2
    assert data.x.shape[1] == len(data.features) > 0
    assert np.isfinite(data.x).all()
    if data.t is not None:
        assert len(data.t) == len(data.x) > len(data.classes) > 1


@given(content=st.binary())
def test_any_bytes_that_are_called_parquet_are_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.parquet"
    path.write_bytes(content)
    assert "cannot be read as a table" in refused(path)


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(
    rows=st.lists(st.tuples(FINITE, FINITE, st.sampled_from(["p", "q, r", 's"t'])), min_size=4),
    delimiter=st.sampled_from([",", ";", "\t"]),
)
def test_any_numbers_and_labels_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[float, float, str]],
    delimiter: str,
) -> None:
    path = as_csv(tmp_path_factory.getbasetemp() / "rows.csv", ["a", "b", "y"], rows, delimiter)
    if len({row[2] for row in rows}) == 1:
        assert "in every row" in refused(path, label="y")
        return
    data = read_table(path, label="y")
    assert data.x.tolist() == [list(row[:2]) for row in rows]
    assert labels_of(data) == [row[2] for row in rows]
