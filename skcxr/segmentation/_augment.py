"""Augmentation of a radiograph and its mask: what differs between hospitals, not between lungs."""

import functools

import cv2
import numpy as np


def augment(image, mask, rng, strength=1.0):
    """Return a random variant of one image and of its mask.

    Parameters
    ----------
    image : ndarray of shape (s, s), uint8
    mask : ndarray of shape (s, s), uint8
        0 to 255, soft edges allowed.
    rng : numpy.random.Generator
    strength : float, default=1.0
        Scales every range; 0 leaves both as they are.

    Returns
    -------
    image, mask : ndarray of shape (s, s), uint8
    """
    if strength == 0:
        return image, mask
    image, mask = _warp(image, mask, rng, strength)
    image = image.astype(np.float32) / 255.0
    image = _tissue(image, mask, rng, strength)
    image = _exposure(image, rng, strength)
    image = (np.clip(image, 0, 1) * 255).astype(np.uint8)
    image = _film(image, rng, strength)
    if rng.random() < 0.25:
        clip = rng.uniform(1, 4)
        image = cv2.createCLAHE(clipLimit=clip, tileGridSize=(8, 8)).apply(image)
    if rng.random() < 0.04 * strength:
        image = 255 - image
    return image, mask


@functools.cache
def _grid(s):
    y, x = np.mgrid[:s, :s].astype(np.float32) - np.float32((s - 1) / 2)
    return x, y


def _warp(image, mask, rng, strength):
    """Flip, rotate, scale, shear, shift and bend, in one resampling."""
    s = image.shape[0]
    turn = np.deg2rad(rng.normal(0, 8) * strength)
    zoom = np.exp(rng.uniform(-0.3, 0.3) * strength)
    aspect = np.exp(rng.uniform(-0.15, 0.15) * strength)
    shear = rng.uniform(-0.1, 0.1) * strength
    shift = rng.uniform(-0.1, 0.1, 2) * strength * s
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = matrix @ np.array([[1, shear], [0, 1]]) @ np.diag([zoom * aspect, zoom / aspect])
    if rng.random() < 0.5:
        matrix[:, 0] *= -1
    x, y = _grid(s)
    bend = rng.normal(0, 0.02 * s * strength, (2, 5, 5)).astype(np.float32)
    bend = [cv2.resize(b, (s, s), interpolation=cv2.INTER_CUBIC) for b in bend]
    centre = (s - 1) / 2 + shift
    matrix, centre = matrix.astype(np.float32), centre.astype(np.float32)
    map_x = matrix[0, 0] * x + matrix[0, 1] * y + (centre[0] + bend[0])
    map_y = matrix[1, 0] * x + matrix[1, 1] * y + (centre[1] + bend[1])
    border = {"borderMode": cv2.BORDER_CONSTANT}
    edge = 0 if rng.random() < 0.7 else float(rng.integers(0, 256))
    image = cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderValue=edge, **border)
    mask = cv2.remap(mask, map_x, map_y, cv2.INTER_LINEAR, borderValue=0, **border)
    return image, mask


