"""Settings, thresholds, weights, seconds and memory of models."""

import hashlib

import numpy as np
import pandas as pd

from skcxr.attention.finding import find_part


def model_table(models, runs):
    """Describe models.

    Parameters
    ----------
    models : dict of {str: estimator or predictions}
    runs : dict of {str: Run}

    Returns
    -------
    DataFrame
        A row per model: estimator, thresholds (lowest to highest), backbone, weights, digest (of
        the first network's weights), cross_fit, fit and predict seconds, and the highest memory of
        the process until the model was scored, in MB.
    """
    rows = {}
    for name, model in models.items():
        run = runs[name]
        thresholds = run.thresholds.to_numpy(dtype=float)
        thresholds = thresholds[~np.isnan(thresholds)]
        row = {
            "estimator": " ".join(repr(model).split()) if run.fitted else "predictions",
            "thresholds": "–",
        }
        if len(thresholds):
            row["thresholds"] = f"{thresholds.min():.3g} to {thresholds.max():.3g}"
        row |= _network(run.fitted[0]) if run.fitted else {}
        row |= {
            "fit seconds": run.fit_seconds,
            "predict seconds": run.predict_seconds,
            "peak memory (MB)": run.peak_memory,
        }
        rows[name] = row
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")
    return table.astype(object).where(table.notna(), "–")


def _network(estimator):
    """What the networks of a fitted estimator are made of."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    part, _ = find_part(
        estimator,
        lambda p: hasattr(p, "trunk_") or hasattr(getattr(p, "embedder_", None), "trunk_"),
    )
    if part is None:
        return {}
    embedder = getattr(part, "embedder_", part)
    state = hashlib.sha256()
    for network in (embedder.trunk_, *getattr(embedder, "tails_", [])):
        for key, tensor in network.state_dict().items():
            state.update(key.encode() + tensor.cpu().contiguous().numpy().tobytes())
    backbone = embedder.backbone
    return {
        "backbone": backbone if isinstance(backbone, str) else type(backbone).__name__,
        "weights": str(embedder.weights),
        "digest": state.hexdigest()[:12],
        "fine_tune": str(embedder.fine_tune),
        "cross_fit": str(getattr(embedder, "cross_fit", None)),
    }
