#!/bin/sh
# paddle_lite_opt: a 3x3 convolution before a widening 1x1 convolution is computed wrongly.
#
# Expected: two convolutions in a row, the head of many networks, compute what they do in Paddle.
# Found: the optimizer joins the two into one convolution although the first is no 1x1. It ends with
# 0; the outputs are off by more than a tenth of their range.
#
# Only public packages, in a folder of their own. Fails if the behaviour changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.10}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    paddlepaddle==2.6.2 paddlelite==2.13rc0 numpy==1.24.4 protobuf==4.25.3 "setuptools<81"
cd "$folder"
export GLOG_minloglevel=2
cat > program.py <<'PYTHON'
import zlib  # before paddle

import numpy
import paddle

paddle.enable_static()
paddle.seed(1)
x = paddle.static.data("x", [1, 4, 8, 8], "float32")
y = paddle.static.nn.conv2d(x, 8, 3, padding=1, bias_attr=False)
y = paddle.static.nn.conv2d(y, 12, 1, bias_attr=False)
executor = paddle.static.Executor(paddle.CPUPlace())
executor.run(paddle.static.default_startup_program())
value = numpy.random.default_rng(0).standard_normal((1, 4, 8, 8)).astype("float32")
program = paddle.static.default_main_program()
right = executor.run(program, feed={"x": value}, fetch_list=[y])[0]
paddle.static.save_inference_model("inference", [x], [y], executor)
numpy.savez("values.npz", x=value, right=right)
print("paddle", paddle.__version__, "numpy", numpy.__version__)
PYTHON
cat > run.py <<'PYTHON'
from importlib.metadata import version

import numpy
from paddlelite import lite

values = numpy.load("values.npz")
config = lite.MobileConfig()
config.set_model_from_file("model.nb")
predictor = lite.create_paddle_predictor(config)
predictor.get_input_by_name("x").from_numpy(values["x"])
predictor.run()
found = predictor.get_output_by_name(predictor.get_output_names()[0]).numpy()
right = values["right"]
off = numpy.abs(found - right).max() / numpy.ptp(right)
print("paddlelite", version("paddlelite"))
print(f"largest difference from Paddle: {100 * off:.0f} % of the outputs' range")
print("right", right.ravel()[:6])
print("found", found.ravel()[:6])
assert found.shape == right.shape and off > 0.1, "the behaviour has changed"
PYTHON
"$folder/venv/bin/python" program.py 2>/dev/null
"$folder/venv/bin/paddle_lite_opt" --model_file=inference.pdmodel --param_file=inference.pdiparams \
    --valid_targets=x86 --optimize_out=model >/dev/null 2>&1
echo "paddle_lite_opt ends with $?"
"$folder/venv/bin/python" run.py
