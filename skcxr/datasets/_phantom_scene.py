"""The canvas a phantom is drawn on: pose, layers, film response."""

import numpy as np

from ._phantom_anatomy import SIDES

_FRACTION_BITS = 4  # OpenCV draws in 1/16 pixels


class Scene:
    """One radiograph in the making: optical density, lung fields, vessels.

    Parameters
    ----------
    chest : Chest
        Anatomy, already changed by the diseases that change outlines.
    rng : numpy.random.Generator
        Draws the pose and what differs between two images of one patient.
    size : int
        Side of the image in pixels.
    """

    def __init__(self, chest, rng, size, portable=False):
        self.chest, self.rng, self.size, self.portable = chest, rng, size, portable
        angle = np.deg2rad(rng.normal(0, 2.0))
        scale = np.clip(rng.normal(1.0, 0.08), 0.80, 1.2) * size / 2
        stretch = rng.normal(1.0, 0.03)
        c, s = np.cos(angle), np.sin(angle)
        self._turn = scale * np.array([[c * stretch, s], [-s * stretch, c]])
        self._shift = size / 2 * (1 + rng.normal(0, 0.035, size=2)) - 0.5
        self.unit = scale
        self.lungs = {side: self.fill(chest.lung(side)) for side in SIDES}
        self.heart = self.fill(chest.heart())
        # What lesions change: how much of the vessels and the air is left, and what is added.
        self.vessel_gain = np.ones((size, size), np.float32)
        self.air_gain = np.ones((size, size), np.float32)
        self.added = np.zeros((size, size), np.float32)
        self.vessel_count = 1.0

    # -- drawing ------------------------------------------------------------------------------
    def pixels(self, points):
        """Chest units to pixels, (..., 2) float."""
        return np.asarray(points, float) @ self._turn.T + self._shift

    def _fixed(self, points):
        """Outlines or lines, (m, 2) or (k, m, 2), as OpenCV wants them."""
        fixed = np.round(self.pixels(points) * 2**_FRACTION_BITS).astype(np.int32)
        return fixed.reshape(-1, *fixed.shape[-2:])

    def fill(self, points):
        """Fill an outline: float32 in [0, 1] with soft (anti-aliased) borders."""
        import cv2

        layer = np.zeros((self.size, self.size), np.uint8)
        cv2.fillPoly(layer, self._fixed(points), 255, cv2.LINE_AA, _FRACTION_BITS)
        return layer.astype(np.float32) / 255

    def stroke(self, layer, points, width, value=255):
        """Draw lines, (m, 2) or (k, m, 2), of `width` chest units on a uint8 layer."""
        import cv2

        thickness = max(1, round(width * self.unit))
        cv2.polylines(
            layer, self._fixed(points), False, int(value), thickness, cv2.LINE_AA, _FRACTION_BITS
        )

    def soft(self, layer, sigma):
        """Gaussian blur with `sigma` in chest units; wide ones are done on a smaller copy."""
        import cv2

        sigma = sigma * self.unit
        step = int(sigma // 2.5)
        if step < 2:
            return cv2.GaussianBlur(layer, (0, 0), max(sigma, 0.3), borderType=cv2.BORDER_REPLICATE)
        small = cv2.resize(layer, (-(-self.size // step),) * 2, interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), sigma / step, borderType=cv2.BORDER_REPLICATE)
        return cv2.resize(small, (self.size, self.size), interpolation=cv2.INTER_LINEAR)

    def noise(self, grain):
        """Smooth random field with features of about `grain` chest units, mean 0, sd about 1."""
        import cv2

        cells = int(np.clip(2 / grain, 2, self.size))
        field = self.rng.standard_normal((cells, cells), dtype=np.float32)
        return cv2.resize(field, (self.size, self.size), interpolation=cv2.INTER_CUBIC)

    # -- the healthy chest --------------------------------------------------------------------
    def _vessels(self):
        """Vessels and hila, float32 in [0, 1]."""
        layer = np.zeros((self.size, self.size), np.uint8)
        lines, widths = self.chest.vessels(self.vessel_count)
        # Lines thinner than a pixel are drawn fainter; one call for each thickness.
        bins = np.round(np.maximum(widths * self.unit, 0.25) * 4).astype(int)
        for b in np.unique(bins):
            value = 255 * min(1.0, 0.30 + 0.11 * b * 112 / self.unit)
            self.stroke(layer, lines[bins == b], b / 4 / self.unit, value)
        return self.soft(layer.astype(np.float32) / 255, 0.007)

    def _bones(self):
        """Ribs, clavicles, spine: float32 layer of added density."""
        chest, shape = self.chest, (self.size, self.size)
        back, front = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        for side in SIDES:
            behind, before = chest.ribs(side)
            for layer, lines, width in ((back, behind, 0.060), (front, before, 0.054)):
                self.stroke(layer, lines, width, 255)  # cortex, then the darker inside
                self.stroke(layer, lines, width - 0.022, 150)
        ribs = 0.13 * back.astype(np.float32) + 0.08 * front
        ribs *= 0.25 + 0.75 * self.soft(np.maximum(self.lungs[-1.0], self.lungs[1.0]), 0.05)
        collar = np.zeros(shape, np.uint8)
        tilt = self.rng.normal(0.02, 0.03)
        for side in SIDES:
            self.stroke(collar, chest.clavicle(side, tilt), 0.060, 255)
            self.stroke(collar, chest.clavicle(side, tilt), 0.036, 185)
        spine = np.zeros(shape, np.uint8)
        for y in np.arange(-1.1, 1.3, 0.135):
            self.stroke(spine, [(0, y), (0, y + 0.095)], 0.15, 255)
        blade = sum(
            self.fill(
                np.array([(0.62, -0.02), (0.70, -0.55), (0.98, -0.62), (0.80, -0.28), (0.68, 0.08)])
                * (side, 1)
            )
            for side in SIDES
        )
        bones = ribs + np.float32(0.11) * collar
        bones = self.soft(bones / 255, 0.006) * chest.rib_contrast
        return bones + self.soft(0.03 * spine.astype(np.float32) / 255 + 0.04 * blade, 0.014)

    def density(self):
        """Radiographic density of everything drawn so far, float32 (size, size)."""
        chest, rng = self.chest, self.rng
        lungs = np.maximum(self.lungs[-1.0], self.lungs[1.0])
        air = self.soft(lungs, rng.uniform(0.008, 0.024))
        depth = 0.40 + 0.60 * self.soft(lungs, 0.11)
        body = self.soft(self.fill(chest.body()), 0.03)
        image = body * (0.50 + 0.9 * chest.fat + 0.16 * self.soft(body, 0.20))
        arms = np.zeros((self.size, self.size), np.uint8)
        reach = chest.width + 0.42 + rng.uniform(-0.06, 0.25)
        for side in SIDES:
            line = np.array(
                [(reach - 0.12, chest.top + 0.25), (reach + 0.04, 0.1), (reach + 0.1, 0.9)]
            )
            self.stroke(arms, line * (side, 1), 0.26, 150)
            self.stroke(arms, line * (side, 1), 0.07, 210)
        image = np.maximum(image, self.soft(arms.astype(np.float32) / 255, 0.02))
        image += 0.30 * self.soft(self.fill(chest.abdomen()), 0.012) * body
        gas = rng.uniform((0.06, 0.04), (0.20, 0.13))  # in the stomach, under the left dome
        gas = self.fill(_ellipse((0.42, chest.dome_at(1.0) + 0.08 + gas[1]), gas))
        image -= rng.uniform(0, 0.30) * self.soft(gas, 0.015) * (1 - lungs)
        image += 0.10 * self.soft(self.heart, 0.02)
        root = (chest.mediastinum + 0.06, chest.dome + 0.12 - chest.heart_height)
        hila = [self.fill(_ellipse((s * root[0], root[1] - 0.04 * s), (0.06, 0.10))) for s in SIDES]
        image += rng.uniform(0.04, 0.09) * self.soft(np.maximum(*hila), 0.035)
        girdle = [(-1.1, -2), (1.1, -2), (0.9, chest.top + 0.22), (-0.9, chest.top + 0.22)]
        image += rng.uniform(0, 0.16) * self.soft(self.fill(girdle), 0.10) * body
        trunk = np.array([(-0.09, -1.2), (0.09, -1.2), (0.12, 1.2), (-0.12, 1.2)])
        image += 0.09 * self.soft(self.fill(trunk), 0.03) * body
        airway = np.zeros((self.size, self.size), np.uint8)
        self.stroke(airway, [(0, -1.3), (0.0, chest.top + 0.2), (-0.015, chest.top + 0.48)], 0.055)
        image -= 0.11 * self.soft(airway.astype(np.float32) / 255, 0.014)
        if chest.sex == "F" and chest.age > 16:
            image += rng.uniform(0.03, 0.12) * self._breasts()
        image -= rng.uniform(0.42, 0.58) * air * depth * self.air_gain
        image += self._bones() * (0.35 + 0.65 * body)
        image += rng.uniform(0.05, 0.10) * self._vessels() * air * self.vessel_gain
        image += 0.018 * self.noise(0.04) * air * self.vessel_gain + 0.025 * self.noise(0.4) * body
        return image + self.added

    def _breasts(self):
        drop = self.chest.fat + self.rng.uniform(0.08, 0.2)
        layers = [
            self.fill(_ellipse((side * 0.60 * self.chest.width, drop), (0.30, 0.27)))
            for side in SIDES
        ]
        return self.soft(np.maximum(*layers), 0.02)

    def mask(self):
        """Both lung fields, bool (size, size)."""
        return (self.lungs[-1.0] > 0.5) | (self.lungs[1.0] > 0.5)

    # -- film ---------------------------------------------------------------------------------
    def expose(self, density):
        """Density to grey values, uint8: window, gamma, noise, collimation, marker."""
        import cv2

        rng, size = self.rng, self.size
        low = rng.uniform(-0.02, 0.10)
        high = np.quantile(density[:: size // 32, :: size // 32], 0.96) * rng.uniform(0.95, 1.15)
        if self.portable:
            low, high = low - rng.uniform(0, 0.15), high + rng.uniform(0, 0.15)
            density = self.soft(density, 0.006)
        slope = rng.normal(0, 0.03, size=2).astype(np.float32)
        ramp = np.linspace(-1, 1, size, dtype=np.float32)
        density = density + slope[0] * ramp[:, None] + slope[1] * ramp
        level = np.clip((density - low) / (high - low), 0, None) ** np.float32(
            rng.uniform(0.8, 1.9)
        )
        level = np.tanh(1.2 * level) / np.float32(np.tanh(1.25))  # the film's shoulder
        grain = rng.standard_normal((size, size), dtype=np.float32)
        grain = cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.3, 0.8))
        image = 255 * (level + rng.uniform(0.004, 0.02) * grain)
        image = np.clip(image, 0, 255).astype(np.uint8)
        self._collimate(image)
        self._mark(image)
        return image

    def _collimate(self, image):
        """Black borders where the beam was closed, outside the lungs."""
        import cv2

        rng, size = self.rng, self.size
        if rng.random() > 0.4:
            return
        angle, centre = rng.normal(0, 2.5), size / 2
        inner = np.zeros((size, size), np.uint8)
        # The beam is closed up to the lungs at most: left, top, right, bottom.
        mask = self.mask()
        x, y = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
        room = np.array([x[0], y[0], size - 1 - x[-1], size - 1 - y[-1]]) - 0.05 * size
        sides = rng.uniform(0, 0.11, 4) * (1, 1, 1, 2) * size
        sides = np.where(rng.random(4) < 0.6, np.minimum(sides, room), -0.2 * size)
        corners = np.array(
            [
                (sides[0], sides[1]),
                (size - sides[2], sides[1]),
                (size - sides[2], size - sides[3]),
                (sides[0], size - sides[3]),
            ]
        )
        turn = np.deg2rad(angle)
        turn = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        corners = (corners - centre) @ turn.T + centre
        cv2.fillPoly(inner, np.round(corners * 16).astype(np.int32)[None], 255, cv2.LINE_AA, 4)
        inner[mask] = 255
        image[:] = cv2.multiply(image, inner, scale=1 / 255)

    def _mark(self, image):
        """Letter of the side, and what a portable film says about itself."""
        import cv2

        rng, size = self.rng, self.size
        if size < 48 or rng.random() > 0.7:
            return
        side = rng.choice(SIDES)
        text = "R" if side < 0 else "L"
        x, y = 0.5 + side * rng.uniform(0.36, 0.42), rng.uniform(0.07, 0.16)
        scale, value = size / 224 * rng.uniform(0.4, 0.6), int(rng.integers(200, 256))
        if rng.random() < 0.2:  # a label that is stuck on
            corner = (int((x - 0.06) * size), int((y - 0.11) * size))
            cv2.rectangle(image, corner, (corner[0] + size // 8, corner[1] + size // 20), value, -1)
        at = (int((x - 0.03) * size), int(y * size))
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, value, 1, cv2.LINE_AA)
        if self.portable:
            at = (int((x - 0.05) * size), int((y + 0.06) * size))
            cv2.putText(
                image, "AP", at, cv2.FONT_HERSHEY_SIMPLEX, 0.6 * scale, value, 1, cv2.LINE_AA
            )


def _ellipse(centre, radii, steps=40):
    t = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    return np.column_stack([np.cos(t) * radii[0], np.sin(t) * radii[1]]) + centre
