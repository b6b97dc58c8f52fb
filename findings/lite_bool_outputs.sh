#!/bin/sh
# paddlelite: numpy() of a boolean output is not what the model computed.
#
# Expected: Tensor.numpy() of the Python runtime gives a boolean output's values.
# Found: it gives an array of dtype bool and the right shape that is True nearly everywhere, without
# an error; uint8_data() of the same tensor gives the right values.
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
x = paddle.static.data("x", [1, 1, 2, 4], "float32")
outputs = [x > x.mean([2, 3], keepdim=True), paddle.static.nn.conv2d(x, 1, 1)]
executor = paddle.static.Executor(paddle.CPUPlace())
executor.run(paddle.static.default_startup_program())
paddle.static.save_inference_model("inference", [x], outputs, executor)
value = numpy.array([[[[1, -1, 2, 0], [-3, 4, 5, -1]]]], numpy.float32)
numpy.savez("values.npz", x=value, right=value > value.mean())
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
tensor = predictor.get_output_by_name(predictor.get_output_names()[0])
as_numpy, as_bytes = tensor.numpy().ravel(), numpy.array(tensor.uint8_data(), bool)
print("paddlelite", version("paddlelite"), tensor.precision(), tensor.shape())
print("right       ", values["right"].ravel().astype(int))
print("numpy()     ", as_numpy.astype(int), as_numpy.dtype)
print("uint8_data()", as_bytes.astype(int))
assert (as_bytes == values["right"].ravel()).all(), "the behaviour has changed"
assert as_numpy.dtype == bool and not (as_numpy == values["right"].ravel()).all(), "it has changed"
PYTHON
"$folder/venv/bin/python" program.py 2>/dev/null
"$folder/venv/bin/paddle_lite_opt" --model_file=inference.pdmodel --param_file=inference.pdiparams \
    --valid_targets=x86 --optimize_out=model >/dev/null 2>&1
"$folder/venv/bin/python" run.py
