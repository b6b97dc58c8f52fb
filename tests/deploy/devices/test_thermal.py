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


#: zones of real phones, as others published them, in thousandths
PUBLISHED = {
    # google/skia, machine/go/machine/processor: dumpsys thermalservice of a Pixel 6; "soc" is the
    # battery's charge there, in percent
    "Pixel 6": (
        {"smpl_gm": 1300000, "LITTLE": 55000, "critical-battery-cell": 0, "ocp_gpu": 11900000,
         "ocp_tpu": 10400000, "neutral_therm": 20623, "VIRTUAL-USB-UI": 0, "soft_ocp_gpu": 8900000,
         "disp_therm": 21423, "USB2-MINUS-QI": -1806, "FLASH_LED_REDUCE": 0, "BIG": 61000,
         "VIRTUAL-QUIET-BATT": 19324, "soft_ocp_cpu1": 6900, "soft_ocp_cpu2": 8900, "G3D": 36000,
         "quiet_therm": 20723, "VIRTUAL-SKIN-CHARGE": 22771, "batoilo": 4900, "battery": 20200,
         "MID": 52000, "TPU": 37000, "soc": 19, "usb_pwr_therm2": 20473, "vdroop1": 1050,
         "vdroop2": 1250, "qi_therm": 22279, "ocp_cpu1": 6900, "ocp_cpu2": 11900,
         "cellular-emergency": 22771, "gnss_tcxo_therm": 22841, "VIRTUAL-SKIN": 22771},
        61.0, "BIG",
    ),
    # the same tests: six silver and two gold cores, as in a Snapdragon 670
    "Snapdragon 670": (
        {"mb-therm-monitor": 32401, "cpu0-silver-usr": 46100, "cpu1-silver-usr": 44800,
         "gpu0-usr": 40600, "gpu1-usr": 40300, "battery": 30000, "cpu1-gold-usr": 48300,
         "cpu0-gold-usr": 46700, "usbc-therm-monitor": 27522},
        48.3, "cpu1-gold-usr",
    ),
    # Unisoc's zones of a T618 under load (names: devicetree of sharkl5pro on the kernel's lists)
    "Unisoc T618": (
        {"board-thmzone": 71400, "soc-thmzone": 104700, "prometheus6-tzone0": 94700,
         "prometheus6-tzone1": 101100, "prometheus7-thmzone": 104700, "ank0-thmzone": 104200,
         "ank1-thmzone": 105000, "gpu-thmzone": 99000, "ank2-thmzone": 97900,
         "ank4-thmzone": 97700, "cputop-thmzone": 99200, "gpuank2-thmzone": 96300},
        105.0, "ank1-thmzone",
    ),
    # names of Samsung's kernel, exynos8890 (tmu_name); values ours
    "Galaxy S7": (
        {"MNGS_QUAD": 58000, "APOLLO": 51000, "GPU": 62000, "ISP": 60000, "battery": 30000},
        58.0, "MNGS_QUAD",
    ),
    # names from sonyxperiadev/device-sony-lilac, pull request 3; values ours
    "Xperia XZ1 Compact": (
        {"battery": 31000, "ufs_therm": 33000, "pa_therm1": 34000, "flash_therm": 70000,
         "pm8998_tz": 39000, "pmi8998_tz": 37000, "pm8005_tz": 37000, "msm_therm": 35000,
         "quiet_therm": 33000, "xo_therm": 34000, "tsens_tz_sensor0": 44000,
         "tsens_tz_sensor7": 49000},
        49.0, "tsens_tz_sensor7",
    ),
    # names from sonyxperiadev/device-sony-kugo, pull request 28; values ours, bms a charge
    "Xperia X Compact": (
        {"bms": 98000, "battery": 31000, "pa_therm1": 34000, "xo_therm": 34000,
         "xo_therm_buf": 34000, "case_therm": 33000, "flash_therm": 70000,
         "tsens_tz_sensor0": 41000, "tsens_tz_sensor5": 47000},
        47.0, "tsens_tz_sensor5",
    ),
    # virtual zones of Qualcomm's devicetrees and qti_virtual_sensor.c: an estimate of the skin, and
    # the hottest of several cores, which are there themselves; values ours
    "Snapdragon, virtual": (
        {"skin-virt-cpu": 66000, "cpu-1-max-step": 52000, "cpu-1-3-usr": 52000,
         "apc1-cpu0-usr": 51000, "cpuss-0-usr": 50000, "ddr-usr": 60000},
        52.0, "cpu-1-3-usr",
    ),
}  # fmt: skip


@pytest.mark.parametrize("device", PUBLISHED)
def test_zones_of_published_dumps(device):
    zones, celsius, zone = PUBLISHED[device]
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
