"""The linear multi-label head on pooled features, whose weights Grad-CAM reads."""

import warnings

import numpy as np


def fit_linear_head(embeddings, Y, label_names, *, C):
    """One L2-regularised logistic regression per label, on standardised features.

    Parameters
    ----------
    embeddings : ndarray of shape (n, n_channels)
        Pooled feature maps.
    Y : ndarray of shape (n, n_labels)
        0, 1 or NaN; a label's NaN rows are left out of its fit.
    label_names : sequence of str
    C : float
        Inverse strength of the regularisation, as in
        :class:`~sklearn.linear_model.LogisticRegression`.

    Returns
    -------
    coef : ndarray of shape (n_labels, n_channels), float32
        Weights for features as they come; the standardisation is folded in.
    intercept : ndarray of shape (n_labels,), float32

    Warns
    -----
    UserWarning
        Naming the labels that have no positive or no negative; their weights are 0 and their
        intercept is the log odds of (positives + 1) among (known + 2).
    """
    from sklearn.linear_model import LogisticRegression

    mean = embeddings.mean(0, dtype=np.float64)
    scale = embeddings.std(0, dtype=np.float64)
    scale[scale == 0] = 1.0
    standardised = ((embeddings - mean) / scale).astype(np.float32)
    coef = np.zeros((Y.shape[1], embeddings.shape[1]))
    intercept = np.zeros(Y.shape[1])
    constant = []
    for j in range(Y.shape[1]):
        known = ~np.isnan(Y[:, j])
        y = Y[known, j]
        if len(np.unique(y)) < 2:
            constant.append(str(label_names[j]))
            share = (y.sum() + 1) / (len(y) + 2)
            intercept[j] = np.log(share / (1 - share))
            continue
        X = standardised if known.all() else standardised[known]
        model = LogisticRegression(C=C, max_iter=500).fit(X, y)
        coef[j] = model.coef_[0] / scale
        intercept[j] = model.intercept_[0] - coef[j] @ mean
    if constant:
        warnings.warn(
            f"No positive or no negative example of {', '.join(constant)} in the training data; "
            "the linear head predicts their smoothed prevalence.",
            stacklevel=2,
        )
    return coef.astype(np.float32), intercept.astype(np.float32)
