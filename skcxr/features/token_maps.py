"""TokenMaps: the tokens of a vision transformer as feature maps."""

import functools
import math

import torch
from torch import nn

# What transformers' and DINOv2's outputs call the tokens of the last layer.
_FIELDS = ("last_hidden_state", "x_norm_patchtokens")
_MOST_PREFIX = 8  # class, distillation and register tokens


class TokenMaps(nn.Module):
    """Turn what a vision transformer returns into feature maps, for ``backbone=``.

    Embeddings, Grad-CAM and the fusion need maps (m, C, h, w). RAD-DINO, DINOv2, ViT and DeiT give
    tokens (m, 1 + n, C), Swin gives (m, h·w, C) or (m, h, w, C); the tokens that stand for patches
    are laid out as the image is, and the others left out.

    Parameters
    ----------
    module : nn.Module
        A network of transformers, timm or torch hub without its classification head. It is called
        by its ``forward_features`` where it has one (timm, DINOv2), and may return a tensor, an
        output with ``last_hidden_state``, or a tuple or dict with one tensor of tokens or maps.
    grid : (int, int) or None, default=None
        Rows and columns of patches; None finds them from the number of tokens and the image's
        shape.
    n_prefix : int or None, default=None
        Tokens before those of the patches; None takes the module's ``num_prefix_tokens`` (timm),
        or the fewest that leave a grid.
    mean, std : sequence of float, default=(0.5, 0.5, 0.5)
        Scaling of values in [0, 1] that the network was trained with, for each of its channels:
        one or three. ImageNet's are (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225); a
        transformers image processor has them as ``image_mean`` and ``image_std``.
    trained_on : sequence of str, default=None
        Data sets that the network has seen, for later checks; None says that nobody knows.
    **forward_options
        Handed to the module's call, such as ``interpolate_pos_encoding=True``.

    See Also
    --------
    build_backbone : Takes the result, or any module that returns maps.

    Examples
    --------
    >>> import torch
    >>> from skcxr.features import TokenMaps
    >>> class Patches(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.embed = torch.nn.Conv2d(3, 8, 16, stride=16)
    ...     def forward(self, x):
    ...         tokens = self.embed(x).flatten(2).transpose(1, 2)
    ...         return torch.cat([tokens.mean(1, keepdim=True), tokens], 1)
    >>> TokenMaps(Patches())(torch.zeros(2, 1, 64, 96)).shape
    torch.Size([2, 8, 4, 6])
    """

    #: The network scales and repeats the grey channel itself.
    takes_grey = True

    def __init__(
        self,
        module,
        grid=None,
        n_prefix=None,
        *,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        trained_on=None,
        **forward_options,
    ):
        super().__init__()
        if len(mean) != len(std) or len(mean) not in (1, 3) or min(std) <= 0:
            raise ValueError(
                f"mean={mean!r} and std={std!r}: expected one or three values each, std above 0."
            )
        self.module = module
        self.grid = grid
        self.n_prefix = n_prefix
        self.trained_on = trained_on if trained_on is None else tuple(trained_on)
        self.forward_options = forward_options
        # x in [-1, 1] is scaled by (x + 1) / 2 to [0, 1], then by (value - mean) / std.
        std = torch.tensor(std, dtype=torch.float32).view(1, -1, 1, 1)
        mean = torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1)
        self.register_buffer("factor", 0.5 / std)
        self.register_buffer("offset", (0.5 - mean) / std)

    def extra_repr(self):
        """Say how the tokens are laid out, for the representation.

        Returns
        -------
        str
        """
        return f"grid={self.grid}, n_prefix={self.n_prefix}"

    def forward(self, x):
        """Feature maps of grey images.

        Parameters
        ----------
        x : Tensor of shape (m, 1, H, W)
            Grey in [-1, 1].

        Returns
        -------
        Tensor of shape (m, C, h, w)

        Raises
        ------
        ValueError, TypeError
            When what the network returns cannot be laid out, with what to pass.
        """
        call = getattr(self.module, "forward_features", self.module)
        tokens = _tokens(call(x * self.factor + self.offset, **self.forward_options))
        if tokens.ndim == 4:
            return self._as_channels_first(tokens, x.shape[2:])
        if tokens.ndim != 3:
            raise ValueError(
                f"The network returned an array of shape {tuple(tokens.shape)}, expected tokens "
                "(m, n, C) or maps: pass the network without its pooling and its classification "
                "head."
            )
        grid, n_prefix = self._layout(tokens.shape[1], x.shape[2:])
        patches = tokens[:, n_prefix:].transpose(1, 2)
        return patches.reshape(len(tokens), -1, *grid)

    def _layout(self, n_tokens, shape):
        n_prefix = self.n_prefix
        if n_prefix is None:
            n_prefix = getattr(self.module, "num_prefix_tokens", None)
        prefixes = tuple(range(_MOST_PREFIX + 1)) if n_prefix is None else (n_prefix,)
        if self.grid is None:
            found = _find_layout(n_tokens, tuple(shape), prefixes)
        else:
            prefix = n_tokens - math.prod(self.grid)
            found = (tuple(self.grid), prefix) if prefix in prefixes else None
        if found is None:
            raise ValueError(
                f"{n_tokens} tokens of an image of {shape[0]}×{shape[1]} pixels make no grid of "
                f"patches with grid={self.grid} and n_prefix={n_prefix}; pass the grid (rows, "
                "columns) and the number of tokens before it."
            )
        return found

    def _as_channels_first(self, maps, shape):
        """Tell (m, h, w, C) from (m, C, h, w) by the grid or by the image's proportions."""
        sides = tuple(maps.shape[1:3]), tuple(maps.shape[2:4])
        rules = (_divides, _may_be_patches) if self.grid is None else (self._is_grid,)
        for fitting in rules:
            last, first = (fitting(side, shape) for side in sides)
            if last != first:
                return maps.permute(0, 3, 1, 2) if last else maps
        raise ValueError(
            f"Maps of shape {tuple(maps.shape)} of an image of {shape[0]}×{shape[1]} pixels could "
            "have their channels first or last; pass grid=(rows, columns)."
        )

    def _is_grid(self, side, shape):
        return side == tuple(self.grid)


