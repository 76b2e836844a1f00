"""The chest of a phantom: its outlines, and the radiograph without disease.

Outlines are in chest units: the image spans [-1, 1] both ways before the pose is applied, x grows
to the right of the image (the patient's left), y grows downwards.
"""

import numpy as np

SIDES = (-1.0, 1.0)  # right lung (left in the image), left lung


def spline(points, steps=8):
    """Catmull-Rom curve through points (..., m, 2): (..., (m - 1) * steps + 1, 2)."""
    p = np.asarray(points, dtype=float)
    first, last = p[..., :1, :], p[..., -1:, :]
    before, after = 2 * first - p[..., 1:2, :], 2 * last - p[..., -2:-1, :]
    p = np.concatenate([before, p, after], axis=-2)
    a, b, c, d = (p[..., i : p.shape[-2] - 3 + i, None, :] for i in range(4))
    t = (np.arange(steps) / steps)[:, None]
    curve = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )
    curve = curve.reshape(*p.shape[:-2], -1, 2)
    return np.concatenate([curve, last], axis=-2)


class Chest:
    """Measures of one patient's chest, and the outlines that follow from them.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the measures.
    """

    def __init__(self, rng):
        self.sex = "F" if rng.random() < 0.45 else "M"
        self.age = int(np.clip(rng.normal(50, 17), 5, 95))
        self.width = np.clip(rng.normal(0.73, 0.05), 0.60, 0.85)
        self.top = rng.normal(-0.76, 0.04)
        self.dome = np.clip(
            rng.normal(0.32, 0.15), 0.02, 0.62
        )  # height of the right dome of the diaphragm
        self.dome_step = rng.normal(0.05, 0.045)  # the left dome is lower
        self.dome_rise = [0.0, 0.0]  # a dome pulled up by atelectasis
        self.recess = rng.uniform(0.14, 0.33)  # depth of the costophrenic angle below the dome
        self.mediastinum = rng.normal(0.12, 0.02)
        self.knob = rng.uniform(0.01, 0.06) * (0.6 + self.age / 100)
        self.heart_right = rng.normal(0.19, 0.02)
        self.heart_left = rng.normal(0.40, 0.045)
        self.heart_height = rng.uniform(0.46, 0.62)
        self.apex = rng.uniform(0.36, 0.48, size=2)
        self.taper = rng.uniform(0.86, 1.0)  # width of the chest half-way up, against its base
        self.fat = rng.gamma(3.0, 0.04)  # soft tissue around the rib cage
        self.rib_step = rng.uniform(0.125, 0.15)
        self.rib_drop = rng.uniform(0.20, 0.34)
        self.rib_contrast = rng.uniform(0.5, 1.3)
        self.vessel_seed = int(rng.integers(2**31))

    def dome_at(self, side):
        """Height of one dome of the diaphragm, side -1 or 1."""
        i = int(side > 0)
        return self.dome + i * self.dome_step - self.dome_rise[i]

    def angle_at(self, side):
        """Costophrenic angle, (2,)."""
        return np.array([side * self.width, self.dome_at(side) + self.recess])

    def wall(self, side):
        """Lateral wall and apex of one lung, from the costophrenic angle to the mediastinum."""
        w, bottom = self.width, self.angle_at(side)[1]
        h = bottom - self.top
        apex, m = self.apex[int(side > 0)], self.mediastinum
        taper = self.taper
        points = [
            (w, bottom),
            (w * (1 + taper) / 2 * 1.01, bottom - 0.22 * h),
            (w * taper * 0.98, bottom - 0.47 * h),
            (w * (0.92 * taper - 0.01), bottom - 0.70 * h),
            (w * (0.80 * taper - 0.03), bottom - 0.87 * h),
            (w * apex, self.top),
            (m + 0.25 * (w * apex - m), self.top + 0.03 * h),
            (m - 0.03, self.top + 0.11 * h),
        ]
        return spline(points) * (side, 1)

    def medial(self, side):
        """Mediastinal and heart border of one lung, from the top to the cardiophrenic angle."""
        h = self.angle_at(side)[1] - self.top
        m, low = self.mediastinum, self.dome_at(side) + 0.02
        start = self.top + 0.20 * h
        up = max(low - self.heart_height, start + 0.25)  # top of the heart
        height, span = low - up, up - start
        if side < 0:
            r = self.heart_right
            points = [
                (m - 0.02, start),
                (m, start + 0.5 * span),
                (m + 0.02, up),
                (0.8 * r + 0.2 * m, up + 0.30 * height),
                (r, up + 0.62 * height),
                (0.93 * r, low),
            ]
        else:
            q = self.heart_left
            points = [
                (m - 0.01, start - 0.02),
                (m + self.knob, start + 0.40 * span),
                (m + 0.02, start + 0.82 * span),
                (m + 0.07, up + 0.10 * height),
                (0.64 * q + 0.05, up + 0.42 * height),
                (0.94 * q, up + 0.76 * height),
                (0.98 * q, low),
            ]
        return spline(points) * (side, 1)

    def diaphragm(self, side):
        """Dome of the diaphragm, from the cardiophrenic to the costophrenic angle."""
        start, end = self.medial(side)[-1], self.angle_at(side)
        top = self.dome_at(side)
        x = np.linspace(abs(start[0]), self.width, 24)
        peak = 0.45 * abs(start[0]) + 0.55 * (0.62 * self.width)
        inner = np.clip((peak - x) / max(peak - abs(start[0]), 0.05), 0, 1)
        outer = np.clip((x - peak) / (self.width - peak), 0, 1)
        y = top + (start[1] - top) * inner**2 + (end[1] - top) * outer**2.4
        return np.column_stack([side * x, y])

    def lung(self, side):
        """Return the closed outline of one lung field, (m, 2)."""
        return np.vstack([self.wall(side), self.medial(side), self.diaphragm(side)])

    def heart(self):
        """Return the closed outline of the heart, (m, 2)."""
        left, right = self.medial(1.0), self.medial(-1.0)
        left = left[left[:, 1] > left[-1, 1] - self.heart_height]
        right = right[right[:, 1] > right[-1, 1] - self.heart_height]
        sag = [((left[-1, 0] + right[-1, 0]) / 2, max(left[-1, 1], right[-1, 1]) + 0.10)]
        return np.vstack([left, sag, right[::-1]])

    def body(self):
        """Return the closed outline of neck, shoulders and trunk, (m, 2)."""
        w, fat = self.width + 0.06 + self.fat, self.fat
        half = spline(
            [
                (0.20 + 0.5 * fat, -2.0),
                (0.22 + 0.5 * fat, self.top - 0.25),
                (0.45, self.top - 0.10 - fat),
                (w + 0.28, self.top + 0.02),
                (w + 0.38, self.top + 0.35),
                (w + 0.05, self.top + 0.62),
                (w * 0.99, 0.1),
                (w + 0.4 * fat, 0.6),
                (w + 0.6 * fat, 2.0),
            ]
        )
        return np.vstack([half * (-1, 1), half[::-1]])

    def abdomen(self):
        """Return the closed outline of everything below the diaphragm, (m, 2)."""
        w = self.width + 0.15
        right, left = self.diaphragm(-1.0), self.diaphragm(1.0)
        edge = [(-w, right[-1, 1] + 0.7), (-w, 2.2), (w, 2.2), (w, left[-1, 1] + 0.7)]
        return np.vstack([right, edge, left[::-1]])

    def ribs(self, side):
        """Centre lines of the ribs: posterior halves (10, m, 2), anterior halves (7, m, 2)."""
        wall = self.wall(side)[40::-1]
        i = np.arange(10)
        y = self.top - 0.03 + i * self.rib_step
        turn = y + self.rib_drop * (0.55 + 0.06 * i)  # where a rib comes round to the front
        x = np.interp(turn, wall[:, 1], np.abs(wall[:, 0])) + 0.005
        fall = 0.22 + 0.02 * i
        shape = [
            (0.07 + 0 * x, y),
            (0.45 * x, y - 0.02),
            (0.85 * x, 0.6 * y + 0.4 * turn),
            (x, turn),
            (0.87 * x, turn + 0.5 * fall),
            (0.52 * x, turn + fall),
        ]
        lines = spline(np.moveaxis(np.array(shape), 2, 0)) * (side, 1)
        return lines[:, :27], lines[:7, 24:]

    def clavicle(self, side, tilt):
        """Centre line of one clavicle, (m, 2)."""
        y, end = self.top + 0.22, self.width + 0.22
        points = [(0.09, y), (0.27, y - 0.04), (0.6 * end, y - 0.17 - tilt), (end, y - 0.20 - tilt)]
        return spline(points) * (side, 1)

    def vessels(self, density=1.0):
        """Vessels that branch from both hila: lines (m, 7, 2) and widths (m,)."""
        rng = np.random.default_rng(self.vessel_seed)
        middle = self.dome + 0.08 - self.heart_height
        lines, widths = [], []
        for side in SIDES:
            count = max(2, round(10 * density))
            angle = np.linspace(-1.3, 1.35, count) + rng.normal(0, 0.12, count)
            start = np.array([self.mediastinum + 0.03, middle + 0.05 - 0.04 * side])
            start = start + rng.normal(0, 0.035, (count, 2))
            length, width = rng.uniform(0.32, 0.62, count), rng.uniform(0.016, 0.028, count)
            for _ in range(4):
                bend = angle + rng.normal(0, 0.35, len(angle))
                step = np.stack([np.cos(angle), np.sin(angle)], -1) * length[:, None] / 2
                knee = start + step
                end = knee + np.stack([np.cos(bend), np.sin(bend)], -1) * length[:, None] / 2
                lines.append(spline(np.stack([start, knee, end], 1), 3) * (side, 1))
                widths.append(width)
                start = np.concatenate([knee, end, end])
                turn = np.repeat(rng.choice([-1.0, 1.0], len(angle)), 3).reshape(-1, 3).T
                turn = (turn * np.array([[0.6], [-0.45], [0.4]])).ravel()
                angle = np.tile(bend, 3) + turn + rng.normal(0, 0.15, len(turn))
                length, width = np.tile(0.52 * length, 3), np.tile(0.60 * width, 3)
                if len(angle) > 90:
                    keep = rng.permutation(len(angle))[:90]
                    start, angle, length, width = (v[keep] for v in (start, angle, length, width))
        return np.concatenate(lines), np.concatenate(widths)
