"""What the displays share: colours, axes, and X-rays with something on them."""

import textwrap

import numpy as np

# Okabe and Ito's palette, told apart with any kind of colour vision.
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
)
PALETTE = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)


def colors(n):
    """Return n colours that are told apart as far as the palette goes."""
    return [PALETTE[i % len(PALETTE)] for i in range(n)]


def wrapped(name, width=26):
    """Break a long name, so that a legend leaves room for what it explains."""
    return "\n".join(textwrap.wrap(str(name), width)[:3]) or str(name)


def legend_above(figure, handles, names):
    """Write a legend above the axes, as many columns as the figure has room for."""
    columns = max(1, int(figure.get_size_inches()[0] // 1.9))
    figure.legend(
        handles=handles, labels=[wrapped(name) for name in names], ncols=min(columns, 4),
        fontsize=8, frameon=False, loc="outside upper center",
    )  # fmt: skip


def grid_of_axes(n_rows, n_columns, cell=2.4, axes=None, **kwargs):
    """Return ``(figure, axes)`` with axes of shape (n_rows, n_columns), new ones if none given."""
    if axes is None:
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(
            n_rows,
            n_columns,
            figsize=(cell * n_columns, cell * n_rows),
            layout="constrained",
            squeeze=False,
            **kwargs,
        )
        return figure, axes
    axes = np.asarray(axes, dtype=object)
    if axes.size != n_rows * n_columns:
        raise ValueError(
            f"{n_rows * n_columns} axes expected ({n_rows} rows of {n_columns}); got {axes.size}."
        )
    return axes.flat[0].figure, axes.reshape(n_rows, n_columns)


def one_axes(ax, figsize):
    """Return ``(figure, ax)``, a new pair where `ax` is None."""
    if ax is None:
        import matplotlib.pyplot as plt

        return plt.subplots(figsize=figsize, layout="constrained")
    return ax.figure, ax


def draw_xray(ax, image):
    """Draw a grey image without ticks."""
    ax.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)


def draw_map(ax, map_, shape, cmap="inferno", alpha=0.7):
    """Draw a map in [0, 1] over an X-ray: the lower its value, the more of the X-ray shows."""
    height, width = shape
    return ax.imshow(
        map_,
        cmap=cmap,
        vmin=0,
        vmax=1,
        alpha=alpha * np.clip(map_, 0, 1),
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
        interpolation="bilinear",
    )


def draw_contour(ax, mask, shape, color, style="solid", width=1.2):
    """Draw the outline of a mask, of whatever size, over an image of `shape`."""
    mask = np.asarray(mask, dtype=np.float64)
    if mask.min() >= 0.5 or mask.max() < 0.5:
        return  # nothing has an outline
    y = (np.arange(mask.shape[0]) + 0.5) * shape[0] / mask.shape[0] - 0.5
    x = (np.arange(mask.shape[1]) + 0.5) * shape[1] / mask.shape[1] - 0.5
    ax.contour(x, y, mask, levels=[0.5], colors=[color], linewidths=width, linestyles=style)


def draw_half_maximum(ax, map_, shape):
    """Surround what is above half of a map's maximum, white on black, to read on any grey."""
    peak = np.max(map_)
    if peak > 0:
        draw_contour(ax, map_ / peak, shape, "black", width=1.8)
        draw_contour(ax, map_ / peak, shape, "white", width=0.8)


def draw_box(ax, box, frame, shape, color=SKY):
    """Draw a box x, y, w, h of a square frame over an image of `shape`."""
    from matplotlib.patches import Rectangle

    x, y, w, h = np.asarray(box, dtype=np.float64) / frame
    height, width = shape
    ax.add_patch(
        Rectangle(
            (x * width - 0.5, y * height - 0.5),
            w * width,
            h * height,
            fill=False,
            edgecolor=color,
            linewidth=1.6,
        )
    )


def image_names(X, names, n):
    """Names to write beside images: `names`, the file names in X, or their positions."""
    import os

    from skcxr._image_input import paths_of

    if names is None:
        paths = paths_of(X)
        names = range(n) if paths is None else [os.path.basename(path) for path in paths]
    names = list(names)
    if len(names) != n:
        raise ValueError(f"names must hold one name per image ({n}); got {len(names)}.")
    return names
