#!/bin/sh
# Paddle on CPU: what softmax and log_softmax give far below the largest value.
#
# Expected: log_softmax of (0, -100) is (0, -100), and softmax of it about 4e-44, in float32 too.
# Found: everything more than 64 below the largest counts as 64 below: log_softmax gives -64, softmax
# 1.6e-28, whatever the difference is. A log-likelihood never falls under -64.
#
# Only public packages, in a folder of their own. Fails if the behaviour changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.10}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    paddlepaddle==2.6.2 numpy==1.24.4 protobuf==4.25.3 "setuptools<81"
cd "$folder"
export GLOG_minloglevel=2
"$folder/venv/bin/python" - <<'PYTHON'
import math
import zlib  # before paddle

import numpy
import paddle
from paddle.nn import functional

print("paddle", paddle.__version__, "numpy", numpy.__version__)
for below in (10.0, 63.0, 65.0, 100.0, 1000.0):
    x = paddle.to_tensor([[0.0, -below]])
    log = float(functional.log_softmax(x)[0, 1])
    share = float(functional.softmax(x)[0, 1])
    right = -below - math.log1p(math.exp(-below))
    print(f"{below:6.0f} below: log_softmax {log:8.3f} (right {right:8.3f}), softmax {share:.3e}")
    floor = -min(below, 64.0)
    assert abs(log - floor) < 1e-3, (below, log)
    assert abs(share / math.exp(floor) - 1) < 1e-3, (below, share)
PYTHON
