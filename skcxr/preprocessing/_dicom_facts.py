"""dicom_facts: how films were taken and stored, as a table."""

import pandas as pd

from .._decode._dicom import read_facts
from ._films import paths_and_index

__all__ = ["dicom_facts"]

_COLUMNS = (
    "modality body_part view orientation laterality photometric height width bits frames "
    "row_spacing_mm column_spacing_mm spacing_at window_centre window_width encoding"
).split()
_INTEGERS = ["height", "width", "bits", "frames"]
_NUMBERS = ["row_spacing_mm", "column_spacing_mm", "window_centre", "window_width"]


def dicom_facts(X):
    """Read how DICOM films were taken and stored, without decoding them.

    Parameters
    ----------
    X : str or path-like, sequence of paths, or DataFrame with a ``path`` column
        A folder, which is searched with all its subfolders for image files, or the films.

    Returns
    -------
    DataFrame of shape (n, 18)
        One row per film, with the index of X where X is a table: ``path``, ``error`` (why a file
        has no facts), ``modality``, ``body_part``, ``view`` (ViewPosition: PA, AP, LL, …),
        ``orientation`` (PatientOrientation: where the rows and the columns run to, such as
        ``L/F``), ``laterality``, ``photometric``, ``height``, ``width``, ``bits`` (stored),
        ``frames``, ``row_spacing_mm`` and ``column_spacing_mm`` with ``spacing_at`` (``patient``
        from PixelSpacing, ``detector`` from ImagerPixelSpacing, which magnification makes larger
        than it is in the patient), ``window_centre`` and ``window_width`` (of the first window),
        ``encoding``.

    Raises
    ------
    FileNotFoundError, ValueError
        When there is no film at all. Files that are no DICOM files are rows without facts.

    Notes
    -----
    Nothing that identifies a patient is read. Age and sex are not read either: many archives keep
    them beside a birth date, and a table of one's own has them.

    Examples
    --------
    >>> from pydicom.data import get_testdata_file
    >>> from skcxr.preprocessing import dicom_facts
    >>> facts = dicom_facts([get_testdata_file("MR_small.dcm", read=False)])
    >>> print(facts[["modality", "photometric", "bits", "window_width"]])
      modality  photometric  bits  window_width
    0       MR  MONOCHROME2    16        1600.0
    """
    paths, index = paths_and_index(X)
    rows = []
    for path in paths:
        row = dict.fromkeys(_COLUMNS, "") | dict.fromkeys(_INTEGERS + _NUMBERS)
        row |= {"path": path, "error": ""}
        try:
            row |= read_facts(path)
        except (FileNotFoundError, ValueError) as error:
            row["error"] = str(error)
        rows.append(row)
    frame = pd.DataFrame(rows, index=index, columns=["path", "error", *_COLUMNS])
    frame[_INTEGERS] = frame[_INTEGERS].astype("Int64")
    frame[_NUMBERS] = frame[_NUMBERS].astype(float)
    return frame
