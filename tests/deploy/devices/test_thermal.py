"""Which of a device's thermal zones is its processor's temperature."""

import pytest

from ppghost.deploy.devices.thermal import Zones


@pytest.mark.parametrize(
    ("zones", "celsius", "zone"),
    [
        ({"cpu-0-0": 41000, "cpu-1-0": 47300, "battery": 60000}, 47.3, "cpu-1-0"),
        ({"battery": 29000, "xo-therm": 36500}, 36.5, "xo-therm"),
        ({"cpu": 452}, 45.2, "cpu"),
        ({"cpu": 45}, 45.0, "cpu"),
        ({"cpu0": -40000, "cpu1": 0, "cpu2": 999000, "skin": 31000}, 31.0, "skin"),
        # Snapdragon: charge in percent, currents, and the steps of a throttle
        (
            {"cpu-0-0-usr 0": 58100, "cpu-1-3-usr 9": 61000, "soc 40": 98, "lmh-dcvs-00 60": 75000,
             "pm6150-ibat-lvl0 41": 1450, "cpu-1-max-step 50": 75000, "pm6150-vbat-lvl0 43": 3900},
            61.0, "cpu-1-3-usr 9",
        ),
        # Pixel: limits of currents with "cpu" in their names
        (
            {"BIG 0": 61000, "MID 1": 57000, "LITTLE 2": 52000, "ocp_cpu1 11": 11900,
             "soft_ocp_cpu2 14": 11000, "batoilo 20": 5000, "VIRTUAL-SKIN 30": 39000},
            61.0, "BIG 0",
        ),
        # MediaTek, Kirin, a box
        ({"mtktscpu 1": 52300, "mtktsbattery 2": 60000, "mtktsAP 5": 58000}, 52.3, "mtktscpu 1"),
        ({"cluster0 0": 44000, "soc_thermal 1": 47000}, 44.0, "cluster0 0"),
        ({"soc-thermal 0": 55000, "Battery 1": 70000}, 55.0, "soc-thermal 0"),
    ],
)  # fmt: skip
def test_the_hottest_processor_zone_is_found(zones, celsius, zone):
    assert Zones().hottest(zones) == (celsius, zone)


def test_no_zone_tells_nothing():
    assert Zones().hottest({}) is None
    assert Zones().hottest({"soc 3": 98, "cpu0": -1}) is None


def test_a_zone_that_never_changes_is_a_constant():
    zones = Zones()
    found = [zones.hottest({"cpu-a": 75000, "cpu-b": 41000 + step}) for step in range(12)]
    assert found[0] == (75.0, "cpu-a")
    assert found[-1] == (pytest.approx(41.011), "cpu-b")
    # where nothing changes, nobody can tell
    still = Zones()
    assert [still.hottest({"cpu-a": 75000}) for _ in range(12)][-1] == (75.0, "cpu-a")
