"""Phones of every Android version and kind: their tools, shells, sensors, links and states."""

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from support.phone import BENCHMARK_BIN, CORES_KHZ
from support.phone_runs import ROUNDS, program

from ppghost.deploy.devices.android import adb_client, system
from ppghost.deploy.devices.android.adb import Adb
from ppghost.deploy.devices.android.folder import FOLDER, PLACES
from ppghost.deploy.devices.discovery import find_devices, format_device
from ppghost.deploy.latency.planning import share_out
from ppghost.deploy.nb.header import inspect_nb
from ppghost.deploy.nb.model import load_models
from ppghost.errors import DeviceError, InputError

CPU = "sys/devices/system/cpu"


@pytest.fixture
def become(phone):
    """A function that makes another phone of it."""

    def become(**kind):
        phone.become(**kind)
        phone.reconnect()
        return phone

    return become


@pytest.mark.parametrize(
    ("android", "digest"), [(5, "md5"), (6, "sha1sum"), (7, "sha1sum"), (16, "sha256sum")]
)
def test_phones_of_every_version_are_measured(measure, become, android, digest):
    phone = become(android=android)
    [result] = measure(phone, rounds=2)["results"]
    assert (result["status"], len(result["samples_ms"])) == ("ok", 2)
    assert result["output_check"]["ok"] is True
    assert result["device"]["digest_tool"] == digest
    assert phone.files() == []


def test_on_an_old_phone_a_hang_and_a_crash_are_what_they_are(become):
    phone = become(android=5)
    adb = Adb(phone.serial)
    adb.push(BENCHMARK_BIN, "benchmark_bin", executable=True)
    run = ["./benchmark_bin", "--optimized_model_file=x", "--input_shape=1", "--backend=x86"]
    phone.faults(hang=True)
    with pytest.raises(DeviceError, match="did not end in 1 s and was stopped on the device"):
        adb.run_program(run, 1)
    phone.faults(crash=True)
    assert adb.run_program(run, 5).returncode == 134


def test_a_damaged_file_is_noticed_whatever_the_tool(become):
    phone = become(android=5)
    phone.set_program("mv", 'echo damaged >> "$1"; exec /bin/mv "$@"')
    with pytest.raises(DeviceError, match="arrived damaged; check the cable"):
        Adb(phone.serial).push(BENCHMARK_BIN, "benchmark_bin")


def test_tools_that_are_missing_are_named(measure, become):
    phone = become(android=5)
    with pytest.raises(DeviceError, match="has no taskset, which affinity needs"):
        measure(phone, affinity="f0", power_mode="none")
    phone.set_program("md5", "exit 127")
    (phone.root / "system/bin/md5").unlink()
    with pytest.raises(DeviceError, match="has none of sha256sum, sha1sum, md5sum, md5"):
        measure(phone)


def test_a_shell_that_talks_first_changes_nothing(become):
    phone = become(profile="Welcome to a custom ROM")
    adb = Adb(phone.serial)
    adb.lock()
    assert adb.shell("echo answer") == (0, "answer\n", "")
    adb.clean_up()
    assert phone.files() == []


@pytest.mark.parametrize(
    ("features", "refused"), [("fp asimd crc32", True), ("fp asimd asimdhp", False), ("", False)]
)
def test_fp16_files_need_a_core_that_computes_in_fp16(phone, converted, features, refused):
    """Where the phone does not tell, nothing is refused on a guess."""
    phone.set_properties(**{"ro.product.cpu.abi": "arm64-v8a"})
    phone.write("proc/cpuinfo", f"Processor\t: emulated\nFeatures\t: {features}\n")
    [device] = find_devices([phone.serial])
    info = replace(inspect_nb(converted / "arm" / "both.nb"), precision="fp16")
    device.describe()
    assert device.incompatibility(replace(info, precision="fp32")) is None
    assert ("no core here computes in fp16" in (device.incompatibility(info) or "")) == refused


TRANSLATES = {
    "ro.product.cpu.abilist": "x86_64,arm64-v8a",
    "ro.dalvik.vm.native.bridge": "libndk_translation.so",
}


def test_an_emulator_that_translates_is_measured_and_its_figures_are_no_phones(
    phone, measure, converted
):
    phone.set_properties(**TRANSLATES)
    phone.faults(translates=str(converted / "both.nb"))
    settings = {"models": converted / "arm", "rounds": 2}
    with pytest.raises(InputError, match="no benchmark_bin is known for arm64-v8a"):
        measure(phone, **settings, benchmark_bin={"x86_64": BENCHMARK_BIN})
    [result] = measure(phone, **settings, benchmark_bin={"arm64-v8a": BENCHMARK_BIN})["results"]
    assert (result["status"], len(result["samples_ms"])) == ("ok", 2)
    assert result["output_check"]["ok"] is True
    assert result["device"]["abi"] == "arm64-v8a"
    assert result["device"]["translated_by"] == "libndk_translation.so"
    assert "arm64-v8a code, translated by the emulator (libndk_translation.so)" in result["warning"]


