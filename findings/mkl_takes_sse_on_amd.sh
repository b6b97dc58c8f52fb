#!/bin/sh
# Paddle's CPU wheel multiplies matrices in SSE on AMD processors that have AVX2.
#
# Expected: float32 products run in the widest instructions that the processor has.
# Found: the MKL inside the wheel is of 2019 and chooses by the maker, not by what the processor can:
# on an AMD with AVX2 and FMA, MKL_DEBUG_CPU_TYPE=5 in the environment makes a product of large
# matrices two to five times as fast, with results that differ in the last digits alone. What is
# built on products gains with it: linear layers, attention, 1x1 convolutions in the plain layout.
# It is read when MKL computes for the first time. Newer MKLs do not read it; Intel's own processors
# gain nothing.
#
# Only public packages, in a folder of their own. Fails if the behaviour changes; elsewhere than on an
# AMD with AVX2 it only says so.
set -eu
if ! grep -q AuthenticAMD /proc/cpuinfo || ! grep -qw avx2 /proc/cpuinfo; then
    echo "no AMD processor with AVX2: nothing to see here"
    exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.10}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    paddlepaddle==2.6.2 numpy==1.24.4 "setuptools<81"
cat > "$folder/product.py" <<'PYTHON'
import sys
import time
import zlib  # noqa: F401  (before paddle)

import numpy as np
import paddle

paddle.set_device("cpu")
generator = np.random.default_rng(0)
a, b = (paddle.to_tensor(generator.random((1024, 1024), dtype="float32")) for _ in range(2))
seconds = []
for _ in range(12):
    started = time.process_time()
    product = paddle.matmul(a, b)
    seconds.append(time.process_time() - started)
np.save(sys.argv[1], product.numpy())
print(2 * 1024**3 / min(seconds) / 1e9)
PYTHON
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 GLOG_minloglevel=2
for round in 1 2 3; do
    "$folder/venv/bin/python" -W ignore "$folder/product.py" "$folder/plain.npy" >> "$folder/plain"
    MKL_DEBUG_CPU_TYPE=5 "$folder/venv/bin/python" -W ignore "$folder/product.py" \
        "$folder/told.npy" >> "$folder/told"
done
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys
from pathlib import Path

import numpy as np

folder = Path(sys.argv[1])
plain, told = (max(map(float, (folder / name).read_text().split())) for name in ("plain", "told"))
print("paddle 2.6.2, product of 1024x1024 matrices, one thread, best of three processes:")
print(f"{plain:.0f} GFLOP/s as it comes, {told:.0f} with MKL_DEBUG_CPU_TYPE=5")
assert told > 1.5 * plain, "the behaviour has changed"
first, second = (np.load(folder / f"{name}.npy") for name in ("plain", "told"))
print(f"largest relative difference {np.abs(first / second - 1).max():.1g}")
np.testing.assert_allclose(first, second, rtol=1e-5)
PYTHON
