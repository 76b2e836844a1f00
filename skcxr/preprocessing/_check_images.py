"""check_images: what is wrong with a folder of films, before a night of computing."""

import hashlib
import os
import re

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from .._decode import read_with_doubt
from .._progress import Progress
from ._burnt_in_text import longest_run
from ._duplicates import first_of, most_similar
from ._film_measures import descriptor, orientation, saturation, shrink, spread
from ._films import paths_and_index

__all__ = ["check_images"]

ISSUES = (
    "unreadable",
    "truncated",
    "exact_duplicates",
    "near_duplicates",
    "blank",
    "saturated",
    "inverted",
    "rotated",
    "odd_size",
    "odd_aspect_ratio",
    "wrong_modality",
    "lateral",
    "burnt_in_text",
)
_CUT_OFF = re.compile("cut off|premature end|not enough|ends before", re.IGNORECASE)
_CHUNK = 16
# Each is where a score is 0.5; the figures behind them are in the Notes.
_SPREAD, _WHITE, _BLACK = 40, 0.02, 0.25
_NEAR, _SIZE, _ASPECT = 0.92, 1 / 3, 0.6
_LETTERS = 3.5  # in a row


def check_images(X, *, n_jobs=None, verbose=1):
    """Read every film once and say what is wrong with it.

    Parameters
    ----------
    X : str or path-like, sequence of paths, or DataFrame with a ``path`` column
        A folder, which is searched with all its subfolders for image files, or the films.
    n_jobs : int or None, default=None
        Films that are read at a time, as in :class:`joblib.Parallel`; threads unless
        :func:`joblib.parallel_config` says otherwise.
    verbose : int, default=1
        1 shows progress on standard error and prints a summary; 0 is silent.

    Returns
    -------
    DataFrame of shape (n, 35)
        One row per film, with the index of X where X is a table. For each issue ``is_…_issue``
        and ``…_score``, 1 without fault, 0 at its worst, an issue below 0.5 (the columns that
        cleanvision has); scores are NaN where a film could not be read. Besides ``path``,
        ``height``, ``width``, ``error`` (why it cannot be read), ``doubt`` (what a DICOM header
        says), ``duplicate_of`` and ``near_duplicate_of`` (paths), ``rotation`` (degrees
        counter-clockwise that make it upright), ``n_issues``.

    Raises
    ------
    FileNotFoundError, ValueError
        When there is no film at all. Films that cannot be read are rows like all others.

    See Also
    --------
    read_image : Reads one of them.

    Notes
    -----
    ``unreadable``: :func:`read_image` refuses the file; ``truncated``: because its data end early.
    ``exact_duplicates``: the same pixels as a film before, whatever the format. ``odd_size``: a
    third or three times the median side. ``odd_aspect_ratio``: short side below 0.6 of the long
    one. ``wrong_modality``: a DICOM header that names another modality than projection
    radiography, or a body part other than the chest. ``lateral``: a DICOM header that says so.

    The others are judgements, from statistics of a copy of 64 × 64 pixels; which way is up is told
    by 64 weights that were fitted on 1,175 films of ChestX-ray14, thresholds were chosen by eye on
    these and 466 more. Recall on 50 of the 466 that were spoilt, false alarms on all of them as
    they are and on those of two other hospitals (benchmarks/bench_check_images.py):

    ================  =============================  =======  =====  ==========  ========
    issue             spoilt by                      recall   466    Montgomery  Shenzhen
    ================  =============================  =======  =====  ==========  ========
    inverted          255 - x                        50 / 50  0      0 of 138    0 of 100
    rotated           90, 180 or 270 degrees         50 / 50  1      0           0
    blank             constant, noise, 5 % contrast  50 / 50  0      0           0
    saturated         a tenth white                  41 / 50  0      1           0
    saturated         half black                     49 / 50  0      1           0
    near duplicates   JPEG, half size, gamma, crop   50 / 50  2      2           0
    near duplicates   CLAHE                          49 / 50  2      2           0
    exact duplicates  another format                 50 / 50  0      0           0
    truncated         half of the file               50 / 50  0      0           0
    ================  =============================  =======  =====  ==========  ========

    ``burnt_in_text``: four or more bright letters in a row, which may be PORTABLE or a name. Of a
    line of 16 characters 2.5, 3.5 and 5 % of the film high, 22, 47 and 47 of 50 were found; it
    calls 31 of the 466 films, 1 of 138 and 0 of 100, and all of these do have words.

    Mirrored films and lateral views without a header are not looked for: all films at hand are
    frontal, and no rule for these could be measured.

    Examples
    --------
    >>> import os, tempfile
    >>> from skimage.io import imsave
    >>> from skcxr.datasets import make_chest_phantoms
    >>> from skcxr.preprocessing import check_images
    >>> films = make_chest_phantoms(3, size=128, random_state=0).images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, film in zip("abc", [films[0], 255 - films[1], films[2][::-1]]):
    ...         imsave(os.path.join(folder, f"{name}.png"), film, check_contrast=False)
    ...     frame = check_images(folder, verbose=0)
    >>> frame[["is_inverted_issue", "is_rotated_issue"]].to_numpy().tolist()
    [[False, False], [True, False], [False, True]]
    """
    paths, index = paths_and_index(X)
    films = []
    with Progress(len(paths), "checked", verbose) as progress:
        starts = range(0, len(paths), _CHUNK)
        pool = Parallel(n_jobs, prefer="threads", return_as="generator")
        for looked_at in pool(delayed(_look_at)(paths[i : i + _CHUNK]) for i in starts):
            films += looked_at
            progress.update(len(looked_at))
    frame = _judge(films, paths, index)
    if verbose:
        print(summary(frame))
    return frame


