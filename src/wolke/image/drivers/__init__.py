"""The places where image data can be kept. One file each; a new one is one line here."""

DRIVERS = {
    "file": "wolke.image.drivers.file:FileDriver",
    "object_store": "wolke.image.drivers.object_store:ObjectStoreDriver",
    "memory": "wolke.image.drivers.memory:MemoryDriver",
}
