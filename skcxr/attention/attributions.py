"""Which pixels a fitted embedder's logits hang on, by captum's methods."""

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._image_input import as_images
from .._torch import fold_batch_norms, resolve_device, seeded, to_input
from .gradcam import label_positions, normalise

_METHODS = ("integrated_gradients", "occlusion", "gradient_shap")


def attribution_maps(
    embedder,
    X,
    labels=None,
    *,
    method="integrated_gradients",
    baseline=0,
    n_steps=50,
    window=None,
    signed=False,
    size=None,
    batch_size=32,
    random_state=None,
):
    r"""Attributions of a fitted embedder's logits to the pixels of images.

    They need no feature maps and are as fine as the film, where class activation maps
    (:func:`class_maps`) have the last stage's resolution. The logits are those of
    ``decision_function``, computed in float32; of several cross-fitted networks, the mean. Comes
    with ``pip install "skcxr[explain]"``.

    Parameters
    ----------
    embedder : CNNEmbedder
        Fitted with labels.
    X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
        The images.
    labels : str, int, sequence of them or None, default=None
        Names or positions of the labels wanted; None takes all.
    method : {"integrated_gradients", "occlusion", "gradient_shap"}, default="integrated_gradients"
        ``"integrated_gradients"`` [1]_ integrates the gradient along the line from the baseline to
        the film. ``"occlusion"`` [2]_ is how far the logit falls when a square is replaced by the
        baseline, at each pixel the mean over the squares that hold it. ``"gradient_shap"`` [3]_ is
        the mean of integrated gradients' integrand at random places of the lines from baselines
        drawn at random.
    baseline : float or array-like of shape (H, W) or (m, H, W), default=0
        The film that shows nothing: a grey value in [0, 255], black by default, or films of the
        images' size, such as normal ones. ``"gradient_shap"`` draws from several; the others take
        their mean. A pixel that equals the baseline gets nothing by integrated gradients.
    n_steps : int, default=50
        Steps of the integral; for ``"gradient_shap"`` how often is drawn.
    window : int or None, default=None
        Side in pixels of the square that ``"occlusion"`` moves by half of it; None is an eighth
        of the film's shorter side.
    signed : bool, default=False
        Whether to return the attributions themselves, in logits. Those of integrated gradients
        sum to the logit less that of the baseline, up to the steps of the integral. By default
        what speaks for the label is returned, each map divided by its maximum.
    size : (int, int) or None, default=None
        Height and width that maps are averaged or interpolated to; None keeps the film's.
    batch_size : int, default=32
        Images, of those that a method makes of one film, at a time.
    random_state : int, RandomState or None, default=None
        Of ``"gradient_shap"``.

    Returns
    -------
    ndarray of shape (n, n_labels, h, w), float32
        In [0, 1], zero where nothing speaks for the label; in logits when `signed`.

    Raises
    ------
    ImportError
        Without captum.
    ValueError
        For an unknown method or label, and for a baseline or a window that the films do not take.

    See Also
    --------
    class_maps : Class activation maps, which take one forward pass for all labels.
    faithfulness : Whether maps say what the network uses.

    References
    ----------
    .. [1] M. Sundararajan, A. Taly and Q. Yan. "Axiomatic attribution for deep networks". ICML,
       2017.
    .. [2] M. D. Zeiler and R. Fergus. "Visualizing and understanding convolutional networks".
       ECCV, 2014.
    .. [3] S. M. Lundberg and S.-I. Lee. "A unified approach to interpreting model predictions".
       NeurIPS, 2017; as expected gradients in G. Erion et al. "Improving performance of deep
       learning models with axiomatic attribution priors and expected gradients". Nature Machine
       Intelligence, 2021.

    Examples
    --------
    >>> from skcxr.attention import attribution_maps
    >>> from skcxr.datasets import make_chest_phantoms
    >>> from skcxr.features import CNNEmbedder
    >>> films = make_chest_phantoms(4, size=64, random_state=0).images
    >>> embedder = CNNEmbedder("resnet18", weights=None, random_state=0)
    >>> embedder = embedder.fit(films, [[0, 1], [1, 0], [0, 0], [1, 1]])
    >>> maps = attribution_maps(embedder, films[:2], 0, n_steps=4)
    >>> maps.shape, float(maps.max())
    ((2, 1, 64, 64), 1.0)
    """
    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(map(repr, _METHODS))}; got {method!r}.")
    if n_steps < 1:
        raise ValueError(f"n_steps must be at least 1; got {n_steps}.")
    captum = _import_captum()
    import torch

    check_is_fitted(embedder)
    if not embedder.head_coefs_:
        raise ValueError("Attributions are of logits: fit the embedder with labels.")
    index = label_positions(labels, embedder.label_names_)
    films = as_images(X, image_shape=embedder.image_shape)
    device = resolve_device(embedder.device)
    logits = _logits_of(embedder, index, device)
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=len(films))
    out = None
    for i, seed in enumerate(seeds):
        x = to_input(np.stack(list(films.take(np.array([i])))), device)
        base = _as_input(baseline, x)
        # A caller in inference mode would otherwise get no gradient.
        with torch.inference_mode(False), torch.enable_grad():
            if method == "integrated_gradients":
                integrate = captum.IntegratedGradients(logits).attribute
                settings = {"n_steps": n_steps, "internal_batch_size": batch_size}
                parts = [
                    integrate(x, base.mean(0, keepdim=True), target=c, **settings)
                    for c in range(len(index))
                ]
                made = torch.cat(parts)[:, 0]
            elif method == "occlusion":
                made = _occlusion(captum, logits, x, base, window, batch_size)
            else:
                draw = captum.GradientShap(logits).attribute
                made = _gradient_shap(draw, x, base, len(index), n_steps, batch_size, seed)
        made = made.detach().float()
        made = made if signed else made.clamp(min=0)
        if size is not None:
            # Averages where it shrinks: single pixels are too noisy to be picked.
            made = torch.nn.functional.interpolate(
                made[None], tuple(size), mode="bilinear", antialias=True
            )[0]
        if out is None:
            out = np.empty((len(films), *made.shape), np.float32)
        out[i] = made.cpu().numpy()
    return out if signed else normalise(out)


