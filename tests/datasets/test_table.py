import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skcxr.datasets import load_table

HEADER = ["file", "PatientID", "Age", "Weight", "Mass", "Pleural Effusion"]
ROWS = [
    ["ward A/one 1.png", "007", "50", "3.5", "1", "0"],
    ["ward A/two 1.png", "007", "51", "4", "0", ""],
    ["ward B/three.png", "12", "", "60.25", "", "-1"],
]
LABELS = ["Mass", "Pleural Effusion"]
NAN = np.nan


@pytest.fixture
def films(tmp_path):
    """A folder with a space in its name, films in folders beneath it."""
    root = tmp_path / "films of 2019"
    for row in ROWS:
        path = root / row[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"film")
    return root


def _csv(separator=",", newline="\n", rows=ROWS, header=HEADER):
    return newline.join(separator.join(cells) for cells in [header, *rows]) + newline


def _write(root, text, name="table.csv"):
    path = root / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def _load(table, *args, **kwargs):
    return load_table(
        table, *args, **({"path": "file", "patient": "PatientID", "labels": LABELS} | kwargs)
    )


def _comma(text):
    return text.replace(".5", ",5").replace(".25", ",25")


EXCEL = ("\ufeff" + _comma(_csv(";", "\r\n")) + ";;;;;\r\n").encode()
FORMS = {
    "plain.csv": _csv().encode(),
    "excel.csv": EXCEL,
    "hint.csv": b"sep=;\r\n" + _comma(_csv(";", "\r\n")).encode(),
    "mac.csv": _csv(";", "\r").encode(),
    "tab.tsv": _csv("\t").encode(),
    "bar.txt": _csv("|").encode(),
    "unicode.txt": _csv("\t").encode("utf-16"),
    "zipped.csv.gz": gzip.compress(_csv().encode()),
    "index.csv": _csv(
        header=["", *HEADER], rows=[[str(i), *r] for i, r in enumerate(ROWS)]
    ).encode(),
    "trailing.csv": _csv(header=[*HEADER, ""], rows=[[*r, ""] for r in ROWS]).encode(),
    "quoted.csv": "\n".join(
        ",".join(f'"{cell}"' for cell in cells) for cells in [HEADER, *ROWS]
    ).encode(),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_text(films, name):
    data = _load(_write(films, FORMS[name], name))
    assert data.frame["path"].tolist() == [str(films / row[0]) for row in ROWS]
    assert data.groups.tolist() == ["007", "007", "12"]
    np.testing.assert_array_equal(data.frame["patient"], data.groups)
    np.testing.assert_array_equal(data.frame["Age"], [50, 51, NAN])
    assert data.frame["Weight"].tolist() == [3.5, 4, 60.25]
    columns = [name for name in data.frame if not name.startswith("Unnamed")]
    assert columns == ["path", "patient", "file", "PatientID", "Age", "Weight"]
    np.testing.assert_array_equal(data.labels, [[1, 0], [0, NAN], [NAN, NAN]])
    assert list(data.labels) == LABELS
    assert data.target is data.labels
    assert data.data is data.frame
    assert data.part is None
    assert data.missing == []
    assert data.boxes.empty
    assert "3 films of 2 patients, 2 labels" in data.DESCR


def test_western_windows_text(films):
    table = _write(films, _csv(header=[*HEADER[:4], "Erguß", "Mass"]).encode("cp1252"))
    assert list(_load(table, labels=["Erguß"]).labels) == ["Erguß"]
    with pytest.raises(ValueError, match=r"is not a text table.*utf-8"):
        _load(table, encoding="utf-8")


def test_a_frame_keeps_its_index_and_its_types(films):
    table = pd.DataFrame(
        {
            "file": [Path(row[0]) for row in ROWS],
            "PatientID": pd.array([7, 7, 12], dtype="Int64"),
            "when": pd.to_datetime(["2020-01-01"] * 3),
            "Mass": pd.array([True, False, None], dtype="boolean"),
            "Pleural Effusion": pd.array([0, None, -1], dtype="Int8"),
        },
        index=["a", "b", "c"],
    )
    data = _load(table, films)
    np.testing.assert_array_equal(data.labels, [[1, 0], [0, NAN], [NAN, NAN]])
    assert data.groups.tolist() == [7, 7, 12]
    assert data.groups.dtype == np.int64
    assert list(data.frame.index) == list(data.labels.index) == ["a", "b", "c"]
    assert data.frame["when"].dtype == table["when"].dtype
    assert "path" not in table
    (films / ROWS[1][0]).unlink()
    left = _load(table, films, on_missing="drop")
    assert list(left.frame.index) == list(left.labels.index) == ["a", "c"]


def test_parquet(films):
    table = pd.DataFrame(ROWS, columns=HEADER)
    table["findings"] = [["Mass", "Nodule"], [], ["No Finding"]]
    path = films / "table.parquet"
    table.to_parquet(path)
    data = _load(path, labels="findings")
    assert data.labels.to_dict("list") == {"Mass": [1, 0, 0], "Nodule": [1, 0, 0]}
    assert data.frame["Weight"].tolist() == ["3.5", "4", "60.25"]  # types are the file's own
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(ValueError, match=r"table.parquet is not a Parquet file"):
        _load(path)


def test_parquet_without_an_engine(films, monkeypatch):
    def read_parquet(path):
        raise ImportError("Unable to find a usable engine")

    monkeypatch.setattr(pd, "read_parquet", read_parquet)
    path = _write(films, b"PAR1", "table.parquet")
    with pytest.raises(ImportError, match=r"table.parquet: pandas reads Parquet with pyarrow or"):
        _load(path)


@pytest.mark.parametrize(
    ("uncertain", "expected"), [("unknown", NAN), ("positive", 1), ("negative", 0)]
)
@pytest.mark.parametrize(("blank", "empty"), [("unknown", NAN), ("negative", 0)])
def test_c9_policies(films, uncertain, expected, blank, empty):
    data = _load(_write(films, _csv()), uncertain=uncertain, blank=blank)
    np.testing.assert_array_equal(data.labels, [[1, 0], [0, empty], [empty, expected]])
    known = not np.isnan([expected, empty]).any()
    assert (data.labels.dtypes == (np.int8 if known else np.float32)).all()


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1,0", " 0 ", "\N{MINUS SIGN}1"], [1, 0, NAN]),
        (["True", "FALSE", "n/a"], [1, 0, NAN]),
        ([1.0, np.float32(0), None], [1, 0, NAN]),
        (pd.Categorical(["1", "0", None]), [1, 0, NAN]),
    ],
)
def test_spellings_of_marks(films, cells, expected):
    table = pd.DataFrame(ROWS, columns=HEADER).assign(Mass=cells)
    np.testing.assert_array_equal(_load(table, films, labels=["Mass"]).labels["Mass"], expected)


