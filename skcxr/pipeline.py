"""The whole hybrid as one scikit-learn Pipeline, and the four models of Das 2025 by name."""

from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import StandardScaler

from ._metadata import FilmColumns, make_metadata_encoder
from ._multilabel._fit_inputs import check_multilabel_classifier
from ._sklearn import _safe_indexing
from .attention import GradCAMFuser
from .classifiers import DeeperMLP, MultilabelMLP
from .features import CNNEmbedder, LBPHOGExtractor
from .model_selection import MultilabelAverager
from .preprocessing import HistEqualizer, ImageLoader
from .segmentation import UNetMasker

REPORT_MODELS = ("base_mlp", "fine_tuned_mlp", "deeper_mlp_shrunk", "final_hybrid_mlp")

#: Arguments of `make_hybrid_pipeline` by the name of a recipe.
RECIPES = {
    "small": {
        "size": 224,
        "equalize": "none",
        "backbone": "efficientnet_lite0",
        "fine_tune": "small",
        "cross_fit": "auto",
        "texture": False,
        "n_nets": 5,
    },
    "frozen": {
        "size": 224,
        "equalize": "global",
        "backbone": "efficientnet_lite0",
        "fine_tune": None,
        "cross_fit": "auto",
        "texture": True,
        "n_nets": 1,
    },
    "report": {
        "size": 224,
        "equalize": "global",
        "backbone": "resnet18",
        "fine_tune": "report",
        "cross_fit": None,
        "texture": True,
        "n_nets": 1,
    },
}
_OF_RECIPE = "recipe"
#: Pipelines that the recipe "best" averages: each backbone at the size it was made for.
BEST = {"efficientnet_lite0": 224, "efficientnet_lite1": 240, "efficientnet_lite2": 260}


