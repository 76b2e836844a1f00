"""What each disease does to a phantom.

Diseases that change outlines act on the chest before it is drawn (`RESHAPE`), the others on the
scene (`PAINT`). Each painter returns the layers, float32 in [0, 1], that its boxes enclose.
`contrast` in [0, 1] goes from subtle to plain.
"""

import numpy as np

from ._phantom_anatomy import SIDES, spline
from ._phantom_scene import _ellipse


def _cardiomegaly(chest, rng, contrast):
    grow = 1.22 + 0.38 * contrast
    chest.heart_left = min(chest.heart_left * grow, 0.90 * chest.width)
    chest.heart_right *= 1 + 0.55 * (grow - 1)
    chest.heart_height *= 1 + 0.25 * (grow - 1)


def _emphysema(chest, rng, contrast):
    chest.dome = min(chest.dome + 0.12 + 0.16 * contrast, 0.72)
    chest.recess *= 0.60
    chest.width *= 1.04 + 0.05 * contrast
    chest.taper = min(1.0, chest.taper * 1.06)
    chest.heart_left *= 0.80
    chest.heart_right *= 0.88


def _atelectasis_loss(chest, rng, contrast):
    chest.collapsed = int(rng.integers(2))
    chest.dome_rise[chest.collapsed] += 0.04 + 0.07 * contrast


RESHAPE = {
    "Cardiomegaly": _cardiomegaly,
    "Emphysema": _emphysema,
    "Atelectasis": _atelectasis_loss,
}


def _spot(scene, rng, margin, low=0.0, high=1.0, side=None):
    """Draw a place in a lung, in chest units, at least `margin` from its border."""
    side = rng.choice(SIDES) if side is None else side
    chest = scene.chest
    y = chest.top + (low + (high - low) * rng.random()) * (chest.dome_at(side) - chest.top)
    y = min(max(y, chest.top + margin + 0.06), chest.dome_at(side) - 0.5 * margin)
    wall, medial = chest.wall(side), chest.medial(side)
    outer = np.interp(y, wall[::-1, 1], np.abs(wall[::-1, 0]))
    inner = np.interp(y, medial[:, 1], np.abs(medial[:, 0]))
    room = max(outer - inner - 2 * margin, 0.0)
    start = inner + margin if room else (inner + outer) / 2
    return np.array([side * (start + room * rng.random()), y])


def _blob(scene, rng, centre, radius, rough):
    """Fill an irregular outline around `centre`."""
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    r = np.ones_like(t)
    for k in range(2, 7):
        r += rough / k * rng.normal() * np.cos(k * t + rng.uniform(0, 2 * np.pi))
    radii = np.broadcast_to(radius, 2) * np.clip(r, 0.5, 1.6)[:, None]
    return scene.fill(centre + radii * np.column_stack([np.cos(t), np.sin(t)]))


def _both(scene):
    return np.maximum(scene.lungs[-1.0], scene.lungs[1.0])


def _cloud(scene, rng, centre, radius, grain, cover, inside):
    """Patchy opacity: noise cut off at a level, faded out from `centre`."""
    envelope = scene.soft(_blob(scene, rng, centre, radius, 0.35), 0.30 * np.min(radius))
    field = scene.noise(grain) + 2.2 * cover - 1.1
    return envelope * scene.soft(1 / (1 + np.exp(-2.5 * field)), 0.010) * inside


def _box_cardiomegaly(scene, rng, contrast):
    return [scene.heart]


def _paint_emphysema(scene, rng, contrast):
    scene.air_gain *= 1.08 + 0.10 * contrast
    scene.vessel_gain *= 0.60 - 0.25 * contrast
    return [_both(scene)]


def _paint_atelectasis(scene, rng, contrast):
    side = SIDES[getattr(scene.chest, "collapsed", 0)]
    layer = np.zeros((scene.size, scene.size), np.uint8)
    base = scene.chest.dome_at(side)
    for i in range(int(rng.integers(1, 4))):
        x, y = rng.uniform(0.28, 0.40), base - rng.uniform(0.06, 0.16) - 0.11 * i
        length, slope = rng.uniform(0.20, 0.32), rng.normal(0, 0.10)
        points = [(x, y), (x + length / 2, y + slope * 0.6 - 0.01), (x + length, y + slope)]
        scene.stroke(layer, spline(points) * (side, 1), rng.uniform(0.022, 0.045))
    layer = scene.soft(layer.astype(np.float32) / 255, 0.008) * scene.lungs[side]
    scene.added += (0.11 + 0.14 * contrast) * layer
    return [layer]


