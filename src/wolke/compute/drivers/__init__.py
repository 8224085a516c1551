"""The hypervisor drivers there are. One file (or folder) each; a new one is one line here."""

DRIVERS = {
    "qemu": "wolke.compute.drivers.qemu:QemuDriver",
    "simulated": "wolke.compute.drivers.simulated:SimulatedDriver",
}
