"""Opening tap devices for QEMU, which has no privilege to do so itself and gets the open file instead.

The device exists already and may live in another network namespace. A thread of its own enters that namespace, opens the
device and ends: a namespace belongs to a thread, and one of a pool would carry it into somebody else's work.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import socket
import struct
import threading
from concurrent.futures import Future
from pathlib import Path

from wolke.compute.drivers.base import Nic

TUN_DEVICE = "/dev/net/tun"
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
CLONE_NEWNET = 0x40000000
NAMESPACES = Path("/run/netns")


async def open_tap(nic: Nic) -> int:
    """A descriptor of ``nic.device``, to be closed by the caller. Raises ``OSError`` while there is no such device."""
    result: Future[int] = Future()

    def work() -> None:
        try:
            if nic.netns:
                _enter(nic.netns)
            result.set_result(_open(nic.device))
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=work, name=f"tap-{nic.device}", daemon=True).start()
    return await asyncio.wrap_future(result)


def _enter(netns: str) -> None:
    descriptor = os.open(NAMESPACES / netns, os.O_RDONLY | os.O_CLOEXEC)  # an absolute path stays what it is
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(descriptor, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter the network namespace {netns}")
    finally:
        os.close(descriptor)


def _open(device: str) -> int:
    if device not in (name for _, name in socket.if_nameindex()):  # TUNSETIFF would make one, plugged into nothing
        raise FileNotFoundError(f"there is no tap device {device}")
    descriptor = os.open(TUN_DEVICE, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
        fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", device.encode(), flags))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
