"""The table of surprises has every script, and every row a script."""

import re

from support import ROOT

FOLDER = ROOT / "findings"


def test_every_finding_is_in_the_table_once():
    rows = re.findall(
        r"^\|.*\| \[(.+\.sh)\]\((.+\.sh)\) \|$", (FOLDER / "README.md").read_text(), re.M
    )
    assert all(name == link for name, link in rows)
    assert sorted(name for name, _ in rows) == sorted(path.name for path in FOLDER.glob("*.sh"))
