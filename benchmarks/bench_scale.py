"""Peak memory and time per image, from few images to many.

Each size runs in a process of its own: PNG files of phantoms on disk to hybrid features in a
memory-mapped file. Peak resident memory is the operating system's own figure for that process.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from _harness import machine, write_phantoms

WORKER = """
import json, resource, sys, time
import numpy as np
from skcxr import make_hybrid_pipeline, transform_in_chunks
from skcxr.datasets import make_chest_phantoms
folder, n, size, out, warm = sys.argv[1], *map(int, sys.argv[2:4]), sys.argv[4], int(sys.argv[5])
from pathlib import Path
paths = sorted(map(str, Path(folder).glob("*.png")))[:n]
phantoms = make_chest_phantoms(24, size=size, random_state=0)
y = np.random.default_rng(0).integers(0, 2, (24, 14))
settings = {"backbone": "resnet18", "weights": None, "random_state": 0}
features = make_hybrid_pipeline("frozen", size=size, **settings)[:-2]
features.fit(phantoms.images, y)
transform_in_chunks(features, paths[:warm])
begun = time.perf_counter()
transform_in_chunks(features, paths, out=out, chunk_size=512)
seconds = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": seconds, "peak_mib": peak / 1024}))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2500, 5000, 10000, 20000])
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--file-size", type=int, default=256)
    arguments = parser.parse_args()

    print(machine())
    print(f"{'images':>8s}{'seconds':>10s}{'ms per image':>14s}{'peak MiB':>10s}")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images"
        write_phantoms(images, max(arguments.sizes), arguments.file_size)
        for n in arguments.sizes:
            out = Path(folder) / "features.npy"
            command = [sys.executable, "-c", WORKER, images, str(n), str(arguments.image_size)]
            command += [out, "512"]
            run = subprocess.run(command, check=True, capture_output=True, text=True)
            result = json.loads(run.stdout.splitlines()[-1])
            result["ms"] = result["seconds"] / n * 1e3
            rows.append(result)
            print(f"{n:8d}{result['seconds']:10.1f}{result['ms']:14.2f}{result['peak_mib']:10.0f}")
            assert np.load(out, mmap_mode="r").shape[0] == n
            out.unlink()
    growth = rows[-1]["peak_mib"] / rows[0]["peak_mib"]
    print(f"peak_rss_growth {growth:.3f} time_growth {rows[-1]['ms'] / rows[0]['ms']:.3f}")


if __name__ == "__main__":
    main()
