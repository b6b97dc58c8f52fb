#!/bin/sh
# Paddle-Lite: attributes of operators that it lists as supported, and does not read.
#
# Expected: pad3d pads with its value, arg_max with flatten=True gives one index, and top_k_v2 with
# largest=False the smallest values; or the conversion says that it cannot.
# Found: paddle_lite_opt converts all three without a word. pad3d pads with something near 0, arg_max
# searches one axis, top_k_v2 gives the largest.
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
import sys
import zlib  # before paddle

import numpy
import paddle

BUILD = {
    "pad3d, value": lambda x: paddle.nn.functional.pad(
        x.unsqueeze(2), [1, 1, 1, 1, 0, 0], value=7.0, data_format="NCDHW"
    ),
    "arg_max, flatten": lambda x: paddle.argmax(x).astype("float32"),
    "top_k_v2, largest": lambda x: paddle.topk(x, 2, axis=-1, largest=False)[0],
}
paddle.enable_static()
value = numpy.arange(12, dtype=numpy.float32).reshape(1, 2, 2, 3)[:, ::-1].copy()
for number, build in enumerate(BUILD.values()):
    with paddle.static.program_guard(paddle.static.Program(), paddle.static.Program()):
        x = paddle.static.data("x", value.shape, "float32")
        y = build(paddle.static.nn.conv2d(x, 2, 1, bias_attr=False) * 0 + x)
        executor = paddle.static.Executor(paddle.CPUPlace())
        executor.run(paddle.static.default_startup_program())
        paddle.static.save_inference_model(f"{number}", [x], [y], executor)
        program = paddle.static.default_main_program()
        right = executor.run(program, feed={"x": value}, fetch_list=[y])[0]
        numpy.savez(f"{number}.npz", x=value, right=right)
open("names.txt", "w").write("\n".join(BUILD))
print("paddle", paddle.__version__, "numpy", numpy.__version__)
PYTHON
cat > run.py <<'PYTHON'
import sys
from importlib.metadata import version

import numpy
from paddlelite import lite

name, values = sys.argv[2], numpy.load(f"{sys.argv[1]}.npz")
config = lite.MobileConfig()
config.set_model_from_file(f"{sys.argv[1]}.nb")
predictor = lite.create_paddle_predictor(config)
predictor.get_input_by_name("x").from_numpy(values["x"])
predictor.run()
found = predictor.get_output_by_name(predictor.get_output_names()[0]).numpy()
right = values["right"]
print("paddlelite", version("paddlelite"), "|", name)
print("  right", right.ravel()[:8], right.shape)
print("  found", found.ravel()[:8], found.shape)
assert found.size != right.size or not numpy.allclose(found.ravel(), right.ravel()), "it has changed"
PYTHON
"$folder/venv/bin/python" program.py 2>/dev/null
number=0
while read -r name || [ -n "$name" ]; do
    "$folder/venv/bin/paddle_lite_opt" --model_file=$number.pdmodel --param_file=$number.pdiparams \
        --valid_targets=x86 --optimize_out=$number >/dev/null 2>&1
    "$folder/venv/bin/python" run.py $number "$name"
    number=$((number + 1))
done <names.txt