def test_c9_refusing_policies(films):
    table = _write(films, _csv())
    with pytest.raises(ValueError, match=r"data row 2: label 'Pleural Effusion' is -1, one of 1"):
        _load(table, uncertain="raise")
    with pytest.raises(ValueError, match=r"row 1: label 'Pleural Effusion' is blank, one of 2"):
        _load(table, blank="raise")
    with pytest.raises(ValueError, match="'uncertain' parameter"):
        _load(table, uncertain="ones")


def test_no_finding_is_no_disease(films):
    rows = [[*row, flag] for row, flag in zip(ROWS, ["", "0", "1"], strict=True)]
    table = _write(films, _csv(header=[*HEADER, "no_finding"], rows=rows))
    data = _load(table, labels=[*LABELS, "no_finding"])
    assert list(data.labels) == LABELS
    # The third film is said to show nothing: its blank is 0. What stands in a cell stays.
    np.testing.assert_array_equal(data.labels, [[1, 0], [0, NAN], [0, NAN]])
    assert "no_finding" not in data.frame
    pd.testing.assert_frame_equal(_load(table).labels, data.labels)
    assert "no_finding" in _load(table, no_finding=None).frame


def test_c9_names_in_one_column(films):
    cells = ["Mass|Pleural Effusion", "No Finding", ""]
    table = pd.DataFrame(ROWS, columns=HEADER).assign(found=cells)
    data = _load(table, films, labels="found")
    np.testing.assert_array_equal(data.labels, [[1, 1], [0, 0], [NAN, NAN]])
    assert list(data.labels) == LABELS
    assert "found" not in data.frame
    same = table.assign(found=[c.replace("|", " / ") for c in cells])
    pd.testing.assert_frame_equal(
        _load(same, films, labels="found", separator="/").labels, data.labels
    )
    one = _load(table, films, labels="found", label_names=["Pleural Effusion"]).labels
    pd.testing.assert_frame_equal(one, data.labels[["Pleural Effusion"]])
    negative = _load(table, films, labels="found", blank="negative").labels
    assert negative.iloc[2].tolist() == [0, 0]


