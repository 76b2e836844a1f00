"""The tables of the experiment, and the models in each."""

from dataclasses import dataclass
from fnmatch import fnmatch

import numpy as np
from _kept import hybrid, on_maps
from _operating_points import Given
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import FunctionTransformer

from skcxr import make_hybrid_pipeline, make_report_models
from skcxr.classifiers import AttentionCNN, DeeperMLP, MultilabelMLP
from skcxr.features import FineTuning
from skcxr.model_selection import MultilabelCalibrator

BASELINE = "logistic_regression"
HYBRID = "final_hybrid_mlp"
LAMBDAS = (0.0, 0.25, 0.5, 0.6, 0.75, 1.0)  # 0 is Grad-CAM alone, 1 the U-Net alone
#: Arguments of the MLP.
EMPHASES = {
    "weighted": {"pos_weight": "balanced"},
    "focal": {"loss": "focal"},
    "asymmetric": {"loss": "asymmetric"},
    "balanced_sampling": {"sampling": "balanced"},
}

_LAM = "Weight λ of the lungs or the labels' regions: 0 is Grad-CAM alone, 1 these alone"
_MAPS = "Attention alone: features pooled by it, MLP and CNN on the maps; λ of 0, 0.5 and 1"
_IMBALANCE = "Rare labels: losses, weights, sampling"


@dataclass(frozen=True)
class Table:
    """Models beside each other.

    Parameters
    ----------
    title : str
    reference : str
        The model that the others are compared with.
    models : dict of {str: estimator}
        One name is one model in all tables: it is fitted once.
    """

    title: str
    reference: str
    models: dict


def make_tables(seed=0, memory=None, size=None, report=None):
    """Every table by name.

    Parameters
    ----------
    seed : int
    memory : folder or None
        The store that the models share.
    size : int or None
        Pixels a side, None as the recipe has it.
    report : dict or None
        ``backbone`` and ``weights`` for the recipe of Das 2025.

    Returns
    -------
    dict of {str: Table}
        Those whose name ends in ``_frozen`` train no network.
    """
    shared = {"random_state": seed, "memory": memory, "size": size}

    def tuned(**settings):
        return make_hybrid_pipeline(**{**shared, **settings})

    def frozen(**settings):
        return tuned(fine_tune=None, **settings)

    tables = {
        "report": _report(shared, report or {}),
        "recipe": _recipe(tuned, shared),
        "items": _items(tuned),
        "items_frozen": _items_frozen(frozen),
    }
    tables["nested_frozen"] = _nested(frozen, seed)
    for make, end, name, plain in (
        (tuned, "", HYBRID, "fine_tuned_mlp"),
        (frozen, "_frozen", "hybrid_frozen", "embedding_frozen"),
    ):
        tables[f"lam{end}"] = _lam(make, end, name, plain)
        tables[f"maps{end}"] = _maps(make, end, size, seed)
        tables[f"texture{end}"] = _texture(make, end, name)
        tables[f"imbalance{end}"] = _imbalance(make, end, name)
    return tables


