"""The notebook in examples/: runs from its first cell to its last, and is kept with its outputs."""

import nbformat
from nbclient import NotebookClient
from support import ROOT

PATH = ROOT / "examples" / "ghost_features.ipynb"
MAX_BYTES = 400_000


def outputs_of(notebook) -> list:
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def test_every_cell_of_the_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PPGHOST_SHORT", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(PATH, as_version=4)
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=place).execute()
    assert (tmp_path / "output" / "ghost_features" / "report" / "index.html").is_file()
    shown = [kind for output in outputs_of(notebook) for kind in output.get("data", ())]
    assert (shown.count("image/png"), shown.count("image/svg+xml")) == (3, 1)


def test_the_notebook_is_kept_with_the_outputs_of_a_whole_run():
    notebook = nbformat.read(PATH, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [output for output in outputs_of(notebook) if output.output_type == "error"]
    assert "ResNet50" in str(outputs_of(notebook))
    assert PATH.stat().st_size < MAX_BYTES
