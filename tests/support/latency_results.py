"""Latency results made up for tests of what reads them."""

import json

HOST = {
    "serial": "host", "kind": "host", "state": "device", "model": "Some CPU", "soc": None,
    "abi": "x86_64", "android": None, "lite_version": "2.13rc0",
}  # fmt: skip
PHONE = {
    "serial": "emulated-1", "kind": "adb", "state": "device", "model": "emulated phone",
    "soc": "emulated SoC", "abi": "arm64-v8a", "android": "14", "lite_version": "v2.13-rc",
    "cores": [{"max_khz": 1785600, "cluster": 0}, {"max_khz": 2841600, "cluster": 1}],
}  # fmt: skip


def result(name, median, **changes):
    """A result without rounds, as the schema asks for and no more than older files hold."""
    return {
        "model": name,
        "nb": f"{name}.nb",
        "nb_sha256": f"{abs(hash(name)) % 16**8:08x}" * 8,
        "nb_bytes": 5_000_000,
        "inputs": [{"name": "x", "shape": [1, 3, 224, 224]}],
        "device": HOST,
        "threads": 1,
        "power_mode": None,
        "precision": "fp32",
        "status": "ok",
        "error": None,
        "samples_ms": [median] * 6,
        "warmup_ms": [],
        "stats": {"n": 6, "median": median, "mad": 0.1, "p90": median + 1, "p99": median + 2,
                  "min": median - 1, "ci95": [median - 0.5, median + 0.5]},
        "warning": None,
        "conditions": [],
        "output_check": {"max_abs_diff": 1e-6, "ok": True},
    } | changes  # fmt: skip


def rounds(samples, **sensors):
    """`samples_ms` and `conditions` of one sample a round; `sensors` lists a value for each."""
    conditions = [
        {"run": "2026-01-01", "round": number, "temp_c": None, "freq_khz": None,
         "freq_cap_khz": None, "after": {}, "throttled": None}
        | {name: values[number] for name, values in sensors.items()}
        for number in range(len(samples))
    ]  # fmt: skip
    return {"samples_ms": list(samples), "conditions": conditions}


def write(path, results, **changes):
    """A file of `results`; returns `path`."""
    document = {
        "schema": "ppghost.latency/1",
        "created": "2026-01-01T00:00:00+00:00",
        "host": {"system": "Linux", "kernel": "6", "machine": "x86_64", "cores": 2,
                 "python": "3.10"},
        "plan": {"command": "ppghost bench x.nb", "rounds": 6, "repeats": 1, "warmup": 0,
                 "burst_warmup": 1, "seed": 0, "threads": [1], "device": "host"},
        "results": results,
    } | changes  # fmt: skip
    path.write_text(json.dumps(document))
    return path