def _tokens(output):
    """The tensor of tokens or maps in what a network returned."""
    if isinstance(output, torch.Tensor):
        return output
    for field in _FIELDS:
        if isinstance(output, dict) and field in output:
            return output[field]
        if isinstance(getattr(output, field, None), torch.Tensor):
            return getattr(output, field)
    parts = list(output.values()) if isinstance(output, dict) else output
    parts = parts if isinstance(parts, tuple | list) else ()
    found = [part for part in parts if isinstance(part, torch.Tensor) and part.ndim > 2]
    if len(found) == 1:
        return found[0]
    shapes = ", ".join(str(tuple(part.shape)) for part in found)
    raise TypeError(
        f"The network returned {type(output).__name__} with "
        f"{f'several tensors, of shapes {shapes}' if found else 'no tensor of tokens or maps'}; "
        f"expected one, or an output with {_FIELDS[0]}: use a model without a head, as AutoModel "
        "makes, or a module that returns the part that is wanted."
    )


@functools.lru_cache(maxsize=64)
def _find_layout(n_tokens, shape, prefixes):
    """Grid of square patches, and tokens before it; patches that divide the image go first."""
    sizes = range(1, max(shape) + 1)
    kinds = [
        [tuple(s // size for s in shape) for size in sizes if not any(s % size for s in shape)],
        [tuple(s // size for s in shape) for size in sizes],
        [tuple(-(-s // size) for s in shape) for size in sizes],
    ]
    for grids in kinds:
        for prefix in prefixes:
            for grid in grids:
                if math.prod(grid) == n_tokens - prefix > 0:
                    return grid, prefix
    return None


def _divides(grid, shape):
    """Whether a grid is exactly that of square patches on an image."""
    (rows, columns), (height, width) = grid, shape
    return height * columns == width * rows and rows <= height


def _may_be_patches(grid, shape):
    """Whether a grid may be that of square patches, with a rest at the border."""
    low = [side / (count + 1) for side, count in zip(shape, grid, strict=True)]
    high = [side / max(count - 1, 0.5) for side, count in zip(shape, grid, strict=True)]
    return max(low) < min(high) and all(c <= s for c, s in zip(grid, shape, strict=True))
