"""Label files as people write them."""

import pytest

from ppghost.errors import InputError
from ppghost.inference.labels import check_count, read_labels


def written(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "labels.txt"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_encodings(tmp_path, encoding):
    path = written(tmp_path, "0 猫\n1 狗 小\n", encoding)
    assert read_labels(path) == ["猫", "狗 小"]


def test_order_gaps_and_another_count_are_told_of(tmp_path, caplog):
    path = written(tmp_path, "3 d\n0 a\n\n1 b\n")
    assert read_labels(path) == ["a", "b", None, "d"]
    assert "no name for class 2" in caplog.text
    check_count(["a", "b", None, "d"], 3, path)
    assert "names 4 classes, the network has 3" in caplog.text


def test_a_delimiter_of_ones_own(tmp_path):
    assert read_labels(written(tmp_path, "0\ta b\n1\tc\n"), "\t") == ["a b", "c"]


@pytest.mark.parametrize("text", ["0\ta\n", "cat\n", "0\n", "-1 a\n"])
def test_a_line_that_is_none_shows_its_blanks_and_the_key(tmp_path, text):
    with pytest.raises(InputError, match=r"labels\.txt:1: expected 'ID NAME'.*delimiter") as error:
        read_labels(written(tmp_path, text))
    assert repr(text.rstrip("\n")) in str(error.value)
