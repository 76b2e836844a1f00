"""Films, folds of patients, and where the films came from."""

import numpy as np
import pandas as pd

from skcxr import load_chestxray14
from skcxr.model_selection import MultilabelStratifiedGroupKFold


def load(data_dir, sources=None):
    """Read the tables of a folder.

    Parameters
    ----------
    data_dir : Path
        Any part of ChestX-ray14 in its own layout.
    sources : Path or None
        CSV of image and source; None takes ``sources.csv`` of the folder, where there is one.

    Returns
    -------
    Bunch
        As of ``load_chestxray14``, groups as a Series, and ``source``, a Series or None.
    """
    data = load_chestxray14(data_dir)
    data.groups = pd.Series(np.asarray(data.groups), index=data.frame.index)
    if sources is None and (data_dir / "sources.csv").exists():
        sources = data_dir / "sources.csv"
    data.source = None
    if sources is not None:
        known = pd.read_csv(sources, index_col=0).iloc[:, 0]
        data.source = known.reindex(data.frame["Image Index"]).fillna("unknown")
        data.source.index = data.frame.index
    return data


def deal(data, data_dir, *, folds=5, only=None, official=False, seed=0):
    """Training and test rows of each fold, or of the official lists.

    Returns
    -------
    dict of {str: (ndarray, ndarray)}
    """
    if official:
        test = load_chestxray14(data_dir, part="test").frame.index
        is_test = data.frame.index.isin(test)
        return {"official": (np.flatnonzero(~is_test), np.flatnonzero(is_test))}
    cv = MultilabelStratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    splits = enumerate(cv.split(data.frame, data.labels, data.groups))
    return {f"fold{i}": split for i, split in splits if only is None or i in only}