@pytest.mark.parametrize(
    "cells",
    [
        ["['Mass', ' Pleural Effusion']", "[]", "['Mass', ]"],
        ['["Mass", "Pleural Effusion"]', "['No Finding']", "['Mass']"],
        [["Mass", "Pleural Effusion"], (), {"Mass"}],
        [np.array(["Mass", "Pleural Effusion"]), np.array([]), ["Mass", ""]],
    ],
)
def test_c9_lists_of_names(films, cells):
    table = pd.DataFrame(ROWS, columns=HEADER).assign(found=cells)
    data = _load(table, films, labels="found")
    np.testing.assert_array_equal(data.labels, [[1, 1], [0, 0], [1, 0]])


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (
            "['Mass' 'Effusion']",
            "data row 2: 'found' is .*, which is not a list of names",
        ),  # printed
        ("Mass|No finding", "data row 2: 'found' has 'No finding' beside a finding: Mass"),
        (3, "data row 2: 'found' is 3; accepted are names set apart by '|'"),
    ],
)
def test_bad_names_in_one_column(films, cell, message):
    table = pd.DataFrame(ROWS, columns=HEADER).assign(found=["Mass", "Mass", cell])
    with pytest.raises(ValueError, match=message.replace("|'", r"\|'")):
        _load(table, films, labels="found")


def test_labels_renamed_and_made(films):
    table = _write(films, _csv())
    renamed = _load(table, labels={"Mass": "Tumour", "Pleural Effusion": "Effusion"}).labels
    assert list(renamed) == ["Tumour", "Effusion"]
    made = _load(
        table,
        labels=lambda t: pd.DataFrame({"Old": (t["Age"].fillna("0").astype(int) > 50) * 1}),
        path=lambda t: t["file"],
        patient=lambda t: [name.split("/")[0] for name in t["file"]],
    )
    assert made.labels["Old"].tolist() == [0, 1, 0]
    assert made.groups.tolist() == ["ward A", "ward A", "ward B"]
    assert "Mass" in made.frame
    with pytest.raises(ValueError, match=r"must return a DataFrame of labels .* 3 rows; got list"):
        _load(table, labels=lambda t: [1, 0, 1])
    with pytest.raises(ValueError, match=r"patient\(table\) must return one value for each of"):
        _load(table, patient=lambda t: ["a"])


def test_films_without_labels(films):
    data = _load(_write(films, _csv()), labels=None)
    assert data.labels is data.target is None
    assert "Mass" in data.frame
    assert load_table(_write(films, _csv()), path=None, labels=["Mass"]).groups is None


def test_every_missing_column_is_named(films):
    with pytest.raises(
        ValueError,
        match=r"table.csv has no column 'File', 'patient', 'Hernia'; it has 'file', 'PatientID', ",
    ):
        load_table(_write(films, _csv()), path="File", patient="patient", labels=["Mass", "Hernia"])
    with pytest.raises(
        ValueError, match=r"no column 'path'; .* path= names the column of the films"
    ):
        load_table(_write(films, _csv()), labels=["Mass"])
    table = pd.DataFrame(ROWS, columns=HEADER).assign(found="Mass|Nodule")
    with pytest.raises(ValueError, match=r"never has 'Hernia'; it has 'Mass', 'Nodule'\."):
        _load(table, films, labels="found", label_names=["Mass", "Hernia"])
    with pytest.raises(ValueError, match="data row 0: label 'Age' is '50'; accepted are 1, 0, -1"):
        _load(_write(films, _csv()), labels=["Age"])


def test_missing_films(films):
    table = _write(films, _csv())
    (films / ROWS[1][0]).unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of the 3 films .*two 1.png; .*on_missing="):
        _load(table)
    data = _load(table, on_missing="drop")
    assert data.groups.tolist() == ["007", "12"]
    assert list(data.labels.index) == list(data.frame.index) == [0, 1]
    assert data.missing == [str(films / ROWS[1][0])]
    assert "1 films that are not there: " in data.DESCR
    (films / ROWS[1][0]).mkdir()  # a folder is no film
    assert len(_load(table, on_missing="drop").frame) == 2
    with pytest.raises(FileNotFoundError, match="3 of the 3 films"):
        _load(table, films / "elsewhere", on_missing="drop")


def test_where_films_are(films, monkeypatch, tmp_path):
    rows = [[row[0].replace("/", "\\"), *row[1:]] for row in ROWS]
    table = _write(films, _csv(rows=rows))  # as Windows writes paths
    expected = [str(films / row[0]) for row in ROWS]
    assert _load(table).frame["path"].tolist() == expected
    monkeypatch.setenv("HOME", str(tmp_path))
    rows = [[f"~/films of 2019/{row[0]}", *row[1:]] for row in ROWS]
    table = _write(films, _csv(rows=rows))
    assert _load("~/films of 2019/table.csv").frame["path"].tolist() == expected
    rows = [[str(films / row[0]), *row[1:]] for row in ROWS]
    table = _write(tmp_path, _csv(rows=rows))
    assert _load(table, "/nowhere").frame["path"].tolist() == expected