def make_hybrid_pipeline(
    recipe="small",
    *,
    size=None,
    equalize=None,
    texture=None,
    attention=True,
    backbone=None,
    weights="imagenet",
    fine_tune="recipe",
    cross_fit="recipe",
    masker=None,
    lam=0.5,
    metadata=None,
    classifier=None,
    on_error="raise",
    batch_size=32,
    precision="auto",
    device="auto",
    random_state=None,
    memory=None,
    verbose=0,
):
    """Make the hybrid of texture, network, lung mask and Grad-CAM, ready to fit on X-rays.

    ::

        Pipeline
         ├ load       ImageLoader
         ├ equalize   HistEqualizer
         ├ features   FeatureUnion
         │   ├ texture    LBPHOGExtractor, where `texture` is on
         │   └ attention  GradCAMFuser(embedder=CNNEmbedder, masker=UNetMasker, passthrough=True)
         ├ scale      StandardScaler
         └ classify   MultilabelMLP

    Every parameter of every step can be set or searched over by its path, such as
    ``features__attention__lam``, ``features__attention__embedder__fine_tune`` or
    ``classify__module__dropout``; ``features__texture="drop"`` leaves a branch out.

    Parameters
    ----------
    recipe : {"small", "best", "frozen", "report"}, default="small"
        What the arguments are that are not given. ``"small"``: EfficientNet-Lite0 trained whole,
        four networks cross-fitted, for hundreds to a few thousand films; some 20 minutes of one
        core's time for the training on 1,175 films. ``"best"``: the same with EfficientNet-Lite0, 1
        and 2, whose logits are averaged; not scored yet, and several times as long.
        ``"frozen"``: EfficientNet-Lite0 as ImageNet left it, with texture; a minute. ``"report"``:
        as Das 2025 has it, ResNet18 with its last stage fine-tuned.
    size : int or (int, int), optional
        Height and width that images are brought to, in pixels.
    equalize : {"global", "clahe", "none"}, optional
        Histogram equalisation.
    texture : bool, optional
        Whether LBP and HOG features are in.
    attention : bool, default=True
        Whether features pooled by fused attention are in, besides the embedding. With False the
        branch is called ``embedding`` and needs no lung masks.
    backbone : str or nn.Module, optional
        Network, see :class:`~skcxr.features.CNNEmbedder`.
    weights : {"imagenet"}, path or None, default="imagenet"
        Its weights. Those of ``efficientnet_lite0`` come with skcxr.
    fine_tune : None, str or FineTuning, optional
        How the network is trained: None leaves it frozen, ``"small"``, ``"norm"`` and ``"report"``
        are recipes, ``"layer4"`` is a stage; see :class:`~skcxr.features.FineTuning`.
    cross_fit : "auto", int or None, optional
        Number of networks that share out the films of a fine-tuning, see
        :class:`~skcxr.features.CNNEmbedder`.
    masker : UNetMasker or None, default=None
        Makes the lung masks; None takes those that come with skcxr. One that was fitted here goes
        in as ``sklearn.frozen.FrozenEstimator(masker)``.
    lam : float, default=0.5
        Weight of the lung mask in the fused attention, 1 - lam being Grad-CAM's.
    metadata : sequence of str or None, default=None
        Columns of X, such as age, sex and view, that become features too: missing numbers are
        imputed by their median and marked, categories not seen in fit are none of the known ones.
        The pipeline then has a step ``inputs``, a
        :class:`~sklearn.compose.ColumnTransformer`, whose branch ``film`` holds ``load``,
        ``equalize`` and ``features``.
    classifier : estimator or None, default=None
        Multi-label classifier; None is :class:`~skcxr.classifiers.MultilabelMLP` with dropout 0.4
        and early stopping.
    on_error : {"raise", "nan"}, default="raise"
        What to do with films that cannot be read, see
        :class:`~skcxr.preprocessing.ImageLoader`: with ``"nan"`` they are named in one warning,
        take no part in fits, and are predicted as NaN.
    batch_size : int, default=32
        Images that go through the networks together.
    precision : {"auto", "float32", "bfloat16", "float16"}, default="auto"
        What the networks compute in.
    device : str, default="auto"
        Where the networks run.
    random_state : int, RandomState instance or None, default=None
        Seeds the network's training and the classifier's.
    memory : None, str, path or joblib.Memory, default=None
        Where per-image results and fits are kept: a new λ, fold or subset then recomputes no
        image, and a training that was killed goes on. See :func:`skcxr.cache_info`.
    verbose : int, default=0
        1 shows progress on standard error.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Or, for ``"best"``, a :class:`~skcxr.model_selection.MultilabelAverager` of several.
        X is a sequence of paths, a DataFrame with a ``path`` column or an array of images; y is
        (n, n_labels) of 0, 1 or NaN. Where X is a table with a column ``patient``, the
        cross-fitting keeps patients whole.

    Examples
    --------
    >>> from skcxr import make_hybrid_pipeline
    >>> pipe = make_hybrid_pipeline("frozen", lam=0.25)
    >>> [name for name, _ in pipe.steps]
    ['load', 'equalize', 'features', 'scale', 'classify']
    >>> pipe.set_params(classify__module__dropout=0.2)["features"]["attention"].lam
    0.25
    """
    if recipe == "best":
        return _make_averager(dict(locals()))
    if recipe not in RECIPES:
        known = ", ".join([*RECIPES, "best"])
        raise ValueError(f"Unknown recipe {recipe!r}; expected one of {known}.")
    given = {"size": size, "equalize": equalize, "texture": texture, "backbone": backbone}
    chosen = {k: v for k, v in given.items() if v is not None}
    for name, value in (("fine_tune", fine_tune), ("cross_fit", cross_fit)):
        if not (isinstance(value, str) and value == _OF_RECIPE):
            chosen[name] = value
    chosen = {**RECIPES[recipe], **chosen}
    shared = {"memory": memory, "verbose": verbose}
    network = {"batch_size": batch_size, "precision": precision, "device": device, **shared}
    embedder = CNNEmbedder(
        chosen["backbone"],
        weights=weights,
        fine_tune=chosen["fine_tune"],
        cross_fit=chosen["cross_fit"],
        masker=masker,
        random_state=random_state,
        **network,
    )
    if attention:
        masker = (
            UNetMasker(precision=precision, device=device, **shared) if masker is None else masker
        )
        fuser = GradCAMFuser(embedder, masker, lam=lam, passthrough=True)
        branches = [("attention", fuser)]
    else:
        branches = [("embedding", embedder)]
    if chosen["texture"]:
        branches.insert(0, ("texture", LBPHOGExtractor(**shared)))
    if classifier is None:
        classifier = _default_classifier(MultilabelMLP, chosen, device, random_state)
    else:
        check_multilabel_classifier(classifier)  # before any film goes through a network
    if on_error == "nan":
        nets = [name for name in classifier.get_params() if name.endswith("nan_rows")]
        classifier = clone(classifier).set_params(**dict.fromkeys(nets, "skip"))
    film = [
        ("load", ImageLoader(chosen["size"], on_error=on_error, memory=memory)),
        ("equalize", HistEqualizer(chosen["equalize"])),
        ("features", FeatureUnion(branches)),
    ]
    if metadata is not None:
        # Films last: their logits are the last features, where the classifier looks for them.
        parts = [
            ("metadata", make_metadata_encoder(), list(metadata)),
            ("film", Pipeline(film), FilmColumns()),
        ]
        film = [("inputs", ColumnTransformer(parts, sparse_threshold=0))]
    return Pipeline([*film, ("scale", StandardScaler()), ("classify", classifier)])


