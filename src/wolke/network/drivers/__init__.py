"""The dataplanes there are. One file (or folder) each; a new one is one line here."""

DRIVERS = {
    "linux": "wolke.network.drivers.linux:LinuxDataplane",
    "user": "wolke.network.drivers.user:UserDataplane",
    "simulated": "wolke.network.drivers.simulated:SimulatedDataplane",
}