def test_films_in_folders_that_the_table_does_not_name(films, tmp_path):
    rows = [[Path(row[0]).name, *row[1:]] for row in ROWS]
    table = _write(tmp_path, _csv(rows=rows))
    with pytest.raises(FileNotFoundError, match="3 of the 3 films"):
        _load(table)
    data = _load(table, nested=True)
    assert data.frame["path"].tolist() == [str(films / row[0]) for row in ROWS]
    (films / "ward B" / "one 1.png").write_bytes(b"another")
    with pytest.raises(ValueError, match=r"one 1.png is in more than one folder beneath"):
        _load(table, nested=True)


def test_films_listed_twice(films):
    table = _write(films, _csv(rows=[*ROWS, [f"ward B/../{ROWS[0][0]}", *ROWS[0][1:]]]))
    with pytest.raises(ValueError, match=r"lists 1 films more than once: .*one 1.png\."):
        _load(table)


def test_parts(films):
    rows = [[*row, part] for row, part in zip(ROWS, ["train", "train", "test"], strict=True)]
    header = [*HEADER, "split"]
    data = _load(_write(films, _csv(rows=rows, header=header)), part="split")
    assert data.part.tolist() == ["train", "train", "test"]
    rows[1][-1] = ""
    assert _load(_write(films, _csv(rows=rows, header=header)), part="split").part[1] is None
    rows[1][-1] = "test"
    table = _write(films, _csv(rows=rows, header=header))
    with pytest.raises(ValueError, match=r"1 patients .*: 007 \(train and test\); a model"):
        _load(table, part="split")
    assert _load(table).part is None


@pytest.mark.parametrize(
    ("patients", "expected"),
    [
        (["1", "01", "2"], ["1", "01", "2"]),
        (["1", "10", "2"], [1, 10, 2]),
        (["a", " b", "2"], ["a", "b", "2"]),
        ([1.0, 1.0, 2.0], [1, 1, 2]),
        (["12345678901234567890123", "2", "2"], ["12345678901234567890123", "2", "2"]),
    ],
)
def test_patients(films, patients, expected):
    table = pd.DataFrame(ROWS, columns=HEADER).assign(PatientID=patients)
    assert _load(table, films).groups.tolist() == expected


@pytest.mark.parametrize("nobody", [None, " ", NAN])
def test_c6_missing_patient(films, nobody):
    table = pd.DataFrame(ROWS, columns=HEADER).assign(PatientID=["a", nobody, "b"])
    with pytest.raises(ValueError, match="data row 1: column 'PatientID' names no patient"):
        _load(table, films)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_csv(rows=[]), "has no rows"),
        ("", "has no header"),
        (_csv(header=[*HEADER[:5], "Mass"]), "has more than one column Mass"),
        (_csv(rows=[[*ROWS[0], "surplus"]]), "line 2: 7 cells, and the header has 6"),
        (_csv(rows=[["", *ROWS[0][1:]]]), "data row 0: column 'file' has no file name"),
        (_csv() + '"open', "line 5: unexpected end of data"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\r", "is not a text table"),
    ],
)
def test_bad_tables(films, text, message):
    with pytest.raises(ValueError, match=message):
        _load(_write(films, text))


def test_what_is_no_table(films):
    with pytest.raises(FileNotFoundError, match=r"nowhere.csv: there is no such table"):
        _load(films / "nowhere.csv")
    with pytest.raises(ValueError, match=r"table.xlsx is a spreadsheet; save it as CSV"):
        _load(_write(films, b"PK", "table.xlsx"))
    with pytest.raises(ValueError, match="is not a text table"):
        _load(_write(films, b"no gzip", "table.csv.gz"))
    table = pd.DataFrame(ROWS, columns=HEADER)
    with pytest.raises(ValueError, match="index names rows more than once"):
        _load(pd.concat([table, table]), films)
    with pytest.raises(ValueError, match=r"has a column 'path' beside the one that path= names"):
        _load(table.assign(path="x"), films)
    with pytest.raises(ValueError, match="label_names chooses among the names in one column"):
        _load(table, films, label_names=["Mass"])


def test_return_X_y(films):
    X, y = _load(_write(films, _csv()), return_X_y=True)
    assert list(X)[:2] == ["path", "patient"]
    assert list(y) == LABELS
