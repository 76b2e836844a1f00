"""Seconds and peak memory of ``multilabel_report`` at the size of ChestX-ray14.

112,120 images of 30,805 patients, 14 labels with the data set's prevalences, drawn at random; the
report runs in a process of its own. Peak resident memory is the operating system's own figure for
that process, the imports and the table of probabilities included.
"""

import json
import os
import platform
import subprocess
import sys

from _harness import options

# Share of images with each label in ChestX-ray14 (Wang et al. 2017, 112,120 images).
PREVALENCE = (
    0.1031, 0.0248, 0.1188, 0.1774, 0.0516, 0.0565, 0.0128, 0.0473,
    0.0416, 0.0205, 0.0224, 0.0150, 0.0302, 0.0020,
)  # fmt: skip

WORKER = """
import json, resource, sys, time
import numpy as np
from skcxr.metrics import multilabel_report
n, n_patients, n_bootstraps, grouped, *prevalence = json.loads(sys.argv[1])
rng = np.random.default_rng(0)
# A few patients have dozens of images, most have one or two.
share = rng.pareto(1.2, n_patients) + 1
groups = rng.choice(n_patients, size=n, p=share / share.sum())
groups[:n_patients] = np.arange(n_patients)
y = (rng.uniform(size=(n, len(prevalence))) < prevalence).astype(float)
prob = 1 / (1 + np.exp(2 - 1.2 * y - rng.normal(size=y.shape)))
begun = time.perf_counter()
report = multilabel_report(
    y, prob, groups=groups if grouped else None, n_bootstraps=n_bootstraps, random_state=0
)
seconds = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
low, high = report.overall.loc["Macro AUC", ["low", "high"]]
print(json.dumps([seconds, peak, report.n_groups, low, high]))
"""


def main():
    arguments = options(__doc__, images=112_120, patients=30_805, bootstraps=1000)

    print(f"{platform.machine()}, {os.cpu_count()} cores")
    print(f"{'resampled':>10s}{'units':>9s}{'seconds':>9s}{'peak GB':>9s}  macro AUC")
    found = {}
    for unit in ("images", "patients"):
        settings = [arguments.images, arguments.patients, arguments.bootstraps, unit == "patients"]
        run = subprocess.run(
            [sys.executable, "-c", WORKER, json.dumps([*settings, *PREVALENCE])],
            check=True,
            capture_output=True,
            text=True,
        )
        seconds, peak, n_units, low, high = found[unit] = json.loads(run.stdout)
        print(f"{unit:>10s}{n_units:9d}{seconds:9.1f}{peak:9.2f}  {low:.3f}–{high:.3f}")
    seconds, peak = found["patients"][:2]
    print(f"report_seconds {seconds:.1f} peak_gb {peak:.2f}")


if __name__ == "__main__":
    main()
