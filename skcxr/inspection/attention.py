"""Where the model looks: attention maps over the X-rays, beside a control."""

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from skcxr._image_input import as_images
from skcxr.inspection._controls import another_patient, patients_of
from skcxr.inspection._drawing import (
    GREEN,
    SKY,
    draw_box,
    draw_contour,
    draw_half_maximum,
    draw_map,
    draw_xray,
    grid_of_axes,
    image_names,
)
from skcxr.inspection._observation import observe, unit_maps
from skcxr.metrics._boxes import read_boxes

_CONTROL = "Control: map of\nanother patient"
EMPTY = "no positive evidence"


class AttentionDisplay:
    """Attention maps over X-rays: image, lung mask, Grad-CAM, fused, and a control.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`. The control is the map of
    the same label of another patient's film, over this film. Where it looks as convincing as the
    film's own map, the map shows where such lesions are in general and not what the model saw here.

    Colours grow lighter with the map's value, so that they read in grey, and a line surrounds what
    is above half of its maximum. A map of zeros is marked "no positive evidence".

    Parameters
    ----------
    images : ndarray of shape (n, H, W)
        Grey X-rays, not equalised.
    maps : dict of {str: ndarray of shape (n, h, w)}
        Column title to maps in [0, 1].
    masks : ndarray of shape (n, h, w) or None
        Lung masks, drawn as an outline.
    boxes : list of ndarray of shape (m, 4)
        Boxes of each image, x, y, w, h in shares of the film's width and height.
    row_names : list of str
        What to write beside each row.
    table : DataFrame
        Image, label, probability, threshold and control of each row.

    Attributes
    ----------
    figure_ : Figure
    axes_ : ndarray of Axes of shape (n, n_columns)

    Examples
    --------
    >>> import numpy as np
    >>> from skcxr.inspection import AttentionDisplay
    >>> films = np.random.default_rng(0).integers(0, 256, (2, 32, 32), dtype=np.uint8)
    >>> maps = np.zeros((2, 8, 8))
    >>> maps[0, 2, 3] = 1
    >>> display = AttentionDisplay.from_predictions(films, maps=maps, label="Mass")
    >>> display.frame()["empty"].tolist()
    [False, True]
    """

    def __init__(self, images, *, maps, masks, boxes, row_names, table):
        self.images = images
        self.maps = maps
        self.masks = masks
        self.boxes = boxes
        self.row_names = row_names
        self.table = table

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
                    draw_half_maximum(ax, self.maps[title][i], shape)
                    self._mark_empty(ax, title, i)
                for box in self.boxes[i]:
                    draw_box(ax, box, 1, shape, SKY)
                lines = [title] if i == 0 else []
                if title == "X-ray" and self._caption(i):
                    lines.append(self._caption(i))
                ax.set_title("\n".join(lines), fontsize=9)
            self.axes_[i, 0].set_ylabel(self.row_names[i], fontsize=8)
        if new and drawn is not None:
            bar = self.figure_.colorbar(drawn, ax=self.axes_, fraction=0.02, pad=0.01, aspect=30)
            bar.set_label("attention", fontsize=8)
            bar.ax.tick_params(labelsize=8)
            bar.solids.set_alpha(1)
        return self

    def frame(self):
        """Return what is drawn as a table.

        Returns
        -------
        DataFrame
            A row per film: image, label, probability, threshold, positive, the film that the
            control is of, whether Grad-CAM is empty, and the place of the first map's maximum as
            shares of width and height.
        """
        table = self.table.copy()
        for stack in list(self.maps.values())[:1]:
            height, width = stack.shape[1:]
            top = stack.reshape(len(stack), -1).argmax(axis=1)
            empty = ~stack.any(axis=(1, 2))
            table["empty"] = empty
            table["peak_x"] = np.where(empty, np.nan, (top % width + 0.5) / width)
            table["peak_y"] = np.where(empty, np.nan, (top // width + 0.5) / height)
        return table

    def _mark_empty(self, ax, title, i):
        text = EMPTY if not self.maps[title][i].any() else ""
        if title == "Fused" and "Grad-CAM" in self.maps and not self.maps["Grad-CAM"][i].any():
            text = f"{EMPTY}: mask alone"
        if text:
            box = {"facecolor": "black", "alpha": 0.6, "pad": 1.5, "edgecolor": "none"}
            middle = 0.5, 0.06
            ax.text(*middle, text, transform=ax.transAxes, ha="center", fontsize=7, color="white",
                    bbox=box)  # fmt: skip

    def _caption(self, i):
        row = self.table.iloc[i]
        if np.isnan(row["probability"]):
            return ""
        if np.isnan(row["threshold"]):
            return f"probability {row['probability']:.2f}"
        said = "positive" if row["positive"] else "negative"
        return f"{row['probability']:.2f} (threshold {row['threshold']:.2f}): {said}"

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        label,
        boxes=None,
        names=None,
        groups=None,
        others=None,
        frame=1024,
        control=True,
        random_state=None,
        axes=None,
        cmap="inferno",
    ):
        """Draw the maps of a fitted model.

        Parameters
        ----------
        estimator : fitted estimator
            A pipeline, search, tuner, calibrator or ColumnTransformer with a part that has
            ``attention_maps``, or this part itself.
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images to draw, one row each.
        label : str, int, or sequence of n of them
            The label whose maps are drawn, for all images or for each.
        boxes : DataFrame, default=None
            Columns image (a value of `names`), label, x, y, w, h, and maybe frame_width and
            frame_height. Those of the label are drawn.
        names : sequence of n, default=None
            Names of the images: file names where X is made of paths, else positions.
        groups : array-like of shape (n,), default=None
            Patient of each image; the column ``patient`` of X where it has one; else every film
            is a patient's own.
        others : like X, default=None
            Films of other patients to take the controls from; None takes them from X.
        frame : float or (float, float), default=1024
            Width and height in pixels that `boxes` refer to, where they do not say it themselves.
        control : bool, default=True
            Whether to draw the control.
        random_state : int, RandomState or None, default=None
            Chooses the films of the control.
        axes : array of Axes, default=None
            See :meth:`plot`.
        cmap : str, default="inferno"
            Colours of the maps.

        Returns
        -------
        AttentionDisplay

        Raises
        ------
        ValueError
            When no other patient's film is there to take a control from.
        """
        names = image_names(X, names, len(X))
        labels = [label] * len(X) if np.ndim(label) == 0 else list(label)
        if len(labels) != len(X):
            raise ValueError(f"label must be one, or one per image ({len(X)}); got {len(labels)}.")
        different = list(dict.fromkeys(labels))
        seen = observe(estimator, X, different)
        column = np.array([different.index(one) for one in labels])
        rows = np.arange(len(column))
        of_label = [seen.label_names[c] for c in column]
        controls = control_names = None
        if control and others is not None:
            elsewhere = observe(estimator, others, different)
            chosen = check_random_state(random_state).randint(len(others), size=len(rows))
            controls = elsewhere.cam[chosen, column]
            other_names = image_names(others, None, len(others))
            control_names = [other_names[j] for j in chosen]
        elif control:
            patients = patients_of(X, groups, seen.films)
            chosen = another_patient(of_label, patients, random_state, any_label=True)
            controls = seen.cam[chosen, column]
            control_names = [names[j] for j in chosen]
        known = seen.probabilities is not None
        return cls._from_maps(
            seen.films,
            {"Grad-CAM": seen.cam[rows, column], "Fused": seen.fused[rows, column]},
            seen.masks,
            labels=of_label,
            probabilities=seen.probabilities[rows, column] if known else None,
            thresholds=seen.thresholds[column] if known else None,
            controls=controls,
            control_names=control_names,
            boxes=boxes,
            names=names,
            frame=frame,
        ).plot(axes, cmap=cmap)

    @classmethod
    def from_predictions(
        cls,
        images,
        *,
        maps=None,
        masks=None,
        fused=None,
        label=None,
        probabilities=None,
        thresholds=None,
        boxes=None,
        names=None,
        groups=None,
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
            What the maps are for; written beside the images, picks the boxes, and the control is
            of the same.
        probabilities, thresholds : array-like of shape (n,), default=None
            Written above the images.
        boxes, names, groups, frame, control, random_state, axes, cmap
            As in :meth:`from_estimator`.

        Returns
        -------
        AttentionDisplay
        """
        names = image_names(images, names, len(images))
        table = images
        images = np.asarray(as_images(images))
        n = len(images)
        labels = [label] * n if label is None or isinstance(label, str) else list(label)
        columns = {}
        for title, stack in (("Grad-CAM", maps), ("Fused", fused)):
            if stack is not None:
                columns[title] = _check_maps(stack, n, title)
        masks = None if masks is None else _check_maps(masks, n, "masks")
        controls = control_names = None
        if control and columns:
            patients = patients_of(table, groups, images)
            chosen = another_patient(labels, patients, random_state)
            controls = next(iter(columns.values()))[chosen]
            control_names = [names[j] for j in chosen]
        return cls._from_maps(
            images,
            columns,
            masks,
            labels=labels,
            probabilities=probabilities,
            thresholds=thresholds,
            controls=controls,
            control_names=control_names,
            boxes=boxes,
            names=names,
            frame=frame,
        ).plot(axes, cmap=cmap)

    @classmethod
    def _from_maps(cls, images, columns, masks, *, labels, probabilities, thresholds, controls,
                   control_names, boxes, names, frame):  # fmt: skip
        if controls is not None:
            columns = {**columns, _CONTROL: controls}
        table = pd.DataFrame({"image": names, "label": labels})
        for name, values in (("probability", probabilities), ("threshold", thresholds)):
            table[name] = np.nan if values is None else np.asarray(values, dtype=np.float64)
        table["positive"] = table["probability"] > table["threshold"]
        table["control"] = control_names
        return cls(
            images,
            maps=columns,
            masks=masks,
            boxes=_boxes_by_image(boxes, names, labels, frame),
            row_names=[
                str(name) if one is None else f"{one}\n{name}"
                for name, one in zip(names, labels, strict=True)
            ],
            table=table,
        )


def _check_maps(stack, n, title):
    stack = np.asarray(stack, dtype=np.float32)
    if stack.ndim != 3 or len(stack) != n:
        raise ValueError(f"{title}: shape ({n}, h, w) expected, got {stack.shape}.")
    return unit_maps(stack, title)


def _boxes_by_image(boxes, names, labels, frame):
    """Boxes of each image in the unit square, of its label where it has one."""
    if boxes is None or not len(boxes):
        return [np.empty((0, 4))] * len(names)
    images, of, xywh = read_boxes(boxes, frame)
    return [
        xywh[(images == name) & ((of == label) if label is not None else True)]
        for name, label in zip(names, labels, strict=True)
    ]
