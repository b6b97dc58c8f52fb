"""A campaign that timed a network layer by layer, made up so that its figures are known."""

from support.latency_results import result, rounds, write

#: ms of each round: what a run costs, the whole, and two layers, of which "conv" is there twice
IDLE = [0.1, 0.1, 0.2, 0.1, 0.1, 0.1, 0.1]
WHOLE = [10.1, 10.1, 10.2, 10.1, 10.1, 10.1, 20.1]
CONV = [3.1, 3.1, 3.2, 2.1, 3.1, 3.1, 6.1]
POOL = [2.1, 2.1, 2.2, 4.1, 2.1, 2.1, 4.1]


def layer(model, count=1, macs=0, size=1000, ops=("conv2d",)):
    return {
        "model": model, "nb_sha256": model, "ops": list(ops), "macs": macs, "bytes": size,
        "layers": [model, *(f"{model}#{number}" for number in range(2, count + 1))],
        "input_shapes": [[1, 3, 8, 8]], "output_shapes": [[1, 3, 8, 8]],
    }  # fmt: skip


def timed(model, samples, **changes):
    return result(model, samples[0], nb_sha256=model, **changes) | rounds(samples)


def layers_file(path, **changes):
    """A file of both layers, the whole and a run without work; returns `path`."""
    plan = {
        "network": "Net", "target": "x86", "whole_sha256": "Net", "idle_sha256": "(no work)",
        "layers": [layer("conv", 2, macs=2_000_000), layer("pool", ops=("pool2d", "squeeze2"))],
    } | changes  # fmt: skip
    results = [
        timed("Net", WHOLE), timed("(no work)", IDLE), timed("conv", CONV), timed("pool", POOL)
    ]  # fmt: skip
    return write(path, results, plan={"command": "ppghost bench", "layers": [plan]})


def guidelines_file(path):
    """A file of two test nets, the second of which takes twice as long; returns `path`."""
    nets = [
        {"guideline": "G1", "variant": variant, "model": f"G1 {variant}", "macs": 1_000_000,
         "bytes": size}
        for variant, size in (("1:1", 1000), ("1:2", 3000))
    ]  # fmt: skip
    results = [
        timed("G1 1:1", [2.0, 2.0, 3.0, 2.0, 2.0, 2.0]),
        timed("G1 1:2", [4.0, 4.0, 6.0, 4.4, 4.0, 4.0]),
    ]
    return write(path, results, plan={"command": "ppghost bench", "guidelines": nets})
