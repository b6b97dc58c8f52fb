"""A host that takes exactly as long as told, for campaigns whose figures are to be known."""

from ppghost.deploy.devices.host.device import HostDevice
from ppghost.deploy.devices.host.session import Times
from ppghost.deploy.latency.campaign import Campaign
from ppghost.deploy.latency.runner import run_campaign
from ppghost.errors import DeviceError


class FakeSession:
    boxes = None

    def __init__(self, device, name):
        self.device, self.name, self.closed = device, name, False

    def measure(self, repeats):
        self.device.calls.append(self.name)
        if self.device.fails(self.name, self.device.calls):
            raise DeviceError(f"{self.name}: the runtime died")
        latency = self.device.latency[self.name]
        return Times([latency] * repeats, [latency * self.device.waited] * repeats)

    def close(self):
        self.closed = True


class FakeDevice(HostDevice):
    """A host that takes exactly as long as told."""

    def __init__(self, fails=lambda name, calls: False, waited=0.0):
        super().__init__()
        self.calls, self.sessions, self.fails, self.waited = [], [], fails, waited
        self.latency = {"Both": 2.0, "Flatten": 3.0}

    def open(self, model, threads):
        self.sessions.append(FakeSession(self, model.name))
        return self.sessions[-1]


def run(models, device, *, resume=False, dry_run=False, output, command=None, **settings):
    campaign = Campaign(models=models, **settings)
    measured = run_campaign(
        campaign, [device], output=output, resume=resume, dry_run=dry_run, command=command
    )
    return measured.to_json()


def by_name(document):
    return {result["model"]: result for result in document["results"]}