def _tissue(image, mask, rng, strength):
    """Haze and opacities over the lungs, wires and round leads: the outline stays the same."""
    s = image.shape[0]
    inside = np.argwhere(mask > 127)
    if rng.random() < 0.5 * strength and len(inside):
        veil = np.zeros((s, s), np.float32)
        for _ in range(rng.integers(1, 4)):
            y, x = inside[rng.integers(len(inside))]
            axes = tuple(int(v) for v in rng.uniform(0.02, 0.2, 2) * s + 1)
            angle = rng.uniform(0, 180)
            cv2.ellipse(veil, (int(x), int(y)), axes, angle, 0, 360, rng.uniform(0.2, 0.8), -1)
        veil = cv2.GaussianBlur(veil, (0, 0), s * rng.uniform(0.01, 0.06))
        image = image + veil * (max(float(image.max()), 0.2) - image)
    if rng.random() < 0.25 * strength and len(inside):
        # gas in stomach or bowel: dark, and no lung
        bottom = inside[:, 0].max()
        y, x = rng.uniform(bottom - 0.05 * s, bottom + 0.25 * s), rng.uniform(0.1, 0.9) * s
        axes = tuple(int(v) for v in rng.uniform(0.02, 0.1, 2) * s + 1)
        gas = np.zeros((s, s), np.float32)
        cv2.ellipse(gas, (int(x), int(y)), axes, rng.uniform(0, 180), 0, 360, 1.0, -1)
        gas = cv2.GaussianBlur(gas, (0, 0), s * rng.uniform(0.003, 0.015))
        gas[mask > 127] = 0
        image = image * (1 - rng.uniform(0.3, 0.8) * gas)
    if rng.random() < 0.2 * strength:
        # one lung paler than the other, as with rotation, effusion lying behind, or a grid
        row = np.linspace(-1, 1, s, dtype=np.float32) * rng.choice([-1, 1])
        image = image + 0.35 * rng.random() * np.clip(row, 0, 1) * (image.max() - image)
    for _ in range(rng.poisson(0.5 * strength)):
        points = np.cumsum(rng.normal(0, 0.09 * s, (7, 2)), axis=0) + rng.uniform(0, s, 2)
        line = cv2.resize(points.astype(np.float32), (2, 60), interpolation=cv2.INTER_CUBIC)
        line = line.round().astype(np.int32)[:, None]
        colour = float(min(image.max(), 1.0))
        image = cv2.polylines(image, [line], False, colour, int(rng.integers(1, 3)))
        if rng.random() < 0.5:
            x, y = (int(v) for v in line[-1, 0])
            cv2.circle(image, (x, y), int(rng.integers(2, 5)), colour, -1)
    return image


def _exposure(image, rng, strength):
    """Contrast, brightness, gamma, a smooth shading, blur and noise."""
    s = image.shape[0]
    image = (image - 0.5) * np.exp(rng.uniform(-0.5, 0.2) * strength) + 0.5
    image = np.clip(image + rng.uniform(-0.1, 0.1) * strength, 0, 1)
    image = image ** np.exp(rng.uniform(-0.6, 0.6) * strength)
    if rng.random() < 0.5:
        # what the machine's own processing does: coarse, middle and fine structure weighted anew
        small = cv2.resize(image, (s // 4, s // 4), interpolation=cv2.INTER_AREA)
        coarse = cv2.GaussianBlur(small, (0, 0), s * rng.uniform(0.01, 0.04))
        coarse = cv2.resize(coarse, (s, s), interpolation=cv2.INTER_LINEAR)
        middle = cv2.GaussianBlur(image, (0, 0), s * rng.uniform(0.005, 0.015))
        gains = np.exp(rng.uniform([-1.0, -0.5, -0.7], [0.3, 0.7, 0.9]) * strength)
        bands = (coarse - coarse.mean(), middle - coarse, image - middle)
        image = coarse.mean() + sum(g * b for g, b in zip(gains.tolist(), bands, strict=True))
    shading = rng.normal(0, 0.08 * strength, (3, 3)).astype(np.float32)
    image = image + cv2.resize(shading, (s, s), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.5))
    elif rng.random() < 0.3:
        image = image + rng.uniform(0, 1) * (image - cv2.GaussianBlur(image, (0, 0), 2))
    if rng.random() < 0.4:
        sigma = rng.uniform(0, 0.03) * strength
        image = image + sigma * rng.standard_normal(image.shape, np.float32)
    return image


def _film(image, rng, strength):
    """Black or white borders and text markers; they lie over everything else."""
    s = image.shape[0]
    if rng.random() < 0.35 * strength:
        value = 0 if rng.random() < 0.75 else rng.integers(150, 256)
        for side in range(4):
            if rng.random() < 0.5:
                width = int(rng.uniform(0, 0.12) * s)
                if width:
                    view = np.rot90(image, side)
                    view[:width] = value
    for _ in range(rng.poisson(0.7 * strength)):
        word = "".join(rng.choice(list("LRAPECTOB0123456789"), rng.integers(1, 7)))
        where = (int(rng.uniform(0, 0.9) * s), int(rng.uniform(0.04, 1) * s))
        size = rng.uniform(0.2, 0.7) * s / 224
        colour = 255 if rng.random() < 0.7 else 0
        if rng.random() < 0.3:
            corner = (where[0] + int(s * rng.uniform(0.05, 0.15)), where[1] - int(0.07 * s))
            cv2.rectangle(image, where, corner, 255 - colour, -1)
        cv2.putText(image, word, where, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
    return image
