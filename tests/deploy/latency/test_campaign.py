"""Campaigns: files, overrides, flags, and the mistakes in them."""

import pytest
from support import CONFIGS

from ppghost.deploy.latency.campaign import Campaign, load_campaign
from ppghost.errors import InputError

BENCH = CONFIGS / "bench"


def test_the_campaigns_of_this_repository_are_valid():
    phones, host = (load_campaign(BENCH / name) for name in ("phones.yaml", "host.yaml"))
    assert phones.threads == (1, 2, 4)
    assert (phones.devices, phones.power_mode) == (("all",), "big")
    assert phones.precision == host.precision == 0.02
    (models,) = host.models
    assert models.resolve() == BENCH.parents[1] / "output" / "demo" / "nb" / "x86"
    assert {file.name for file in BENCH.iterdir()} == {"phones.yaml", "host.yaml"}


def test_overrides_win_over_the_file_and_flags_over_both(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("models: nb\nrounds: 5\nrepeats: 7\nseed: 3\nbenchmark_bin: {x86_64: bin/b}\n")
    given = {"rounds": 9, "repeats": None, "models": [], "devices": ("host",)}
    campaign = load_campaign(file, ["rounds=6", "seed=4", "threads=[1, 2]"], given)
    assert campaign.models == (tmp_path / "nb",)
    assert campaign.benchmark_bin == {"x86_64": tmp_path / "bin" / "b"}
    assert (campaign.rounds, campaign.repeats, campaign.seed) == (9, 7, 4)
    assert (campaign.threads, campaign.devices) == ((1, 2), ("host",))


def test_rounds_are_at_most_what_precision_may_need():
    assert Campaign().max_rounds == 40
    assert Campaign(precision="2%").max_rounds == 200
    assert Campaign(precision=0.02, rounds=50).max_rounds == 50


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("threads", "[1, 0]"),
        ("threads", "[]"),
        ("threads", "two"),
        ("rounds", "0"),
        ("rounds", "1.5"),
        ("rounds", "true"),
        ("warmup", "-1"),
        ("precision", "200%"),
        ("precision", "narrow"),
        ("max_temp", "hot"),
        ("max_wait", "0"),
        ("power_mode", "huge"),
        ("affinity", "0"),
        ("affinity", "f0; rm -rf /"),
        ("seed", "null"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_file_and_key(tmp_path, key, value):
    file = tmp_path / "c.yaml"
    file.write_text(f"{key}: {value}\n")
    with pytest.raises(InputError, match=rf"c\.yaml: {key}: .* is not ") as caught:
        load_campaign(file)
    assert "\n" not in str(caught.value)


def test_a_mask_of_digits_is_still_hexadecimal():
    assert load_campaign(None, ["affinity=30", "power_mode=none"]).affinity == "30"


def test_other_mistakes_are_named(tmp_path):
    file = tmp_path / "c.yaml"
    for text, message in (
        ("round: 5", r"c\.yaml: round: unknown key, did you mean rounds\?"),
        ("5", "holds no keys"),
        ("a: [", "not valid YAML"),
    ):
        file.write_text(text)
        with pytest.raises(InputError, match=message):
            load_campaign(file)
    with pytest.raises(InputError, match="cannot read the configuration"):
        load_campaign(tmp_path / "none.yaml")
    with pytest.raises(InputError, match=r"-o rounds: expected Key\.sub=VALUE"):
        load_campaign(None, ["rounds"])
    with pytest.raises(InputError, match=r"campaign: rond: unknown key, did you mean round"):
        load_campaign(None, ["rond=1"])
