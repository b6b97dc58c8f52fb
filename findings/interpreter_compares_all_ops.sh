#!/bin/sh
# The first run of a static Program takes time that grows faster than the number of its ops.
#
# Expected: ops that have nothing to do with each other are run once each; four times as many take four
# times as long.
# Found: before the first op runs, Paddle's interpreter asks of all pairs of ops whether one has to wait
# for the other. Four times as many ops that only fill a tensor of their own take eight to twelve times
# as long. The older executor in C++, which Paddle keeps for training from data sets (core.Executor),
# runs the same Program many times as fast, with the same values: startup Programs of large networks
# gain minutes.
#
# Only public packages, in a folder of their own. Fails if the behaviour changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.10}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    paddlepaddle==2.6.2 numpy==1.24.4 "setuptools<81"
cat > "$folder/startup.py" <<'PYTHON'
import time
import zlib  # noqa: F401  (before paddle)

import numpy as np
import paddle
from paddle.base import core

paddle.enable_static()


def startup(count):
    program = paddle.static.Program()
    block = program.global_block()
    for i in range(count):
        out = block.create_var(name=f"v{i}", shape=[8], dtype="float32", persistable=True)
        attributes = {"shape": [8], "mean": 0.0, "std": 1.0, "seed": 0, "dtype": out.dtype}
        block.append_op(type="gaussian_random", outputs={"Out": out}, attrs=attributes)
    return program


def interpreter(program, scope):
    paddle.static.Executor(paddle.CPUPlace()).run(program, scope=scope)


def older(program, scope):
    place = core.Place()
    place.set_place(paddle.CPUPlace())
    core.Executor(place).run(program.desc, scope, 0, False, True, [])


def timed(run, program):
    scope = paddle.static.Scope()
    paddle.seed(3)
    started = time.process_time()
    run(program, scope)
    seconds = time.process_time() - started
    names = [variable.name for variable in program.list_vars()]
    return seconds, [np.array(scope.find_var(name).get_tensor()) for name in names]


timed(interpreter, startup(10))  # what is loaded at the first use
seconds = {}
for count in (2000, 8000):
    program = startup(count)
    seconds[count], values = timed(interpreter, program)
    plain, others = timed(older, program)
    same = all(np.array_equal(a, b) for a, b in zip(values, others, strict=True))
    print(f"{count} ops: interpreter {seconds[count]:.2f} s, older executor {plain:.2f} s, same: {same}")
    assert same
print(f"paddle {paddle.__version__}: 4 times as many ops, {seconds[8000] / seconds[2000]:.1f} times as long")
assert seconds[8000] > 6 * seconds[2000], "the behaviour has changed"
assert seconds[8000] > 10 * plain, "the behaviour has changed"
PYTHON
GLOG_minloglevel=2 "$folder/venv/bin/python" -W ignore "$folder/startup.py"
