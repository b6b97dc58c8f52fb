"""What `ppghost devices` sees: this host, and phones in every state."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from support import ROOT
from support.phone import CORES_KHZ

from ppghost.deploy.devices.android import lite_cores
from ppghost.deploy.devices.android import system as android
from ppghost.deploy.devices.android.adb import Adb
from ppghost.deploy.devices.discovery import describe_all, find_devices, format_device, list_devices
from ppghost.deploy.devices.thermal import Zones
from ppghost.errors import DeviceError, InputError


def test_the_command_tells_all_about_a_phone(run, phones):
    phones[0].set_battery(level=17, charging=False)
    phones[0].set_temperature(41.5, status=2)
    code, out, _ = run("devices", "--json", "-")
    host, *others = json.loads(out)
    assert code == 0
    assert (host["serial"], host["kind"]) == ("host", "host")
    assert {device["serial"] for device in others} == {phone.serial for phone in phones}
    (described,) = [device for device in others if device["serial"] == phones[0].serial]
    assert described.pop("cores") == [
        {"max_khz": khz, "cluster": cluster}
        for khz, cluster in zip(CORES_KHZ, (0, 0, 0, 0, 1, 1, 1, 2), strict=True)
    ]
    assert described == {
        "serial": phones[0].serial,
        "kind": "adb",
        "state": "device",
        "model": "emulated emulated phone",
        "soc": "emulated SoC",
        "platform": "emulated",
        "hardware": "emulated",
        "abi": "x86_64",
        "android": "14",
        "api_level": 34,
        "battery": 17,
        "charging": False,
        "thermal_status": 2,
        "temp_c": 41.5,
        "temp_zone": "cpu-1-0-usr 1",
        "hardware_serial": None,
        "possible_cores": 8,
        "lite_cores": {"big": 4, "little": 4},
        "measured_by": None,
        "digest_tool": None,
        "advice": None,
        "lite_version": None,
    }
    text = run("devices")[1]
    assert "4 x 1.79 + 3 x 2.42 + 1 x 2.84 GHz, battery 17 %, not charging" in text
    assert "thermal status moderate, 41.5 °C (cpu-1-0-usr 1)" in text


def test_an_unauthorized_phone_is_listed_with_what_to_do(run, phone, converted):
    phone.authorize(False)
    phone.reconnect()
    (described,) = [device for device in describe_all() if device["serial"] == phone.serial]
    assert (described["state"], described["model"]) == ("unauthorized", None)
    assert "allow USB debugging" in format_device(described)
    with pytest.raises(DeviceError, match="unauthorized; unlock it"):
        find_devices([phone.serial])[0].check()
    code, _, err = run("bench", converted, "--device", phone.serial)
    assert code == 3
    assert "unauthorized; unlock it and allow USB debugging" in err
    assert phone.serial not in [device.serial for device in find_devices(["all"])]


def test_a_phone_that_does_not_answer_does_not_hide_the_others(phones):
    phones[0].set_properties(**{"ro.product.cpu.abi": ""})
    described = {device["serial"]: device for device in describe_all()}
    assert described[phones[0].serial]["state"] == "no answer"
    assert "does not tell its ABI" in described[phones[0].serial]["advice"]
    assert described[phones[1].serial]["abi"] == "x86_64"


def test_devices_are_found_by_serial_in_the_order_asked(phones):
    first, second = (phone.serial for phone in phones)
    found = find_devices([second, "host", first, second])
    assert [device.serial for device in found] == [second, "host", first]
    assert {device.serial for device in find_devices(["all"])} == {"host", first, second}
    with pytest.raises(InputError, match="no device to time on; give --device host"):
        find_devices([])
    with pytest.raises(DeviceError, match=f"no device 'R58M'; there is: host, .*{first}"):
        find_devices(["R58M"])


def test_a_phone_in_the_network_is_connected_to(phone):
    phone.server.run("disconnect", phone.serial)
    assert phone.serial not in [device.serial for device in list_devices()]
    assert find_devices([phone.serial])[0].serial == phone.serial


def test_a_phone_on_another_hosts_adb_server_is_reached(phone, monkeypatch):
    port = phone.server.environment["ANDROID_ADB_SERVER_PORT"]
    monkeypatch.delenv("ANDROID_ADB_SERVER_PORT")
    monkeypatch.setenv("ADB_SERVER_SOCKET", f"tcp:127.0.0.1:{port}")
    assert phone.serial in [device.serial for device in list_devices()]


def test_without_adb_there_is_this_host(monkeypatch):
    monkeypatch.setattr("ppghost.deploy.devices.android.adb_client.find_adb", lambda: None)
    assert [device.serial for device in list_devices()] == ["host"]


def test_the_host_alone_is_found_without_asking_adb(monkeypatch):
    def refuse():
        raise AssertionError

    monkeypatch.setattr("ppghost.deploy.devices.android.device.settled_serials", refuse)
    assert [device.serial for device in find_devices(["host"])] == ["host"]


@pytest.mark.parametrize(
    ("name", "maxima", "possible", "cores"),
    [
        ("emulated", CORES_KHZ, 8, (4, 4)),
        ("emulated", (1800000,) * 3, 3, (3, 0)),
        ("emulated", (1000000, 1000000, 3000000), None, (1, 2)),
        # Paddle-Lite knows these by name, whatever the kernel says
        ("Kirin980_VOG", (1800000,) * 4 + (1920000,) * 2 + (2600000,) * 2, 8, (4, 4)),
        ("_mt6762_", (1500000,) * 4 + (2000000,) * 4, 8, (8, 0)),
        ("MT6755T", (), None, (8, 0)),
        ("MT6755M", (), None, (4, 4)),
        # a core that is offline would move the middle
        ("emulated", CORES_KHZ[:7], 8, None),
        ("emulated", (), 8, None),
    ],
)
def test_cores_are_counted_as_paddle_lite_does(name, maxima, possible, cores):
    found = lite_cores.count_cores(name, dict(enumerate(maxima)), possible)
    assert found == cores


def test_state_is_read_in_one_call(phone):
    calls = []
    (device,) = find_devices([phone.serial])

    def shell(script):
        calls.append(script)
        return device._adb.shell(script)

    phone.set_cap(7, 1_500_000)
    state = android.read_state(shell, Zones())
    assert len(calls) == 1
    assert state == {
        "temp_c": 30.5,
        "temp_zone": "cpu-1-0-usr 1",
        "freq_khz": list(CORES_KHZ),
        "freq_cap_khz": [*CORES_KHZ[:7], 1_500_000],
        "battery": 80,
        "charging": True,
        "thermal_status": 0,
        "screen": "on",
    }


def test_watching_tells_who_measures_what_as_it_changes(phone, tmp_path):
    output = tmp_path / "watch.txt"
    with output.open("w") as file:
        watch = subprocess.Popen(
            [sys.executable, "-m", "ppghost", "devices", "--watch", "0.2"], cwd=ROOT, stdout=file
        )

    def wait_for(text):
        deadline = time.monotonic() + 20
        while text not in output.read_text():
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.1)

    wait_for("30.5 °C")
    adb = Adb(phone.serial)
    adb.lock()
    adb.shell(f"echo GhostNet > {adb.folder}/task")
    wait_for(f"measured by process {os.getpid()} on ")
    wait_for(": GhostNet")
    adb.clean_up()
    watch.send_signal(signal.SIGINT)
    assert watch.wait(timeout=20) == 0
    lines = [line for line in output.read_text().splitlines() if phone.serial in line]
    assert 2 <= len(lines) <= 4
