"""The volume drivers there are. One file (or folder) each; a new one is one line here."""

DRIVERS = {
    "file": "wolke.block_storage.drivers.file:FileDriver",
    "lvm": "wolke.block_storage.drivers.lvm:LvmDriver",
    "simulated": "wolke.block_storage.drivers.simulated:SimulatedDriver",
}