def _make_averager(settings):
    """Average the pipelines of several backbones."""
    if settings["backbone"] is not None or settings["size"] is not None:
        raise ValueError(
            f"recipe='best' averages {', '.join(BEST)}, each at its own size; choose backbone and "
            "size with recipe='small'."
        )
    pipelines = []
    for backbone, size in BEST.items():
        own = {"recipe": "small", "backbone": backbone, "size": size}
        pipelines.append((backbone, make_hybrid_pipeline(**{**settings, **own})))
    return MultilabelAverager(pipelines)


def _default_classifier(kind, chosen, device, random_state):
    """An MLP that corrects the logits of cross-fitted networks, where there are some."""
    crosses = chosen["fine_tune"] is not None and chosen["cross_fit"] is not None
    module = {"module__skip": True, "module__correction": 0.3} if crosses else {}
    return kind(n_nets=chosen["n_nets"], device=device, random_state=random_state, **module)


def make_report_models(names=REPORT_MODELS, recipe="small", **settings):
    """Make the four models that Das 2025 compares, by its names.

    ======================  ==============================  ===============
    name                    features                        classifier
    ======================  ==============================  ===============
    ``base_mlp``            frozen network + texture        MultilabelMLP
    ``fine_tuned_mlp``      fine-tuned network              MultilabelMLP
    ``deeper_mlp_shrunk``   fine-tuned network              DeeperMLP
    ``final_hybrid_mlp``    fine-tuned network + attention  MultilabelMLP
    ======================  ==============================  ===============

    Parameters
    ----------
    names : sequence of str, default=REPORT_MODELS
        Which of them.
    recipe : {"small", "best", "frozen", "report"}, default="small"
        As in :func:`make_hybrid_pipeline`. With ``"report"`` texture is in all four, as in Das
        2025; ``"frozen"`` fine-tunes nothing.
    **settings : dict
        For :func:`make_hybrid_pipeline`. With one ``memory`` for all, the networks are trained
        once for the three models that need them.

    Returns
    -------
    dict of {str: Pipeline}
        Of :class:`~skcxr.model_selection.MultilabelAverager` for ``"best"``, but for ``base_mlp``.

    Raises
    ------
    ValueError
        For a name that is none of the four, or a setting that the models differ in.

    Examples
    --------
    >>> from skcxr import make_report_models
    >>> list(make_report_models())
    ['base_mlp', 'fine_tuned_mlp', 'deeper_mlp_shrunk', 'final_hybrid_mlp']
    """
    fixed = {"attention", "classifier"} & set(settings)
    if fixed:
        raise ValueError(
            f"{', '.join(sorted(fixed))} is what Das's models differ in; use "
            "make_hybrid_pipeline to choose it."
        )
    unknown = sorted(set(names) - set(REPORT_MODELS))
    if unknown:
        raise ValueError(f"Unknown model {unknown}; expected some of {', '.join(REPORT_MODELS)}.")
    plain = {"attention": False}
    differs = {
        "base_mlp": {**plain, "fine_tune": None, "texture": settings.get("texture", True)},
        "fine_tuned_mlp": plain,
        "deeper_mlp_shrunk": plain,
        "final_hybrid_mlp": {},
    }
    models = {}
    for name in names:
        own = "small" if (recipe, name) == ("best", "base_mlp") else recipe
        models[name] = make_hybrid_pipeline(own, **{**settings, **differs[name]})
    if "deeper_mlp_shrunk" in models:
        model = models["deeper_mlp_shrunk"]
        for pipe in [pipe for _, pipe in getattr(model, "estimators", [("", model)])]:
            pipe.set_params(classify=_deeper(pipe["classify"]))
    return models


