"""What campaigns on emulated phones are run with, and what they end with."""

import json

from support.phone import BENCHMARK_BIN

#: of every model, unless a test says otherwise
ROUNDS = 3


def program(tmp_path, version):
    """The emulated benchmark_bin, as if of another version."""
    file = tmp_path / f"benchmark_bin-{version}"
    file.write_text(BENCHMARK_BIN.read_text().replace("v2.13-rc", version))
    file.chmod(0o755)
    return file


def kept(measure):
    return json.loads(measure.file.read_text())["results"]


def counts(results):
    return [len(result["samples_ms"]) for result in results]


def all_done(document):
    assert [result["status"] for result in document["results"]] == ["ok"] * len(document["results"])
    assert counts(document["results"]) == [ROUNDS] * len(document["results"])