def _import_captum():
    try:
        import captum.attr
    except ImportError as error:
        raise ImportError(
            'attribution_maps needs captum, which is in an extra: pip install "skcxr[explain]".'
        ) from error
    return captum.attr


def _logits_of(embedder, index, device):
    """The embedder's decision function for some labels, as torch differentiates it."""
    import torch

    def ready(part):
        return fold_batch_norms(part).to(device).requires_grad_(False)

    trunk = ready(embedder.trunk_)
    tails = [ready(tail) for tail in embedder.tails_] or [torch.nn.Identity()]
    heads = [
        (torch.as_tensor(coef[index], device=device), torch.as_tensor(b[index], device=device))
        for coef, b in zip(embedder.head_coefs_, embedder.head_intercepts_, strict=True)
    ]

    def logits(x):
        maps = trunk(x.clone())  # parts may work in place
        views = [maps, maps.flip(3)] if getattr(embedder, "_mirror", False) else [maps]
        found = [
            tail(view.clone()).float().mean((2, 3)) @ coef.T + intercept
            for tail, (coef, intercept) in zip(tails, heads, strict=True)
            for view in views
        ]
        return torch.stack(found).mean(0)

    return logits


def _as_input(baseline, x):
    """Baselines (m, 1, H, W) as the network takes them."""
    import torch

    grey = np.asarray(baseline, dtype=np.float32)
    if grey.ndim not in (0, 2, 3) or (grey.ndim and grey.shape[-2:] != tuple(x.shape[2:])):
        raise ValueError(
            f"baseline must be a grey value or films of {x.shape[2]} × {x.shape[3]} pixels, as X "
            f"has; got the shape {grey.shape}."
        )
    if not (grey.size and grey.min() >= 0 and grey.max() <= 255):
        raise ValueError("baseline must hold grey values in [0, 255].")
    grey = torch.from_numpy(grey.reshape(-1, 1, *(grey.shape[-2:] or (1, 1)))).to(x.device)
    return (grey / 127.5 - 1).expand(-1, 1, *x.shape[2:])


def _occlusion(captum, logits, x, base, window, batch_size):
    import torch

    shorter = min(x.shape[2:])
    window = max(1, shorter // 8) if window is None else window
    if not 1 <= window <= shorter:
        raise ValueError(f"window must lie in 1 to {shorter}, the film's side; got {window}.")
    with torch.no_grad():
        # Of all labels at once, as no target is named.
        return captum.Occlusion(logits).attribute(
            x,
            (1, window, window),
            strides=(1, max(1, window // 2), max(1, window // 2)),
            baselines=base.mean(0, keepdim=True),
            perturbations_per_eval=batch_size,
        )[:, 0]


def _gradient_shap(draw, x, base, n_labels, n_steps, batch_size, seed):
    import torch

    sizes = [min(batch_size, n_steps - start) for start in range(0, n_steps, batch_size)]
    shared = check_random_state(None)  # numpy's own, which captum draws from
    found = []
    for c in range(n_labels):
        with seeded(seed, x.device):
            state = shared.get_state()
            shared.seed(seed)
            try:  # the same draws for every label
                parts = [m * draw(x, base, n_samples=m, target=c) for m in sizes]
            finally:
                shared.set_state(state)
        found.append(sum(parts) / n_steps)
    return torch.cat(found)[:, 0]
