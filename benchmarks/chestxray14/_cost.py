"""What a run takes, said before it begins."""

import time

import numpy as np
from _predictions import path_of
from sklearn.pipeline import Pipeline

from skcxr.features import CNNEmbedder, FineTuning
from skcxr.preprocessing import ImageLoader

FILMS_TIMED = 48
MLP_SECONDS = 3e-3  # per film, of five nets; measured on one core
MAPS_MB = 0.13  # of a film in the store: maps of Lite0 at 224 px, mask and texture
NETWORK_MB = 15  # a trained Lite0


def networks_of(model):
    """Every network of a model, as what decides whether two are the same.

    Returns
    -------
    dict of {str: (CNNEmbedder, int)}
        By a description: the embedder and pixels a side.
    """
    if not isinstance(model, Pipeline):
        inner = getattr(model, "estimator", None)
        if inner is not None:  # a calibrator fits once per fold, and once more
            return {
                key if value[0].fine_tune is None else f"{key} {i}": value
                for key, value in networks_of(inner).items()
                for i in range(model.cv + 1)
            }
        return {
            key: value for _, one in model.estimators for key, value in networks_of(one).items()
        }
    if "load" not in model.named_steps:  # begins at what networks said
        return {}
    branches = dict(model["features"].transformer_list)
    embedder = branches.get("embedding") or branches["attention"].embedder
    size, equalize = model["load"].size, model["equalize"].get_params()
    settings = {
        key: value
        for key, value in embedder.get_params(deep=False).items()
        if key not in ("memory", "verbose")
    }
    settings["fine_tune"] = str(_settings_of(embedder))
    return {str((size, equalize, settings)): (embedder, size)}


def _settings_of(embedder):
    """Parameters of a training, None of a frozen network."""
    chosen = embedder.fine_tune
    if chosen is None:
        return None
    if isinstance(chosen, str):
        chosen = FineTuning.from_recipe(chosen)
    return chosen.get_params()


def passes_of(embedder, n_films):
    """Films that go through a training: epochs of every network that is cross-fitted."""
    settings = _settings_of(embedder)
    if settings is None:
        return 0
    k = embedder._n_networks
    networks = 1 if k is None else k - 1  # k networks, each on k - 1 of k parts
    return settings["epochs"] * networks * n_films


def say(tables, folds, out, data, measure=True):
    """Print how long the tables take that are not there yet, and how much disk.

    Parameters
    ----------
    tables : dict of {str: Table}
    folds : dict of {str: (ndarray, ndarray)}
    out : Path
    data : Bunch
    measure : bool, default=True
        Whether to time a few films of a training; else nothing but counts is said.

    Returns
    -------
    hours : float
    gigabytes : float
    """
    missing = {
        (fold, name): model
        for table in tables.values()
        for name, model in table.models.items()
        for fold in folds
        if not path_of(out, fold, name).exists()
    }
    trained, frozen = {}, {}
    for (fold, _), model in missing.items():
        for key, (embedder, size) in networks_of(model).items():
            (frozen if embedder.fine_tune is None else trained)[
                key if embedder.fine_tune is None else (fold, key)
            ] = (embedder, size, len(folds[fold][0]))
    # A training costs about as much as its pixels and its backbone do.
    passes = sum(
        passes_of(embedder, n) * (size / 224) ** 2 for embedder, size, n in trained.values()
    )
    looked_at = len(data.frame) * sum((size / 224) ** 2 for _, size, _ in frozen.values())
    networks = sum(embedder._n_networks or 1 for embedder, _, _ in trained.values())
    gigabytes = (len(data.frame) * MAPS_MB * len(frozen) + NETWORK_MB * networks) / 1024
    classifiers = sum(len(folds[fold][0]) for fold, _ in missing) * MLP_SECONDS
    seconds = classifiers
    if (trained or frozen) and measure:
        train_rate, look_rate = rates(data.frame.iloc[:FILMS_TIMED], len(trained) > 0)
        seconds += passes / train_rate + looked_at / look_rate
    print(
        f"{len(data.frame)} films, {len(folds)} folds, tables {', '.join(tables)}: "
        f"{len(missing)} fits to do; {len(trained)} trainings of networks ({passes:,.0f} passes of "
        f"a film), {len(frozen)} frozen networks. About {seconds / 3600:.1f} hours"
        f"{'' if measure else ' and the trainings'}; {gigabytes:.1f} GB in {out}.",
        flush=True,
    )
    return seconds / 3600, gigabytes


def rates(films, trains):
    """Films a second of a training with the default recipe, and of a frozen network."""
    labels = (np.arange(2 * len(films)).reshape(-1, 2) // 3) % 2  # any labels do
    images = ImageLoader(224).fit_transform(films)
    begun = time.perf_counter()
    CNNEmbedder("efficientnet_lite0").fit_transform(images)
    look = time.perf_counter() - begun
    if not trains:
        return np.inf, len(films) / look
    CNNEmbedder("efficientnet_lite0", fine_tune="small", cross_fit=None, epochs=1).fit(
        images, labels
    )
    return len(films) / max(time.perf_counter() - begun - 2 * look, 1e-3), len(films) / look
