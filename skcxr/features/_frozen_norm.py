"""Networks trained with batch norms whose statistics stand still, at twice the speed on a CPU.

A batch norm with fixed statistics is an affine map of each channel. It is multiplied into the
weights of the convolution before it in every forward pass, with gradients to all of them, so that
no pass over the activations is left of it. Depthwise convolutions get a backward pass of their own:
oneDNN's bfloat16 kernels for the gradients of large or strided ones take several times as long as
what is put together here.
"""

import copy
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from .._torch import conv_norm_pairs


def to_trainable(network):
    """A copy of `network` that computes the same, with its batch norms inside its convolutions.

    Parameters
    ----------
    network : nn.Module
        Its batch norms keep their statistics.

    Returns
    -------
    nn.Module
        In eval mode, channels last, with the parameters of `network` under the same names.
    """
    network = copy.deepcopy(network).eval()
    for parent, conv_name, norm_name in list(conv_norm_pairs(network)):
        conv, norm = getattr(parent, conv_name), getattr(parent, norm_name)
        if hasattr(conv, "border"):
            conv.forward = partial(_normed_stem, conv, norm)
            conv.border.requires_grad_(False)  # one constant image: nothing to learn from
        elif type(conv) is nn.Conv2d or hasattr(conv, "static_padding"):
            conv.forward = partial(_normed_conv, conv, norm)
        else:
            continue
        norm.forward = _unchanged
    return network.to(memory_format=torch.channels_last)


def _unchanged(x):
    return x


def _scale(norm):
    scale = torch.rsqrt(norm.running_var + norm.eps)
    return scale if norm.weight is None else scale * norm.weight


def _normed_conv(conv, norm, x):
    """``norm(conv(x))`` as one convolution: weights W s, bias shift + (b - mean) s.

    The scale s is the norm's own over the square root of variance + eps.
    """
    scale = _scale(norm)
    weight = (conv.weight * scale.view(-1, 1, 1, 1)).to(x.dtype)
    shift = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
    bias = shift * scale
    if norm.bias is not None:
        bias = bias + norm.bias
    padding = conv.padding
    pad = getattr(conv, "static_padding", None)
    pads = pad.pads(x.shape) if hasattr(pad, "pads") else getattr(pad, "padding", None)
    if pads is not None:
        left, right, top, bottom = pads
        if left == right and top == bottom:
            padding = (top, left)
        else:
            x = F.pad(x, pads)
    weight = weight.contiguous(memory_format=torch.channels_last)
    bias = bias.to(x.dtype)
    on_cpu = x.device.type == "cpu" and x.dtype == torch.bfloat16
    if on_cpu and conv.groups == x.shape[1] == weight.shape[0] and conv.dilation == (1, 1):
        return _Depthwise.apply(x, weight, bias, tuple(conv.stride), tuple(padding))
    return F.conv2d(x, weight, bias, conv.stride, padding, conv.dilation, conv.groups)


def _normed_stem(stem, norm, x):
    """As `_normed_conv`, for a :class:`GreyStem`: its constant image goes through the norm too."""
    with torch.no_grad():
        ones = torch.ones(1, 1, *x.shape[2:], device=x.device, dtype=stem.border.weight.dtype)
        constant = stem.border(ones)
    return _normed_conv(stem.conv, norm, x) + (constant * _scale(norm).view(1, -1, 1, 1)).to(
        x.dtype
    )


class _Depthwise(torch.autograd.Function):
    """Depthwise convolution in bfloat16 whose gradients avoid the slow kernels."""

    @staticmethod
    def forward(ctx, x, weight, bias, stride, padding):
        """(m, C, H, W) → (m, C, H', W')."""
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(x, weight, bias, stride, padding, 1, x.shape[1])

    @staticmethod
    def backward(ctx, grad):
        """Gradients of x, weight and bias."""
        x, weight = ctx.saved_tensors
        grad_x = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            grad_x = _input_gradient(grad, x, weight, ctx.stride, ctx.padding)
        if ctx.needs_input_grad[1]:
            # Kernels of 5 x 5 and more are faster by way of float32.
            dtype = torch.float32 if weight.shape[2] > 3 else weight.dtype
            grad_weight = torch.ops.aten.convolution_backward(
                *(tensor.to(dtype) for tensor in (grad, x, weight)),
                *(None, ctx.stride, ctx.padding, (1, 1), False, (0, 0), x.shape[1]),
                (False, True, False),
            )[1].to(weight.dtype)
        if ctx.needs_input_grad[2]:
            grad_bias = grad.sum((0, 2, 3))
        return grad_x, grad_weight, grad_bias, None, None


def _input_gradient(grad, x, weight, stride, padding):
    """The transposed convolution; with strides as a plain one of the gradient spread by zeros."""
    n, channels, height, width = x.shape
    kernel = weight.shape[2:]
    if stride != (1, 1):
        spread = [
            s + 2 * p - k + 1 for s, p, k in zip((height, width), padding, kernel, strict=True)
        ]
        zeros = torch.zeros((n, *spread, channels), dtype=grad.dtype).permute(0, 3, 1, 2)
        zeros[:, :, :: stride[0], :: stride[1]] = grad
        grad = zeros
    flipped = weight.flip(2, 3).contiguous(memory_format=torch.channels_last)
    back = [k - 1 - p for k, p in zip(kernel, padding, strict=True)]
    return F.conv2d(grad, flipped, None, 1, back, 1, channels)
