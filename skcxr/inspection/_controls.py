"""Whose map may be the control of a film's map."""

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state


def patients_of(X, groups, films):
    """Return a number per film; films with the same pixels are of one patient."""
    if groups is None and hasattr(X, "columns") and "patient" in X.columns:
        groups = X["patient"]
    same = [film.tobytes() for film in films]
    if groups is None:
        return pd.factorize(pd.Series(same))[0]
    groups = np.asarray(groups)
    if groups.shape != (len(films),) or pd.isna(groups).any():
        raise ValueError(
            f"groups must hold a patient per image ({len(films)}), none missing; got shape "
            f"{groups.shape}."
        )
    return pd.factorize(groups)[0]


def another_patient(labels, patients, random_state, any_label=False):
    """Choose for each row another patient's, of the same label where there is one."""
    rng = check_random_state(random_state)
    labels = np.array([str(label) for label in labels])
    chosen = []
    for i, label in enumerate(labels):
        others = np.flatnonzero(patients != patients[i])
        same = others[labels[others] == label]
        pool = same if len(same) or not any_label else others
        if not len(pool):
            of = "" if label == "None" else f" of {label}"
            raise ValueError(
                f"There is no other patient's map{of} to be the control of image {i}: draw films "
                "of several patients, name films of others in others=, or pass control=False."
            )
        chosen.append(pool[rng.randint(len(pool))])
    return np.array(chosen)