def _paint_effusion(scene, rng, contrast):
    sides = SIDES if rng.random() < 0.25 else (rng.choice(SIDES),)
    layers = []
    for side in sides:
        chest, w = scene.chest, scene.chest.width
        bottom = chest.angle_at(side)[1]
        level = bottom - chest.recess * 0.75 - rng.uniform(0.02, 0.12) - 0.42 * contrast**1.5
        rise = rng.uniform(0.12, 0.30)
        x = np.linspace(0.05, w + 0.05, 24)
        y = level + rise * (1 - np.clip(x / w, 0, 1) ** 2.5)  # the meniscus climbs along the wall
        outline = np.vstack(
            [np.column_stack([x, y]), [(w + 0.05, bottom + 0.3), (0.05, bottom + 0.3)]]
        )
        layer = scene.soft(scene.fill(outline * (side, 1)), 0.014) * scene.lungs[side]
        scene.added += 0.07 * layer
        scene.air_gain *= 1 - (0.65 + 0.33 * contrast) * layer
        scene.vessel_gain *= 1 - 0.9 * layer
        layers.append(layer)
    return layers


def _paint_infiltration(scene, rng, contrast):
    layers = []
    for _ in range(int(rng.integers(1, 4))):
        centre = _spot(scene, rng, 0.08, 0.25, 1.0)
        radius = rng.uniform(0.13, 0.24, size=2)
        layer = _cloud(scene, rng, centre, radius, rng.uniform(0.05, 0.09), 0.5, _both(scene))
        scene.added += (0.11 + 0.14 * contrast) * layer
        layers.append(layer)
    return layers


def _round(scene, rng, radius, rough, gain):
    centre = _spot(scene, rng, radius + 0.02, 0.0, 0.97)
    layer = scene.soft(_blob(scene, rng, centre, radius, rough), 0.012)
    scene.added += gain * layer
    return layer


def _paint_mass(scene, rng, contrast):
    return [_round(scene, rng, rng.uniform(0.095, 0.17), 0.22, 0.15 + 0.17 * contrast)]


def _paint_nodule(scene, rng, contrast):
    count = int(rng.choice([1, 1, 2, 3]))
    return [
        _round(scene, rng, rng.uniform(0.028, 0.058), 0.08, 0.12 + 0.17 * contrast)
        for _ in range(count)
    ]


def _paint_pneumonia(scene, rng, contrast):
    side = rng.choice(SIDES)
    low, high = ((0.05, 0.4), (0.55, 1.0))[int(rng.random() < 0.7)]
    centre = _spot(scene, rng, 0.12, low, high, side)
    layer = _cloud(scene, rng, centre, (0.24, 0.20), 0.07, 0.85, scene.lungs[side])
    scene.added += (0.15 + 0.15 * contrast) * layer
    return [layer]


def _paint_pneumothorax(scene, rng, contrast):
    """Outside a displaced pleural line the lung is darker and has no vessels."""
    chest, side = scene.chest, rng.choice(SIDES)
    gap = 0.07 + 0.20 * contrast
    bottom = chest.angle_at(side)[1]
    centre = np.array([side * (chest.mediastinum + 0.06), (chest.top + bottom) / 2])
    outline = (chest.lung(side) - centre) * (1 - gap, 1 - 0.9 * gap) + centre + (0, 0.5 * gap)
    inside = scene.fill(outline)
    layer = scene.lungs[side] * (1 - scene.soft(inside, 0.006))
    edge = np.zeros((scene.size, scene.size), np.uint8)
    scene.stroke(edge, outline[: 6 * 8], 0.012)
    edge = scene.soft(edge.astype(np.float32) / 255, 0.005) * scene.lungs[side]
    scene.vessel_gain *= 1 - layer
    scene.air_gain *= 1 + 0.25 * layer
    scene.added += 0.07 * edge + 0.10 * gap * inside * scene.lungs[side]
    return [layer]


