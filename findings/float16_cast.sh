#!/bin/sh
# Paddle 3.0.0 and 2.6.2 round towards zero where they cast float32 to float16 on a CPU; 3.3.1 does not.
#
# Expected: a cast rounds to the nearest number, as numpy, PyTorch and every C compiler do.
# Found: half of all numbers become the float16 below them (in magnitude), an error of up to a whole
# unit in the last place; and 65519, which is nearest to 65504, the largest float16, becomes infinity.
# The same program gives other numbers in Paddle 3.3.1, which rounds to the nearest: outputs of models
# in half precision cannot be compared between these versions to better than 1e-3.
#
# Only public packages, in folders of their own. Fails if the behaviour changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 3.0.0 3.3.1; do
    "${PYTHON:-python3.10}" -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check \
        "paddlepaddle==$version" "setuptools<81"
    GLOG_minloglevel=2 "$folder/$version/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import paddle

paddle.set_device("cpu")
values = np.random.default_rng(0).normal(size=100_000).astype("float32")
halves = paddle.to_tensor(values).astype("float16").numpy()
nearest = values.astype("float16")
as_numpy = float((halves == nearest).mean())
below = bool((np.abs(halves.astype("float32")) <= np.abs(values)).all())
largest = float(paddle.to_tensor([65519.0]).astype("float16").numpy()[0])
print(f"paddle {paddle.__version__}: {as_numpy:.1%} as numpy, all towards zero: {below}, 65519 -> {largest}")
if paddle.__version__ == "3.0.0":
    assert 0.45 < as_numpy < 0.55 and below and largest == float("inf"), "the behaviour has changed"
else:
    assert as_numpy == 1 and not below and largest == 65504, "the behaviour has changed"
PYTHON
done
