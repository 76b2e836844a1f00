"""What follows the networks, on evidence that they gave for films that they had not seen.

The evidence of a film is what the head says of each place (``GradCAMFuser``'s ``"evidence"``). That
of a cross-validated hybrid's test films is kept, with their lung masks and the regions of labels.
Together the test parts are all films, so that λ, the classifier and its loss can be cross-validated
again on them at the price of an MLP, by the same folds.
"""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skcxr.attention import GradCAMFuser
from skcxr.attention._chest import iter_regions
from skcxr.attention.gradcam import normalise
from skcxr.classifiers import AttentionCNN, MultilabelMLP
from skcxr.segmentation import LABEL_ZONES, UNetMasker

BATCH = 32


def folder_of(out):
    """Where evidence is kept."""
    return out / "evidence"


def keep(path, pipeline, films, test):
    """Keep the evidence and the masks that a fitted hybrid has of its test films.

    Parameters
    ----------
    path : Path
    pipeline : Pipeline
        Fitted, with a branch of attention whose networks were cross-fitted.
    films : DataFrame
    test : ndarray of shape (n,)
        Their rows in the whole table.
    """
    fuser, images = pipeline["features"]["attention"], pipeline[:2].transform(films)
    rows = fuser.embedder_.activation_rows(images)
    evidence = np.concatenate([part for _, part in rows.batches(BATCH)])
    names, shape = list(map(str, fuser.label_names_)), evidence.shape[-2:]
    masker = UNetMasker().fit(images) if fuser.masker_ is None else fuser.masker_
    chest = iter_regions(masker, images, shape, BATCH, names, LABEL_ZONES)
    mask, regions = map(np.concatenate, zip(*chest, strict=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with open(part, "wb") as file:
        half = {"evidence": evidence, "mask": mask[:, None], "regions": regions}
        np.savez(file, test=test, **{key: part.astype(np.float16) for key, part in half.items()})
    part.rename(path)


class KeptEvidence(TransformerMixin, BaseEstimator):
    """Features of a hybrid from kept evidence; X is the table of films, with its index from 0.

    Parameters
    ----------
    folder : Path
    lam, regions, output, passthrough
        As of ``GradCAMFuser``; ``output="evidence"`` pools it. λ None leaves the attention out.
    """

    def __init__(self, folder, lam=0.5, regions="labels", output="evidence", passthrough=True):
        self.folder = folder
        self.lam = lam
        self.regions = regions
        self.output = output
        self.passthrough = passthrough

    def fit(self, X, y=None):
        """Nothing is learnt."""
        return self

    def __sklearn_is_fitted__(self):
        return True

    def transform(self, X):
        """Features of the films."""
        part = "regions" if self.regions == "labels" else "mask"
        evidence, regions = read_all(self.folder, X.index.to_numpy(), ("evidence", part))
        maps = evidence.sum(1)
        if self.lam is None:
            return maps.mean((2, 3))
        fuser = GradCAMFuser(lam=self.lam, output=self.output, passthrough=self.passthrough)
        cams = normalise(np.maximum(evidence[:, 0], 0))
        return fuser._row_features(maps, cams, regions)


def is_complete(folder, n):
    """Whether evidence of all n films is there."""
    tested = [np.load(path)["test"] for path in folder.glob("*.npz")]
    return bool(tested) and len(np.unique(np.concatenate(tested))) == n


def read_all(folder, rows, names):
    """Arrays of what is kept, by their names, for rows of the table; float32."""
    found = [None] * len(names)
    place = np.full(max(rows) + 1, -1)
    place[rows] = np.arange(len(rows))
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as kept:
            test = kept["test"]
            here = np.flatnonzero((test < len(place)) & (place[np.minimum(test, max(rows))] >= 0))
            for i, name in enumerate(names):
                part = kept[name]
                if found[i] is None:
                    found[i] = np.empty((len(rows), *part.shape[1:]), np.float32)
                found[i][place[test[here]]] = part[here]
    return found


def hybrid(folder, seed, *, classifier=None, **settings):
    """The default recipe's steps after its networks."""
    if classifier is None:
        classifier = MultilabelMLP(module__skip=True, n_nets=5, random_state=seed)
    steps = [("features", KeptEvidence(folder, **settings)), ("scale", StandardScaler())]
    return Pipeline([*steps, ("classify", classifier)])


def on_maps(folder, seed, lam, regions, kind):
    """An MLP or a CNN on the fused maps and nothing else."""
    if kind == "mlp":
        classifier = MultilabelMLP(n_nets=5, random_state=seed)
    else:
        with np.load(next(iter(folder.glob("*.npz")))) as kept:
            shape = kept["evidence"].shape[2:]
        classifier = AttentionCNN(map_shape=shape, n_nets=5, random_state=seed)
    settings = {"lam": lam, "regions": regions, "output": "maps", "passthrough": False}
    return hybrid(folder, seed, classifier=classifier, **settings)
