"""The networks: from features or maps to one logit per label."""

import math

import numpy as np
import torch
from torch import nn


class MLP(nn.Module):
    """Fully connected layers, each followed by batch normalisation, ReLU and dropout.

    Parameters
    ----------
    n_features, n_labels : int
    hidden : sequence of int, default=(256,)
        Units of each hidden layer; () is logistic regression.
    dropout : float, default=0.4
        Share of hidden units dropped in training.
    input_dropout : float, default=0.0
        Share of features dropped in training.
    batch_norm : bool, default=True
    skip : bool, default=False
        Whether the last `n_labels` features are logits of another model, which go past the layers
        to the output: these learn a correction, and begin with none.
    correction : float, default=1.0
        Share of the correction that predictions use. With less than 1 they lean on the logits,
        whose errors are not those that the layers learn from few rows.
    """

    def __init__(
        self,
        n_features,
        n_labels,
        hidden=(256,),
        dropout=0.4,
        input_dropout=0.0,
        batch_norm=True,
        skip=False,
        correction=1.0,
    ):
        super().__init__()
        layers, width = [nn.Dropout(input_dropout)], n_features
        for units in hidden:
            layers += [nn.Linear(width, units, bias=not batch_norm)]
            layers += [nn.BatchNorm1d(units)] if batch_norm else []
            layers += [nn.ReLU(), nn.Dropout(dropout)]
            width = units
        self.body = nn.Sequential(*layers)
        self.output = nn.Linear(width, n_labels)
        self.gain, self.correction = None, correction
        if skip:
            if n_features < n_labels:
                raise ValueError(
                    f"skip needs a logit for each of the {n_labels} labels among the features, and "
                    f"there are {n_features} features"
                )
            nn.init.zeros_(self.output.weight)
            self.gain = nn.Parameter(torch.zeros(n_labels))

    def start_skip(self, X, Y):
        """Begin at half of what each logit says of its label alone.

        That is half the slope of a linear discriminant, the distance between the means of positives
        and negatives over the variance around them; what says nothing of its label begins at 0.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
        Y : ndarray of shape (n, n_labels)
            0 to 1, or NaN.
        """
        n_labels = len(self.gain)
        logits = np.asarray(X[:, -n_labels:], dtype=np.float64)
        for j in range(n_labels):
            known = ~np.isnan(Y[:, j])
            x, positive = logits[known, j], Y[known, j].astype(np.float64)
            if 0 < positive.sum() < len(positive):
                mean = [np.average(x, weights=w) for w in (positive, 1 - positive)]
                around = positive * (x - mean[0]) ** 2 + (1 - positive) * (x - mean[1]) ** 2
                slope = (mean[0] - mean[1]) / max(around.mean(), 1e-12)
                with torch.no_grad():
                    self.gain[j] = max(0.5 * slope, 0.0)

    def forward(self, x):
        """(m, n_features) → (m, n_labels) logits."""
        y = self.output(self.body(x))
        if self.gain is None:
            return y
        if not self.training:
            bias = self.output.bias  # the prevalence is no correction
            y = self.correction * (y - bias) + bias
        return y + self.gain * x[:, -len(self.gain) :]


class MapCNN(nn.Module):
    """Strided 3x3 convolutions, pooled to a coarse grid that keeps the place of a finding.

    Parameters
    ----------
    map_shape : (int, int, int)
        Maps, height and width.
    n_labels : int
    channels : sequence of int, default=(16, 32, 64)
        Channels of each convolution; each halves the map.
    grid : int, default=4
        Cells per side before the linear layer.
    dropout : float, default=0.4
    """

    def __init__(self, map_shape, n_labels, channels=(16, 32, 64), grid=4, dropout=0.4):
        super().__init__()
        self.map_shape = tuple(map_shape)
        layers, width = [nn.BatchNorm2d(map_shape[0])], map_shape[0]
        for units in channels:
            layers += [
                nn.Conv2d(width, units, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(units),
                nn.ReLU(),
            ]
            width = units
        layers += [nn.AdaptiveAvgPool2d(grid), nn.Flatten(), nn.Dropout(dropout)]
        self.body = nn.Sequential(*layers)
        self.output = nn.Linear(width * grid**2, n_labels)

    def forward(self, x):
        """(m, k·h·w) → (m, n_labels) logits."""
        return self.output(self.body(x.reshape(len(x), *self.map_shape)))


def resolve_map_shape(map_shape, n_features):
    """`map_shape` with its -1 worked out, as numpy.reshape does; it must match `n_features`."""
    shape = list(map_shape)
    if shape.count(-1) == 1:
        rest = -math.prod(shape)
        if rest > 0 and n_features % rest == 0:
            shape[shape.index(-1)] = n_features // rest
    if len(shape) != 3 or math.prod(shape) != n_features or min(shape) < 1:
        raise ValueError(
            f"map_shape={tuple(map_shape)} (maps, height, width) does not fit rows of "
            f"{n_features} features"
        )
    return tuple(shape)
