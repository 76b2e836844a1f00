"""Where the model looks: attention maps over the X-rays, beside a control."""

import numpy as np
import pandas as pd
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import check_random_state

from skcxr._image_input import as_images
from skcxr.inspection._drawing import (
    GREEN,
    SKY,
    draw_box,
    draw_contour,
    draw_map,
    draw_xray,
    grid_of_axes,
    image_names,
)


def find_fuser(estimator):
    """Return the fitted fuser inside an estimator and the steps before it, or None."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    if hasattr(estimator, "attention_maps"):
        return estimator, []
    parts = []
    if isinstance(estimator, Pipeline):
        parts = [step for _, step in estimator.steps]
    elif isinstance(estimator, FeatureUnion):
        parts = [part for _, part in estimator.transformer_list]
    for i, part in enumerate(parts):
        found = find_fuser(part)
        if found is not None:
            fuser, before = found
            if isinstance(estimator, Pipeline) and i:
                before = [estimator[:i], *before]
            return fuser, before
    return None


class AttentionDisplay:
    """Attention maps over X-rays: image, lung mask, Grad-CAM, fused, and a control.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`. The control is the map of
    another image over this image. Where it looks as convincing as the image's own map, the map
    shows where such lesions are in general and not what the model saw here.

    Parameters
    ----------
    images : ndarray of shape (n, H, W)
        Grey X-rays.
    maps : dict of {str: ndarray of shape (n, h, w)}
        Column title to maps in [0, 1].
    masks : ndarray of shape (n, h, w) or None
        Lung masks, drawn as an outline.
    boxes : list of ndarray of shape (m, 4)
        Boxes of each image in pixels of the frame: x, y, w, h.
    row_names : list of str
        What to write beside each row.
    frame : float
        Side of the frame that boxes refer to.

    Attributes
    ----------
    figure_ : Figure
    axes_ : ndarray of Axes of shape (n, n_columns)
    """

    def __init__(self, images, *, maps, masks, boxes, row_names, frame):
        self.images = images
        self.maps = maps
        self.masks = masks
        self.boxes = boxes
        self.row_names = row_names
        self.frame = frame

    def plot(self, axes=None, *, cmap="inferno"):
        """Draw.

        Parameters
        ----------
        axes : array of Axes, default=None
            One for each image and column, row by row; a new figure when None.
        cmap : str, default="inferno"
            Colours of the maps.

        Returns
        -------
        AttentionDisplay
        """
        titles = ["X-ray", *(["Lung mask"] if self.masks is not None else []), *self.maps]
        new = axes is None
        self.figure_, self.axes_ = grid_of_axes(len(self.images), len(titles), axes=axes)
        shape = self.images.shape[1:]
        drawn = None
        for i, image in enumerate(self.images):
            for ax, title in zip(self.axes_[i], titles, strict=True):
                draw_xray(ax, image)
                if title == "Lung mask":
                    draw_contour(ax, self.masks[i], shape, GREEN)
                    if self.masks[i].min() >= 0.5:
                        ax.set_xlabel("no mask used", fontsize=8)
                elif title in self.maps:
                    drawn = draw_map(ax, self.maps[title][i], shape, cmap)
                for box in self.boxes[i]:
                    draw_box(ax, box, self.frame, shape, SKY)
                if i == 0:
                    ax.set_title(title, fontsize=9)
            self.axes_[i, 0].set_ylabel(self.row_names[i], fontsize=8)
        if new and drawn is not None:
            bar = self.figure_.colorbar(drawn, ax=self.axes_, fraction=0.02, pad=0.01, aspect=30)
            bar.set_label("attention", fontsize=8)
            bar.ax.tick_params(labelsize=8)
            bar.solids.set_alpha(1)
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        label,
        boxes=None,
        names=None,
        frame=1024,
        control=True,
        random_state=None,
        axes=None,
        cmap="inferno",
    ):
        """Draw the maps of a fitted pipeline or fuser.

        Parameters
        ----------
        estimator : fitted Pipeline, search or GradCAMFuser
            The maps are those of the first part with ``attention_maps``.
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images to draw, one row each.
        label : str, int, or sequence of n of them
            The label whose maps are drawn, for all images or for each.
        boxes : DataFrame, default=None
            Columns image (a value of `names`), label, x, y, w, h. Those of the label are drawn.
        names : sequence of n, default=None
            Names of the images: file names where X is made of paths, else positions.
        frame : float, default=1024
            Side in pixels of the square frame that `boxes` refers to.
        control : bool, default=True
            Whether to draw the control.
        random_state : int, RandomState or None, default=None
            Chooses the other images of the control.
        axes : array of Axes, default=None
            See :meth:`plot`.
        cmap : str, default="inferno"
            Colours of the maps.

        Returns
        -------
        AttentionDisplay
        """
        names = image_names(X, names, len(X))
        labels = [label] * len(X) if np.ndim(label) == 0 else list(label)
        if len(labels) != len(X):
            raise ValueError(f"label must be one, or one per image ({len(X)}); got {len(labels)}.")
        found = find_fuser(estimator)
        if found is None:
            raise ValueError(
                f"{type(estimator).__name__} has no part with attention_maps: pass a GradCAMFuser, "
                "or a pipeline that holds one."
            )
        fuser, before = found
        for steps in before:
            X = steps.transform(X)
        images = np.asarray(as_images(X, image_shape=getattr(fuser, "image_shape", None)))
        different = list(dict.fromkeys(labels))
        parts = fuser.attention_maps(X, labels=different, size=images.shape[1:])
        column = [different.index(one) for one in labels]
        rows = np.arange(len(images))
        label_names = [str(parts.label_names[c]) for c in column]
        return cls.from_predictions(
            images,
            maps=parts.cam[rows, column],
            masks=_masks_to_draw(fuser, X, images, parts.mask),
            fused=parts.fused[rows, column],
            label=label_names,
            boxes=boxes,
            names=names,
            frame=frame,
            control=control,
            random_state=random_state,
            axes=axes,
            cmap=cmap,
        )

    @classmethod
    def from_predictions(
        cls,
        images,
        *,
        maps=None,
        masks=None,
        fused=None,
        label=None,
        boxes=None,
        names=None,
        frame=1024,
        control=True,
        random_state=None,
        axes=None,
        cmap="inferno",
    ):
        """Draw maps that were computed before.

        Parameters
        ----------
        images : array-like of shape (n, H, W), or paths
            The X-rays.
        maps : array-like of shape (n, h, w), default=None
            Grad-CAM in [0, 1].
        masks : array-like of shape (n, h, w), default=None
            Lung masks.
        fused : array-like of shape (n, h, w), default=None
            Fused attention in [0, 1].
        label : str or sequence of n str, default=None
            What the maps are for; written beside the images, and picks the boxes.
        boxes, names, frame, control, random_state, axes, cmap
            As in :meth:`from_estimator`. With a single image the control is its own map, mirrored.

        Returns
        -------
        AttentionDisplay
        """
        names = image_names(images, names, len(images))
        images = np.asarray(as_images(images))
        n = len(images)
        labels = [label] * n if label is None or isinstance(label, str) else list(label)
        columns = {}
        for title, stack in (("Grad-CAM", maps), ("Fused", fused)):
            if stack is not None:
                columns[title] = _check_maps(stack, n, title)
        masks = None if masks is None else _check_maps(masks, n, "masks")
        if control and columns:
            title, stack = next(iter(columns.items()))
            if n > 1:
                # A cyclic shift of a random order: never an image's own map.
                order = check_random_state(random_state).permutation(n)
                other = np.empty(n, dtype=int)
                other[order] = np.roll(order, 1)
                columns["Control: map of\nanother image"] = stack[other]
            else:
                columns["Control: map\nmirrored"] = stack[:, :, ::-1]
        return cls(
            images,
            maps=columns,
            masks=masks,
            boxes=_boxes_by_image(boxes, names, labels),
            row_names=[
                str(name) if one is None else f"{one}\n{name}"
                for name, one in zip(names, labels, strict=True)
            ],
            frame=frame,
        ).plot(axes, cmap=cmap)


def _masks_to_draw(fuser, X, images, used):
    """Take the masker's own masks, at full size; ones where the fusion did without.

    Those of `used` went through the size of the feature maps, too coarse for an outline.
    """
    masker = getattr(fuser, "masker_", None)
    if masker is None:
        return used
    masks = np.asarray(masker.transform(X)).reshape(images.shape)
    return np.where((used == 1).all(axis=(1, 2), keepdims=True), np.float32(1), masks)


def _check_maps(stack, n, title):
    stack = np.asarray(stack, dtype=np.float32)
    if stack.ndim != 3 or len(stack) != n:
        raise ValueError(f"{title}: shape ({n}, h, w) expected, got {stack.shape}.")
    if not (np.isfinite(stack).all() and stack.min() >= 0 and stack.max() <= 1):
        raise ValueError(f"{title}: values in [0, 1] expected.")
    return stack


def _boxes_by_image(boxes, names, labels):
    """Boxes of each image, of its label where it has one."""
    if boxes is None:
        return [np.empty((0, 4))] * len(names)
    boxes = pd.DataFrame(boxes)
    missing = [c for c in ("image", "label", "x", "y", "w", "h") if c not in boxes]
    if missing:
        raise ValueError(f"boxes lacks the columns {missing}.")
    out = []
    for name, label in zip(names, labels, strict=True):
        mine = boxes["image"] == name
        if label is not None:
            mine &= boxes["label"] == label
        out.append(boxes.loc[mine, ["x", "y", "w", "h"]].to_numpy(dtype=np.float64))
    return out