def make_kept_tables(folder, seed=0):
    """Tables of what follows the networks, on their evidence in `folder`; they train none."""
    models = {}
    for regions in ("labels", "lungs"):
        for lam in LAMBDAS[regions == "lungs" :]:  # λ of 0 has no mask
            name = f"lam_{lam:g}_{regions}_kept" if lam else "lam_0_kept"
            models[name] = hybrid(folder, seed, lam=lam, regions=regions)
    models["no_attention_kept"] = hybrid(folder, seed, lam=None)
    alone = hybrid(folder, seed, lam=None, classifier=Given())
    models["networks_alone_kept"] = alone.set_params(scale="passthrough")
    maps = {}
    for lam in (0.0, 0.5, 1.0):
        alone = {"lam": lam, "regions": "lungs"}  # as in Das 2025
        maps[f"attended_{lam:g}_kept"] = hybrid(folder, seed, passthrough=False, **alone)
        for kind in ("mlp", "cnn"):
            maps[f"{kind}_on_maps_{lam:g}_kept"] = on_maps(folder, seed, kind=kind, **alone)
    emphases = {"lam_0.5_labels_kept": hybrid(folder, seed)}
    for name, settings in EMPHASES.items():
        emphasis = {f"classify__{key}": value for key, value in settings.items()}
        emphases[f"{name}_kept"] = hybrid(folder, seed).set_params(**emphasis)
    reference = "networks_alone_kept"
    heads = {reference: models[reference], "lam_0.5_labels_kept": models["lam_0.5_labels_kept"]}
    for lam, regions in ((0.0, "labels"), (0.5, "labels"), (0.5, "lungs"), (1.0, "lungs")):
        attended = {"lam": lam, "regions": regions, "classifier": Given()}
        name = f"{lam:g}_{regions}_kept" if lam else "0_kept"
        for kind, settings in (("attended", {"passthrough": False}), ("averaged", {})):
            model = hybrid(folder, seed, **attended, **settings)
            scale = "passthrough" if settings else FunctionTransformer(_mean_of_halves)
            heads[f"{kind}_only_{name}"] = model.set_params(scale=scale)
    heads["deeper_mlp_kept"] = hybrid(
        folder, seed, classifier=DeeperMLP(module__skip=True, n_nets=5, random_state=seed)
    )
    heads["mlp_of_32_kept"] = hybrid(folder, seed).set_params(classify__module__hidden=(32,))
    heads["logistic_kept"] = hybrid(
        folder, seed, classifier=OneVsRestClassifier(LogisticRegression(C=0.01, max_iter=1000))
    )
    return {
        "heads_kept": Table("What a classifier on the logits adds", reference, heads),
        "lam_kept": Table(_LAM, "lam_0.5_labels_kept", models),
        "maps_kept": Table(_MAPS, "mlp_on_maps_0.5_kept", maps),
        "imbalance_kept": Table(_IMBALANCE, "lam_0.5_labels_kept", emphases),
    }


def _mean_of_halves(X):
    """Mean of attended and plain logits."""
    return np.mean(np.split(np.asarray(X), 2, axis=1), axis=0)


def choose(tables, patterns):
    """The tables whose names match one of the patterns; all without patterns."""
    if not patterns:
        return tables
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in tables):
            raise SystemExit(f"No table matches {pattern!r}; there are {', '.join(tables)}.")
    return {
        name: table
        for name, table in tables.items()
        if any(fnmatch(name, pattern) for pattern in patterns)
    }


def _logistic(**settings):
    return make_hybrid_pipeline(
        fine_tune=None,
        attention=False,
        classifier=OneVsRestClassifier(LogisticRegression(C=1e-3, max_iter=1000)),
        **settings,
    )


def _report(shared, report):
    """Its four models, by its recipe and by ours; frozen against tuned is in both."""
    models = {BASELINE: _logistic(**shared), **make_report_models(**shared)}
    alone = make_hybrid_pipeline(attention=False, classifier=Given(), **shared)
    models["networks_alone"] = alone.set_params(scale="passthrough")
    theirs = make_report_models(recipe="report", **shared, **report)
    models |= {f"{name}_report": model for name, model in theirs.items()}
    return Table("Table 1 of Das 2025, by the default recipe and by its own", BASELINE, models)


def _lam(make, end, name, plain):
    models = {name: make()}
    for regions in ("labels", "lungs"):
        for lam in LAMBDAS[regions == "lungs" :]:  # λ of 0 has no mask
            if (lam, regions) != (0.5, "labels"):  # which is the default
                model = make(lam=lam).set_params(features__attention__regions=regions)
                models[f"lam_{lam:g}_{regions}{end}" if lam else f"lam_0{end}"] = model
    models[plain] = make(attention=False)
    return Table(_LAM, name, models)