@pytest.mark.parametrize(
    "properties", [{"ro.dalvik.vm.native.bridge": "0"}, {"ro.product.cpu.abilist": "x86_64,x86"}]
)
def test_an_emulator_that_does_not_translate_takes_no_arm_file(
    phone, measure, converted, properties
):
    phone.set_properties(**TRANSLATES | properties)
    with pytest.raises(InputError, match="made for arm, not for x86"):
        measure(phone, models=converted / "arm")


def test_an_emulator_translates_nothing_that_it_runs_as_it_is(phone, converted):
    phone.set_properties(**TRANSLATES)
    [device] = find_devices([phone.serial])
    loaded = load_models([converted / "both.nb", converted / "arm"], [])
    [(chosen, models)] = share_out(loaded, [device], whole=False)
    assert (chosen, list(models)) == (device, [0])


def test_where_nothing_may_be_written_another_folder_is_taken(become, measure):
    phone = become()
    refuse = 'case "$*" in *local/tmp/*) echo "mkdir: Permission denied" >&2; exit 1;; esac'
    phone.set_program("mkdir", f'{refuse}; exec /bin/mkdir "$@"')
    adb = Adb(phone.serial)
    adb.lock()
    assert adb.folder == f"{PLACES[1]}/ppghost"
    adb.clean_up()
    phone.set_program("mkdir", 'echo "mkdir: No space left on device" >&2; exit 1')
    with pytest.raises(DeviceError, match=r"/data/local/tmp: mkdir: No space left on device") as e:
        measure(phone)
    assert "name one with --device-folder" in str(e.value)
    phone.set_program("mkdir", 'exec /bin/mkdir "$@"')
    assert measure(phone, rounds=1, device_folder="/data/own")["results"][0]["status"] == "ok"


def test_a_lock_that_cannot_be_written_says_why(become):
    phone = become()
    phone.set_program("date", f"rm -rf {phone.root}{FOLDER}; exec /bin/date +%s")
    with pytest.raises(DeviceError, match=rf"cannot be locked in {FOLDER}: .*lock"):
        Adb(phone.serial).lock()


@pytest.mark.parametrize(
    ("state", "advice"),
    [
        ("recovery", r"recovery; reboot it with `adb -s \S+ reboot`"),
        ("sideload", r"sideload; reboot it with `adb"),
        ("rescue", r"rescue; it is in rescue mode; reboot"),
        ("bootloader", r"bootloader; reboot it with `fastboot reboot`"),
        ("host", r"host; it is another computer, no phone"),
    ],
)
def test_a_phone_in_another_state_alone_is_what_all_is_about(
    measure, become, converted, state, advice, phones
):
    for other in phones[1:]:
        other.server.run("disconnect", other.serial)
    phone = become(state=state)
    with pytest.raises(DeviceError, match=rf"left out: {phone.serial}: {advice}"):
        measure(devices=["all"], models=converted / "arm")


@contextlib.contextmanager
def connecting(phone, state):
    """While adb's server still connects to the phone; from when it says that state of it on."""
    phone.server.run("disconnect", phone.serial)
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(phone.connect)
        while adb_client.list_serials().get(phone.serial) != state:
            assert not done.done(), f"was never {state}"
        yield


@pytest.mark.parametrize(
    ("slow", "state"), [("greet_after_s", "offline"), ("accept_after_s", "authorizing")]
)
def test_a_phone_that_is_slow_to_connect_is_waited_for_and_not_for_ever(
    phone, monkeypatch, slow, state
):
    phone.become(**{slow: 1.0})
    with connecting(phone, state):
        monkeypatch.setattr(adb_client, "SETTLE_S", 0.1)
        assert adb_client.settled_serials()[phone.serial] == state
        monkeypatch.setattr(adb_client, "SETTLE_S", 10)
        assert adb_client.settled_serials()[phone.serial] == "device"


def test_advice_for_a_networked_phone_does_not_drop_it():
    assert adb_client.advice("offline", "10.0.0.7:5555") == (
        "run `adb disconnect 10.0.0.7:5555`, then `adb connect 10.0.0.7:5555`"
    )
    assert "reconnect offline" in adb_client.advice("offline", "R58M")
    assert "adb -s R58M attach" in adb_client.advice("detached", "R58M")


def test_one_phone_on_two_links_is_measured_once(phones, caplog):
    for phone in phones:
        phone.set_properties(**{"ro.serialno": "R58M"})
    found = find_devices([phone.serial for phone in phones])
    assert [device.serial for device in found] == [phones[0].serial]
    assert f"{phones[1].serial} is {phones[0].serial} again" in caplog.text


