"""load_table: any hospital's table becomes a data set."""

from os import PathLike

import pandas as pd

from .._sklearn import StrOptions, validate_params
from ._assemble import assemble
from ._read_table import read_table

UNCERTAIN = StrOptions({"unknown", "positive", "negative", "raise"})
BLANK = StrOptions({"unknown", "negative", "raise"})
ON_MISSING = StrOptions({"raise", "drop"})


@validate_params(
    {
        "table": [str, PathLike, pd.DataFrame],
        "root": [str, PathLike, None],
        "path": [str, callable, None],
        "patient": [str, callable, None],
        "labels": [str, "array-like", dict, callable, None],
        "part": [str, callable, None],
        "label_names": ["array-like", None],
        "separator": [str],
        "no_finding": [str, list, tuple, None],
        "uncertain": [UNCERTAIN],
        "blank": [BLANK],
        "nested": ["boolean"],
        "on_missing": [ON_MISSING],
        "encoding": [str, None],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_table(
    table,
    root=None,
    *,
    path="path",
    patient=None,
    labels,
    part=None,
    label_names=None,
    separator="|",
    no_finding="No Finding",
    uncertain="unknown",
    blank="unknown",
    nested=False,
    on_missing="raise",
    encoding=None,
    return_X_y=False,
):
    """Make a data set of a table that names film files.

    Parameters
    ----------
    table : str, path or DataFrame
        A CSV file, plain or as Excel saves it: the separator is found out among comma, semicolon,
        tab and bar, a byte order mark is no part of a name, a table with semicolons may have
        decimal commas, and `.gz` is unpacked. Or a Parquet file, or a DataFrame, whose index is
        kept. Empty cells, `NA`, `N/A`, `NaN` and `null` are blank.
    root : str or path, default=None
        Folder that relative file names start from. None: the folder of the table, and the current
        one for a DataFrame. `~` is the home folder, here and in the table.
    path : str or callable, default="path"
        Column of the file names; or a function of the table's DataFrame (whose cells, out of a text
        table, are text) that makes them, such as ``lambda t: t["id"] + ".dcm"``. None: a table
        without films.
    patient : str or callable, default=None
        Column of the patient, or a function of the table. None: the table does not know; `groups`
        is None then, and no split can keep patients whole.
    labels : list of str, dict, str, callable or None
        Where the labels are. A list: columns of 1, 0, -1 (uncertain) and blank. A dict: such
        columns, renamed: ``{"Erguss": "Effusion"}``. A str: one column that names what is there,
        as "Mass|Nodule", as a list, or as the text of one ("['Mass', 'Nodule']"); what a row does
        not name is 0 in it. A callable: a function of the table that returns a DataFrame of 1, 0,
        -1 and NaN. None: films without labels, to predict.
    part : str or callable, default=None
        Column that says which part (train, test) a film is in. A patient in two parts is refused.
    label_names : list of str, default=None
        With one column of names: the labels to keep, in this order. None keeps all, sorted.
    separator : str, default="|"
        Between the names in one column.
    no_finding : str, list of str or None, default="No Finding"
        What is no disease but says that there is none; upper case and underscores do not count. In
        one column of names it stands alone and makes all labels 0. A column of that name is never
        a label: where it is 1, blank labels are 0.
    uncertain : {"unknown", "positive", "negative", "raise"}, default="unknown"
        What -1 becomes. "unknown" is NaN, which losses, metrics, thresholds and calibration leave
        out: nobody has said whether the finding is there.
    blank : {"unknown", "negative", "raise"}, default="unknown"
        What an empty cell becomes. In CheXpert and MIMIC-CXR it means that the report does not
        mention the finding, and in most hospitals' tables that nobody filled it in. Neither is a
        statement that the finding is absent, so that 0 would be made up, and a made-up 0 shows
        in no metric while a NaN is counted by :func:`summarize_labels`. Where the table's
        authors leave out what is absent, say "negative"; the CheXpert baseline does so.
    nested : bool, default=False
        Look for files that are not where the table says in all folders beneath `root`, by file
        name. A name that is there twice is refused.
    on_missing : {"raise", "drop"}, default="raise"
        What to do about films whose file is not there. "drop" leaves them out and lists them in
        `missing`.
    encoding : str, default=None
        Of a CSV file. None: UTF-8, UTF-16 with a byte order mark, and else Windows' western one.
    return_X_y : bool, default=False
        Return ``(frame, labels)`` instead of the Bunch.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        frame, data : DataFrame of n rows
            `path`, `patient`, then all columns of the table that are no labels. It is an X for
            every stage.
        labels, target : DataFrame of shape (n, k)
            int8, or float32 with NaN where a label is unknown.
        groups : ndarray of shape (n,)
            The patients, int64 where all are whole numbers without leading zeros, str otherwise.
        part : ndarray of shape (n,), object, or None
            The part of each film, None where the cell is blank.
        missing : list of str
            Paths of the films that were left out.
        boxes : DataFrame
            Without rows: the columns that other data sets have lesion boxes in.
        DESCR : str
            What was read, and how.
    (frame, labels) : tuple if ``return_X_y=True``

    Raises
    ------
    FileNotFoundError
        The table or films are not there; they are counted and named.
    ValueError
        The table is not what the arguments say; the message names the column, row or file.

    See Also
    --------
    load_chestxray14, load_chexpert, load_mimic_cxr_jpg, load_padchest, load_vindr_cxr

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skcxr.datasets import load_table
    >>> table = pd.DataFrame(
    ...     {"ID": [7, 7, 8], "Age": [50, 51, 9], "Effusion": [1, 0, np.nan], "Mass": [0, -1, 1]}
    ... )
    >>> data = load_table(table, path=None, patient="ID", labels=["Effusion", "Mass"])
    >>> data.labels
       Effusion  Mass
    0       1.0   0.0
    1       0.0   NaN
    2       NaN   1.0
    >>> data.groups.tolist(), list(data.frame)
    ([7, 7, 8], ['patient', 'ID', 'Age'])
    """
    read = read_table(table, encoding)
    bunch = assemble(
        read,
        read.folder if root is None else root,
        path=path,
        patient=patient,
        labels=labels,
        part=part,
        label_names=label_names,
        separator=separator,
        no_finding=[no_finding] if isinstance(no_finding, str) else no_finding or [],
        uncertain=uncertain,
        blank=blank,
        nested=nested,
        on_missing=on_missing,
    )
    return (bunch.frame, bunch.labels) if return_X_y else bunch
