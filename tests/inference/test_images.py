"""What a user points at, and what is written for other programs."""

import csv
import json

import pytest

from ppghost.errors import InputError
from ppghost.inference.images import find_images
from ppghost.inference.prediction_files import write_predictions


def test_a_folder_a_glob_a_list_and_a_file(shapes_dir, tmp_path):
    every = find_images([shapes_dir])
    assert len(every) == 12
    assert find_images([shapes_dir / "1?.png"]) == [shapes_dir / "10.png", shapes_dir / "11.png"]
    assert len(find_images([shapes_dir / "val_list.txt"])) == 6
    assert find_images(["none.png", every[0]])[1] == every[0]


def test_sources_without_images_are_named(tmp_path):
    with pytest.raises(InputError, match="no image in this folder"):
        find_images([tmp_path])
    with pytest.raises(InputError, match=r"\*\.jpg: matches no file"):
        find_images([tmp_path / "*.jpg"])


def test_files_for_other_programs(tmp_path):
    best = {"class_id": 1, "score": 0.5, "label": 'a "name", quoted'}
    results = [
        {"image": "a.png", "topk": [best, best | {"class_id": 0}]},
        {"image": "b.png", "topk": [], "error": "b.png: cannot be decoded"},
    ]
    write_predictions(tmp_path / "r.csv", results)
    rows = list(csv.DictReader((tmp_path / "r.csv").open()))
    assert [(row["image"], row["rank"], row["label"]) for row in rows[:2]] == [
        ("a.png", "1", 'a "name", quoted'),
        ("a.png", "2", 'a "name", quoted'),
    ]
    assert rows[2]["error"] == "b.png: cannot be decoded"
    write_predictions(tmp_path / "r.jsonl", results)
    lines = (tmp_path / "r.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == results
    with pytest.raises(InputError, match=r"ends in \.csv or \.jsonl"):
        write_predictions(tmp_path / "r.xlsx", results)