def test_a_stuck_service_is_not_waited_for_again(phone, monkeypatch, caplog):
    monkeypatch.setattr(system, "SERVICE_TIMEOUT_S", 1)
    (phone.root / "dumpsys/battery").unlink()
    os.mkfifo(phone.root / "dumpsys/battery")
    (device,) = find_devices([phone.serial])
    state = device.conditions()
    assert (state["battery"], state["thermal_status"], state["no_answer"]) == (None, 0, ["battery"])
    assert "no_answer" not in device.conditions()
    assert caplog.text.count("dumpsys battery does not answer") == 1


def test_a_phone_that_hides_its_zones_tells_androids_temperatures(phone):
    for zone in range(3):
        (phone.root / f"sys/class/thermal/thermal_zone{zone}/temp").unlink()
    (device,) = find_devices([phone.serial])
    cached = "Cached temperatures:\n\tTemperature{mValue=99.0, mType=0, mName=CPU0, mStatus=0}"
    skin = "Temperature{mValue=70.5, mType=3, mName=skin, mStatus=0}"
    cpu = "Temperature{mValue=61.5, mType=0, mName=CPU1, mStatus=0}"
    phone.write(
        "dumpsys/thermalservice",
        f"Thermal Status: 0\n{cached}\nCurrent temperatures from HAL:\n\t{skin}\n\t{cpu}",
    )
    state = device.conditions()
    assert (state["temp_c"], state["temp_zone"]) == (61.5, "thermalservice CPU")
    phone.write("dumpsys/thermalservice", "Thermal Status: 0")
    state = device.conditions()
    assert (state["temp_c"], state["temp_zone"]) == (28.2, "battery")
    assert "28.2 °C (battery)" in format_device(device.describe() | state)


def test_a_box_without_a_battery_says_none(phone):
    phone.write("dumpsys/battery", "  AC powered: false\n  present: false\n  level: 0\n"
                "  temperature: 0")  # fmt: skip
    (device,) = find_devices([phone.serial])
    state = device.conditions()
    assert (state["battery"], state["charging"]) == (None, None)
    assert "battery" not in format_device(device.describe())


def test_a_core_that_comes_back_is_no_throttling(measure, phone):
    for name in ("scaling_cur_freq", "scaling_max_freq"):
        (phone.root / f"{CPU}/cpu2/cpufreq/{name}").unlink()
    path = f"{CPU}/cpu2/cpufreq/scaling_max_freq"
    # it is back after the checks of outputs
    phone.faults(changes=[[3, path, CORES_KHZ[2]]])
    [result] = measure(phone)["results"]
    assert result["throttled"] == {"rounds": 0, "in_stats": False}
    assert [state["freq_cap_khz"][3] for state in result["conditions"]] == [CORES_KHZ[3]] * ROUNDS
    assert result["conditions"][0]["freq_khz"][2] is None


def test_what_makes_figures_doubtful_is_mentioned(measure, phone):
    phone.write("dumpsys/power", "  mWakefulness=Asleep")
    assert (
        "the screen was off in 1 of 1 rounds" in measure(phone, rounds=1)["results"][0]["warning"]
    )
    phone.set_battery(level=4, charging=False)
    measure.file.unlink()
    assert "the battery was at 4 %" in measure(phone, rounds=1)["results"][0]["warning"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threads": (5,)}, "power mode big has 4 cores here, and 5 threads would"),
        ({"threads": (16,), "power_mode": "none"}, "Paddle-Lite computes on 8 cores here, and 16"),
        ({"threads": (5,), "power_mode": "little"}, "power mode little has 4 cores here, and 5"),
    ],
)
def test_more_threads_than_cores_are_refused_and_not_cut(measure, phone, settings, message):
    with pytest.raises(DeviceError, match=message):
        measure(phone, **settings)


def test_cores_that_are_not_all_seen_refuse_no_threads_but_more_than_there_are(measure, phone):
    (phone.root / f"{CPU}/cpu7/cpufreq/cpuinfo_max_freq").unlink()
    with pytest.raises(DeviceError, match="this device has 8 cores, and 9 threads would"):
        measure(phone, threads=(9,))
    assert measure(phone, threads=(5,), rounds=1)["results"][-1]["status"] == "ok"


def test_a_cause_that_is_known_is_not_followed_by_a_guess(measure, phone, tmp_path):
    unlinkable = tmp_path / "benchmark_bin"
    unlinkable.write_text(
        "#!/bin/sh\necho 'CANNOT LINK EXECUTABLE: \"libc++_shared.so\" not found' >&2\nexit 1\n"
    )
    with pytest.raises(DeviceError, match="CANNOT LINK EXECUTABLE") as caught:
        measure(phone, benchmark_bin=unlinkable)
    assert "ABI" not in str(caught.value)


def test_an_emulator_is_not_told_of_this_host(measure, phone, converted, tmp_path):
    with pytest.raises(DeviceError.__mro__[1], match="made for arm") as caught:
        measure(phone, models=converted / "arm", benchmark_bin=program(tmp_path, "v2.10"))
    assert "this host" not in str(caught.value)
