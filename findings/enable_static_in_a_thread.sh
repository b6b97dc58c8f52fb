#!/bin/sh
# paddle.enable_static() changes nothing in a thread of a program that is in dygraph.
#
# Expected: the mode (dygraph or static graph) belongs to the process, or to the thread that calls.
# Found: a new thread starts in the mode that the main thread is in. enable_static() called in that
# thread leaves it in dygraph (it undoes only what a disable_static() of the same thread did), without
# a word; paddle.static.data() then fails there with the advice to call enable_static(). Where the
# main thread has called enable_static() before, the thread is in static graph.
#
# Only public packages, in a folder of their own. Fails if the behaviour changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.10}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    paddlepaddle==2.6.2 numpy==1.24.4 protobuf==4.25.3 "setuptools<81"
GLOG_minloglevel=2 "$folder/venv/bin/python" - <<'PYTHON'
import threading
import zlib  # before paddle

import numpy
import paddle

print("paddle", paddle.__version__, "numpy", numpy.__version__)
seen = {}


def look():
    seen["a new thread starts in dygraph"] = paddle.in_dynamic_mode()
    paddle.enable_static()
    seen["it is still in dygraph after enable_static()"] = paddle.in_dynamic_mode()
    try:
        with paddle.static.program_guard(paddle.static.Program()):
            paddle.static.data("x", [None, 3])
        seen["static.data fails there, and says to call it"] = False
    except AssertionError as error:
        seen["static.data fails there, and says to call it"] = "enable_static" in str(error)


def look_again():
    seen["a thread of a static program is static"] = not paddle.in_dynamic_mode()
    paddle.disable_static()
    paddle.enable_static()
    seen["there enable_static() undoes disable_static()"] = not paddle.in_dynamic_mode()


def in_a_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


in_a_thread(look)
paddle.enable_static()
in_a_thread(look_again)
for what, found in seen.items():
    print(f"{what}: {found}")
assert all(seen.values()) and len(seen) == 5, "the behaviour has changed"
PYTHON