def _look_at(paths):
    """Measures of each film; of one that cannot be read the reason."""
    films = []
    for path in paths:
        try:
            image, doubt = read_with_doubt(path)
        except (FileNotFoundError, ValueError) as error:
            films.append({"error": str(error)})
            continue
        small = shrink(image)
        content = hashlib.blake2b(f"{image.shape}".encode(), digest_size=16)
        content.update(np.ascontiguousarray(image))
        white, black = saturation(image)
        films.append(
            {
                "error": "",
                "doubt": doubt or "",
                "height": image.shape[0],
                "width": image.shape[1],
                "digest": content.digest(),
                "spread": spread(small),
                "white": white,
                "black": black,
                "orientation": orientation(small),
                "descriptor": descriptor(small),
                "letters": longest_run(image),
            }
        )
    return films


def _judge(films, paths, index):
    """The table of scores and issues."""
    paths = np.asarray(paths, dtype=object)
    readable = np.array([not film["error"] for film in films])

    def column(name, of=np.asarray):
        values = np.full(len(films), np.nan)
        values[readable] = [of(film[name]) for film in films if not film["error"]]
        return values

    height, width = column("height"), column("width")
    side = np.sqrt(height * width)
    relative = side / np.median(side[readable]) if readable.any() else side
    spreads = column("spread") / (2 * _SPREAD)
    errors = [film["error"] for film in films]
    cut_off = [
        bool(_CUT_OFF.search(error.replace(path, "")))
        for error, path in zip(errors, paths, strict=True)
    ]
    first = first_of([film.get("digest") for film in films])
    near, similarity = _near_duplicates(films, readable, first, spreads)
    rotation = column("orientation", lambda fits: fits.max(axis=1).argmax() * 90)
    scores = {
        "unreadable": readable.astype(float),
        "truncated": 1.0 - np.array(cut_off),
        "exact_duplicates": np.where(readable, 1.0 - (first >= 0), np.nan),
        "near_duplicates": 0.5 + (_NEAR - similarity) * 5,
        "blank": spreads,
        "saturated": 1 - np.maximum(column("white") / _WHITE, column("black") / _BLACK) / 2,
        "inverted": 0.5 + column("orientation", _upright_polarity),
        "rotated": 0.5 + column("orientation", _upright_turn),
        "odd_size": np.minimum(relative, 1 / relative) / (2 * _SIZE),
        "odd_aspect_ratio": np.minimum(height / width, width / height) / (2 * _ASPECT),
        "wrong_modality": column("doubt", lambda doubt: float(not doubt or _is_lateral(doubt))),
        "lateral": column("doubt", lambda doubt: float(not _is_lateral(doubt))),
        "burnt_in_text": 1 - column("letters") / (2 * _LETTERS),
    }
    blank = spreads < 0.5
    for name in ("inverted", "rotated"):
        scores[name][blank] = 1  # nothing to be turned round
    rotation[blank] = 0
    frame = {
        "path": paths,
        "height": pd.array(height, "Int64"),
        "width": pd.array(width, "Int64"),
        "error": errors,
        "doubt": [film.get("doubt", "") for film in films],
    }
    for name in ISSUES:
        score = np.clip(scores[name], 0, 1)
        frame[f"is_{name}_issue"] = score < 0.5
        frame[f"{name}_score"] = score
    frame["duplicate_of"] = np.where(first >= 0, paths[first], "")
    frame["near_duplicate_of"] = np.where(near >= 0, paths[near], "")
    frame["rotation"] = pd.array(rotation, "Int64")
    frame["n_issues"] = np.sum([frame[f"is_{name}_issue"] for name in ISSUES], axis=0)
    return pd.DataFrame(frame, index=index)


def _is_lateral(doubt):
    return doubt.endswith("lateral view")


def _upright_polarity(fits):
    return fits[:, 0].max() - fits[:, 1].max()


def _upright_turn(fits):
    return fits[0].max() - fits[1:].max()


def _near_duplicates(films, readable, first, spreads):
    """Which other film each looks like, -1 where none; copies and blank films do not count."""
    compared = np.flatnonzero(readable & (first < 0) & (spreads >= 0.5))
    near, similarity = np.full(len(films), -1), np.where(readable, -1.0, np.nan)
    if len(compared):
        vectors = np.stack([films[i]["descriptor"] for i in compared])
        index, found = most_similar(vectors)
        similarity[compared] = found
        alike = found > _NEAR
        near[compared[alike]] = compared[index[alike]]
    return near, similarity


def summary(frame):
    """How many films have which issue, and which they are, as text."""
    affected = int((frame["n_issues"] > 0).sum())
    lines = [f"{len(frame)} films, {affected} with an issue"]
    for name in ISSUES:
        found = frame.loc[frame[f"is_{name}_issue"], "path"]
        if len(found):
            named = ", ".join(os.path.basename(path) for path in found[:3])
            more = ", …" if len(found) > 3 else ""
            lines.append(f"  {name.replace('_', ' '):<18}{len(found):>7}  {named}{more}")
    errors = frame.loc[frame["is_unreadable_issue"], "error"]
    lines += [f"  {error}" for error in errors[:20]]
    if len(errors) > 20:
        lines.append(f"  … and {len(errors) - 20} more, in the column 'error'")
    return "\n".join(lines)