def _paint_consolidation(scene, rng, contrast):
    side = rng.choice(SIDES)
    centre = _spot(scene, rng, 0.14, 0.1, 0.9, side)
    layer = scene.soft(_blob(scene, rng, centre, rng.uniform(0.15, 0.24, 2), 0.3), 0.03)
    layer = layer * scene.lungs[side]
    bronchi = np.zeros((scene.size, scene.size), np.uint8)
    for direction in rng.uniform(-0.9, 0.9, size=4):
        tip = centre + 0.2 * np.array([side * np.cos(direction), np.sin(direction)])
        scene.stroke(bronchi, [centre - (side * 0.12, 0.0), centre, tip], 0.014)
    bronchi = scene.soft(bronchi.astype(np.float32) / 255, 0.006)
    scene.added += (0.22 + 0.12 * contrast) * layer * (1 - 0.55 * bronchi)
    scene.vessel_gain *= 1 - 0.8 * layer
    return [layer]


def _paint_edema(scene, rng, contrast):
    """Perihilar haze on both sides, wide vessels."""
    chest, layers = scene.chest, []
    middle = chest.dome + 0.1 - chest.heart_height
    for side in SIDES:
        centre = (side * (chest.mediastinum + 0.18), middle + 0.08)
        layer = _cloud(scene, rng, centre, (0.24, 0.32), 0.10, 0.85, scene.lungs[side])
        scene.added += (0.12 + 0.12 * contrast) * layer
        layers.append(layer)
    scene.vessel_gain *= 1.25 + 0.35 * contrast
    return layers


def _paint_fibrosis(scene, rng, contrast):
    """Draw a net of fine lines, at the bases or the apices."""
    low, high = (0.7, 1.0) if rng.random() < 0.6 else (0.0, 0.3)
    layers = []
    for side in SIDES:
        centre = _spot(scene, rng, 0.10, low, high, side)
        net = np.zeros((scene.size, scene.size), np.uint8)
        for _ in range(45):
            start = centre + rng.normal(0, 0.11, size=2)
            turn = rng.uniform(0, np.pi)
            middle = start + 0.05 * np.array([np.cos(turn), np.sin(turn)])
            end = middle + 0.05 * np.array([np.cos(turn + 0.9), np.sin(turn + 0.9)])
            scene.stroke(net, [start, middle, end], 0.010, rng.integers(120, 256))
        net = scene.soft(net.astype(np.float32) / 255, 0.005) * scene.lungs[side]
        scene.added += (0.13 + 0.14 * contrast) * net
        layers.append(net)
    return layers


def _paint_pleural_thickening(scene, rng, contrast):
    """Draw a dense rim along the lateral wall or over the apex."""
    side = rng.choice(SIDES)
    wall = scene.chest.wall(side)
    first = int(rng.integers(4, 36))
    rim = np.zeros((scene.size, scene.size), np.uint8)
    scene.stroke(rim, wall[first : first + int(rng.integers(14, 22))], 0.06 + 0.06 * contrast)
    layer = scene.soft(rim.astype(np.float32) / 255, 0.008) * scene.lungs[side]
    scene.added += (0.16 + 0.12 * contrast) * layer
    return [layer]


def _paint_hernia(scene, rng, contrast):
    """Draw a round shadow behind the heart with gas and a fluid level."""
    centre = np.array([rng.normal(0.08, 0.05), scene.chest.dome - 0.02])
    radius = 0.12 + 0.07 * contrast
    layer = scene.soft(scene.fill(_ellipse(centre, (radius * 1.15, radius))), 0.01)
    gas = _ellipse(centre, (0.85 * radius, 0.75 * radius))
    gas = scene.soft(scene.fill(gas[gas[:, 1] < centre[1] + 0.01]), 0.006)
    scene.added += 0.10 * layer - (0.20 + 0.10 * contrast) * gas
    return [layer]


PAINT = {
    "Atelectasis": _paint_atelectasis,
    "Cardiomegaly": _box_cardiomegaly,
    "Effusion": _paint_effusion,
    "Infiltration": _paint_infiltration,
    "Mass": _paint_mass,
    "Nodule": _paint_nodule,
    "Pneumonia": _paint_pneumonia,
    "Pneumothorax": _paint_pneumothorax,
    "Consolidation": _paint_consolidation,
    "Edema": _paint_edema,
    "Emphysema": _paint_emphysema,
    "Fibrosis": _paint_fibrosis,
    "Pleural_Thickening": _paint_pleural_thickening,
    "Hernia": _paint_hernia,
}