def _deeper(classifier):
    settings = classifier.get_params(deep=False)
    names = ("module__skip", "module__correction", "n_nets", "device", "random_state")
    return DeeperMLP(**{name: settings[name] for name in names})


def warm_cache(pipeline, X):
    """Compute and keep all that does not depend on labels or folds: images, texture, masks, maps.

    Parameters
    ----------
    pipeline : Pipeline
        From :func:`make_hybrid_pipeline` with ``memory``, or a search, tuner, calibrator or
        ColumnTransformer that holds one; it is not fitted.
    X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
        The images.

    Raises
    ------
    ValueError
        When the pipeline has no memory to keep anything in.

    Notes
    -----
    Killed in the middle, the next call goes on where this one was.

    Examples
    --------
    >>> import tempfile
    >>> from skcxr import cache_info, make_hybrid_pipeline, warm_cache
    >>> from skcxr.datasets import make_chest_phantoms
    >>> images = make_chest_phantoms(3, size=64, random_state=0).images
    >>> folder = tempfile.mkdtemp()
    >>> pipe = make_hybrid_pipeline("frozen", size=64, random_state=0, memory=folder)
    >>> warm_cache(pipe, images)
    >>> int(cache_info(folder).entries["maps"])
    3
    """
    pipeline = clone(pipeline)
    params = pipeline.get_params().items()
    if all(value is None for key, value in params if key.endswith("__memory")):
        raise ValueError("The pipeline has no memory; make_hybrid_pipeline(memory=folder) has.")
    if not _warm(pipeline, X):
        raise ValueError(
            f"No stage of skcxr was found in {type(pipeline).__name__}; expected a pipeline from "
            "make_hybrid_pipeline, or a search, tuner or ColumnTransformer around one."
        )


def _warm(estimator, X):
    """Run what needs no labels on X; return whether there was any."""
    if isinstance(estimator, Pipeline):
        for _, step in estimator.steps:
            if not isinstance(step, ImageLoader | HistEqualizer):
                return _warm(step, X)
            X = step.fit_transform(X)
            if getattr(X, "bad", None):
                X = X.take(X.usable)
        return True
    if isinstance(estimator, FeatureUnion):
        return any([_warm(branch, X) for _, branch in estimator.transformer_list])
    if isinstance(estimator, ColumnTransformer):
        parts = [(part, _safe_indexing(X, at, axis=1)) for _, part, at in estimator.transformers]
        return any([_warm(part, columns) for part, columns in parts])
    if isinstance(estimator, LBPHOGExtractor):
        estimator.fit_transform(X)
    elif isinstance(estimator, CNNEmbedder):
        for _ in estimator.frozen_rows(X).batches(estimator.batch_size):
            pass
    elif isinstance(estimator, GradCAMFuser):
        _warm(estimator.embedder, X)
        if estimator.masker is not None:
            for _ in estimator.masker.fit(X, None).iter_masks(X):
                pass
    else:
        return hasattr(estimator, "estimator") and _warm(estimator.estimator, X)
    return True
