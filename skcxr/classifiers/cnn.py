"""A small CNN directly on fused attention maps."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_array

from skcxr._sklearn import Interval
from skcxr.classifiers._modules import MapCNN, resolve_map_shape
from skcxr.classifiers.net import MultilabelNet


class AttentionCNN(MultilabelNet):
    """A small CNN on fused attention maps: the classifier of Das 2025 on F itself.

    Parameters
    ----------
    map_shape : (int, int, int) or None, default=None
        Maps per image, height and width in pixels, for X as flat rows; one of them may be -1 as
        in :func:`numpy.reshape`. None: X is (n, maps, height, width) or (n, height, width).
    module__channels : sequence of int, default=(16, 32, 64)
        Channels of each 3x3 convolution; each halves height and width.
    module__grid : int, default=4
        The maps are pooled to grid x grid cells before the linear layer.
    module__dropout : float, default=0.4
        Share of the pooled cells dropped in training.
    optimizer, optimizer__weight_decay, lr, max_epochs, batch_size, loss, pos_weight, sampling, \
soft_labels, thresholds, threshold_metric, threshold_target, early_stopping, patience, \
validation_fraction, n_nets, nan_rows, callbacks, device, random_state, verbose
        As in :class:`MultilabelNet`, which also describes the fitted attributes.
    **settings : dict
        ``optimizer__<name>`` and ``loss__<name>``.

    Attributes
    ----------
    map_shape_ : (int, int, int)
        Maps, height and width that the net was trained on.

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.classifiers import AttentionCNN
    >>> rng = np.random.default_rng(0)
    >>> maps, y = rng.random((40, 2, 14, 14)), rng.integers(0, 2, (40, 3))
    >>> AttentionCNN(max_epochs=2, random_state=0).fit(maps, y).predict_proba(maps).shape
    (40, 3)
    """

    _parameter_constraints = {
        **MultilabelNet._parameter_constraints,
        "map_shape": ["array-like", None],
        "module__channels": ["array-like"],
        "module__grid": [Interval(Integral, 1, None, closed="left")],
        "module__dropout": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        *,
        map_shape=None,
        module__channels=(16, 32, 64),
        module__grid=4,
        module__dropout=0.4,
        **settings,
    ):
        super().__init__(
            MapCNN,
            module__channels=module__channels,
            module__grid=module__grid,
            module__dropout=module__dropout,
            **settings,
        )
        self.map_shape = map_shape

    def _validate_rows(self, X, reset):
        """Flat rows of (n, maps, height, width) or (n, height, width) arrays or of flat rows."""
        shape = None
        if getattr(X, "ndim", 0) in (3, 4):
            X = check_array(X, allow_nd=True, dtype=[np.float32, np.float64])
            shape = (1, *X.shape[1:]) if X.ndim == 3 else X.shape[1:]
            X = X.reshape(len(X), -1)
        rows = super()._validate_rows(X, reset)
        if reset:
            if shape is None and self.map_shape is None:
                raise ValueError(
                    "flat rows need map_shape=(maps, height, width); or pass X as "
                    "(n, maps, height, width)"
                )
            if self.map_shape is not None:
                self.map_shape_ = resolve_map_shape(self.map_shape, rows.shape[1])
            else:
                self.map_shape_ = shape
        if shape is not None and tuple(shape) != self.map_shape_:
            raise ValueError(f"maps of shape {tuple(shape)}, expected {self.map_shape_}")
        return rows
