"""What can make an experiment's numbers mean less than they seem to: checks with codes."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skcxr.inspection import _check_data, _check_models

#: Code to title and function; a function returns None where it does not apply, else whether it
#: fires and a sentence.
CHECKS = {
    "CXR001": ("a patient in both parts", _check_data.patient_in_both_parts),
    "CXR002": ("labels without enough positive patients", _check_data.few_positive_patients),
    "CXR003": ("weights that saw the films that are scored", _check_models.weights_saw_the_films),
    "CXR004": ("nothing predicted at the threshold", _check_models.nothing_predicted),
    "CXR005": ("metadata alone predicts as well", _check_models.metadata_predicts_as_well),
    "CXR006": ("prevalence differs between parts", _check_data.prevalence_differs),
    "CXR007": ("the same film twice", _check_data.same_film_twice),
    "CXR008": ("features not cross-fitted", _check_models.not_cross_fitted),
    "CXR009": ("maps no better than their controls", _check_models.maps_no_better),
    "CXR010": ("no better than the plain baseline", _check_models.no_better_than_baseline),
    "CXR011": ("intervals too wide to rank the models", _check_models.cannot_be_ranked),
    "CXR012": ("uncalibrated probabilities", _check_models.uncalibrated),
}


#: Where the page of each check is, in the documentation.
PAGES = "docs/checks"


@dataclass(repr=False)
class Checks:
    """What the checks of an experiment said.

    Attributes
    ----------
    table : DataFrame
        Index code; columns title, status (``"fires"``, ``"passes"``, ``"not applicable"`` or
        ``"muted"``), detail, a sentence, and page, where the documentation shows the fault and
        its cure.

    Examples
    --------
    >>> import pandas as pd
    >>> from skcxr.inspection import Checks
    >>> row = {"title": "the same film twice", "status": "passes", "detail": "None."}
    >>> print(Checks(pd.DataFrame([row], index=["CXR007"])))
    Checks: 0 of 1 fire
    CXR007 passes: the same film twice. None.
    """

    table: pd.DataFrame

    @property
    def fired(self):
        """Codes of the checks that fire.

        Returns
        -------
        list of str
        """
        return self.table.index[self.table["status"] == "fires"].tolist()

    def frame(self):
        """Return the table.

        Returns
        -------
        DataFrame
        """
        return self.table.copy()

    def __repr__(self):
        lines = [
            f"{code} {row['status']}: {row['title']}. {row['detail']}".rstrip()
            for code, row in self.table.iterrows()
            if row["status"] in ("fires", "passes")
        ]
        return "\n".join([f"Checks: {len(self.fired)} of {len(self.table)} fire", *lines])

    def _repr_html_(self):
        return f"<h3>Checks: {len(self.fired)} of {len(self.table)} fire</h3>{self.table.to_html()}"


def run_checks(evidence, mute=()):
    """Run every check that is not muted.

    Parameters
    ----------
    evidence : Evidence
        What there is to look at.
    mute : sequence of str
        Codes that are left out.

    Returns
    -------
    Checks

    Raises
    ------
    ValueError
        For a code that does not exist.
    """
    mute = [mute] if isinstance(mute, str) else list(mute)
    unknown = [code for code in mute if code not in CHECKS]
    if unknown:
        raise ValueError(f"There is no check {unknown[0]!r}; the codes are {', '.join(CHECKS)}.")
    rows = {}
    for code, (title, check) in CHECKS.items():
        found = None if code in mute else check(evidence)
        if code in mute:
            status, detail = "muted", ""
        elif found is None or isinstance(found, str):
            status, detail = "not applicable", found or ""
        else:
            status, detail = ("fires" if found[0] else "passes"), found[1]
        page = f"{PAGES}/{code}.md"
        rows[code] = {"title": title, "status": status, "detail": detail, "page": page}
    return Checks(pd.DataFrame.from_dict(rows, orient="index").rename_axis("code"))


@dataclass
class Evidence:
    """What the checks look at.

    Attributes
    ----------
    experiment : Experiment
    comparison : ModelComparison
        Of the models' predictions.
    localization : dict of {str: LocalizationReport}
        By model and kind of map.
    data_set : str or None
        Name of the data set that is scored, as ``trained_on`` names it.
    baseline : str or None
        Name of the plain model.
    """

    experiment: object
    comparison: object
    localization: dict
    data_set: str | None = None
    baseline: str | None = None
    seed: int = 0
    n_bootstraps: int = 1000
    confidence_level: float = 0.95

    def __post_init__(self):
        self.rng = np.random.RandomState(self.seed)

    @property
    def best(self):
        """Name of the model with the highest Macro AUC."""
        return self.comparison.table["Macro AUC"].idxmax()