def _maps(make, end, size, seed):
    """What is learnt from attention with nothing beside it."""
    side = -(-(size or 224) // 32)
    models = {}
    for lam in (0.0, 0.5, 1.0):
        models[f"attended_{lam:g}{end}"] = make(lam=lam)
        mlp = MultilabelMLP(n_nets=5, random_state=seed)
        models[f"mlp_on_maps_{lam:g}{end}"] = make(lam=lam, classifier=mlp)
        cnn = AttentionCNN(map_shape=(-1, side, side), n_nets=5, random_state=seed)
        models[f"cnn_on_maps_{lam:g}{end}"] = make(lam=lam, classifier=cnn)
    for name, model in models.items():
        model.set_params(
            features__attention__passthrough=False, features__attention__regions="lungs"
        )
        if "on_maps" in name:
            model.set_params(features__attention__output="maps")
    return Table(_MAPS, f"mlp_on_maps_0.5{end}", models)


def _texture(make, end, name):
    models = {
        name: make(),
        f"with_texture{end}": make(texture=True),
        f"equalized{end}": make(equalize="global"),
        f"equalized_with_texture{end}": make(equalize="global", texture=True),
    }
    return Table("Texture, and histogram equalisation", name, models)


def _imbalance(make, end, reference):
    models = {reference: make()}
    for name, settings in EMPHASES.items():
        emphasis = {f"classify__{key}": value for key, value in settings.items()}
        models[f"{name}{end}"] = make().set_params(**emphasis)
    return Table(_IMBALANCE, reference, models)


def _nested(make, seed):
    """Thresholds and calibration inside each fold, by the library: six fits for one."""
    models = {"hybrid_frozen": make()}
    for method in ("sigmoid", "temperature"):
        models[f"{method}_frozen"] = MultilabelCalibrator(
            make(), method=method, threshold_metric="f1", random_state=seed
        )
    return Table("Thresholds and calibration inside each fold", "hybrid_frozen", models)


def _recipe(tuned, shared):
    """What is trained, and how the MLP gets it."""
    models = {
        HYBRID: tuned(),
        BASELINE: _logistic(**shared),
        "hybrid_frozen": tuned(fine_tune=None),
        "norms_only": tuned(fine_tune="norm"),
        "last_stage": tuned(fine_tune="report"),
        "not_cross_fitted": tuned(cross_fit=None),
        "one_mlp": tuned().set_params(classify__n_nets=1),
        "not_guided": tuned(fine_tune=FineTuning(guidance=0.0)),
        "guided_by_zones": tuned(fine_tune=FineTuning(regions="labels")),
        "no_mixup": tuned(fine_tune=FineTuning(mixup=0.0)),
        "films_as_they_are": tuned(
            fine_tune=FineTuning(
                mixup=0.0, rotation=0.0, shift=0.0, zoom=0.0, contrast=0.0, gamma=0.0, flip=False
            )
        ),
        "last_weights": tuned(fine_tune=FineTuning(ema=0.0)),
        "even_rates": tuned(fine_tune=FineTuning(lr_decay=1.0)),
    }
    return Table("The parts of a training", HYBRID, models)


def _items(tuned):
    models = {
        HYBRID: tuned(),
        "lite1": tuned(backbone="efficientnet_lite1", size=240),
        "lite2": tuned(backbone="efficientnet_lite2", size=260),
        "pixels_320": tuned(size=320),
        "best": tuned(recipe="best", size=None),
    }
    return Table("More from each film", HYBRID, models)


def _items_frozen(frozen):
    models = {
        "hybrid_frozen": frozen(),
        "lite1_frozen": frozen(backbone="efficientnet_lite1", size=240),
        "lite2_frozen": frozen(backbone="efficientnet_lite2", size=260),
        "pixels_320_frozen": frozen(size=320),
        "best_frozen": frozen(recipe="best", size=None),
    }
    return Table("More from each film, frozen network", "hybrid_frozen", models)
