#!/bin/sh
# paddle.arange with a fractional step drifts away from start + i * step, even beyond its end.
#
# Expected: element i is start + i * step, rounded once; none reaches the end. So numpy and PyTorch do.
# Found: Paddle adds the step up in float32, one element after the other. arange(0, 10000, 0.1) ends
# with 9998.457 where it should with 9999.9, and arange(0, 1, 1e-6) with 1.009038: beyond its end, by
# 9,000 steps. paddle.linspace is right. Found so in 2.6.2, 3.0.0 and 3.3.1, on a CPU; who folds such
# an operator into constants must add up too, or gets other outputs.
#
# Only public packages, in a folder of their own. Fails if the behaviour changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.10}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check paddlepaddle==3.3.1 "setuptools<81"
GLOG_minloglevel=2 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import paddle

paddle.set_device("cpu")
print("paddle", paddle.__version__)
for end, step, found in ((10000.0, 0.1, 9998.457), (1.0, 1e-6, 1.009038)):
    last = float(paddle.arange(0.0, end, step).numpy()[-1])
    right = float(np.arange(0.0, end, step, dtype="float32")[-1])
    print(f"arange(0, {end:g}, {step:g}): the last element is {last:.7g}, numpy has {right:.7g}")
    assert abs(last - found) < 1e-3, "the behaviour has changed"
points = paddle.linspace(0, 1, 1_000_001).numpy()
assert np.abs(points - np.linspace(0, 1, 1_000_001)).max() < 1e-7, "the behaviour has changed"
PYTHON
