"""Is ``/dev/kvm`` really usable?

A device file that opens proves little: inside some virtual machines KVM is there, answers every question, and then runs
guests by emulation at a thousandth of the speed, or not at all, while ``-accel kvm:tcg`` and libvirt see nothing wrong.
A trial in real mode is not enough either, since such hosts emulate it well. So a small machine is put together in 64-bit long mode,
as any system would have it, and must run a million loops and one ``lock cmpxchg16b`` (which Linux uses for memory) within a quarter of a second.

The trial is a process of its own, since an emulated ``KVM_RUN`` may never return. Run it by hand with
``python -m wolke.compute.drivers.qemu.kvm``; it exits with 0 if KVM is usable.
"""

from __future__ import annotations

import ctypes
import fcntl
import functools
import mmap
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

DEVICE = "/dev/kvm"
TRIAL_LIMIT_S = 2.0
LOOPS = 1_000_000
LOOPS_LIMIT_S = 0.25

# linux/kvm.h
GET_API_VERSION, CREATE_VM, GET_VCPU_MMAP_SIZE = 0xAE00, 0xAE01, 0xAE04
CREATE_VCPU, RUN = 0xAE41, 0xAE80
SET_USER_MEMORY_REGION, GET_SREGS, SET_SREGS, SET_REGS = 0x4020AE46, 0x8138AE83, 0x4138AE84, 0x4090AE82
EXIT_IO = 2

# The guest's 64 KiB: page tables that map the first 2 MiB onto themselves, then code, then 16 bytes to exchange.
PML4, PDPT, PD, CODE_AT, DATA_AT, MEMORY = 0x1000, 0x2000, 0x3000, 0x4000, 0x5000, 0x10000
CODE = b"".join(
    (
        b"\xb9" + struct.pack("<I", LOOPS),  # mov ecx, LOOPS
        b"\xff\xc9\x75\xfc",  # again: dec ecx; jnz again
        b"\x31\xc0\x31\xd2\x31\xdb",  # xor eax, eax; xor edx, edx; xor ebx, ebx
        b"\x48\xbf" + struct.pack("<Q", DATA_AT),  # mov rdi, DATA_AT
        b"\xf0\x48\x0f\xc7\x0f",  # lock cmpxchg16b [rdi]
        b"\xe6\x10\xf4",  # out 0x10, al: back to us; hlt
    )
)


@functools.cache
def usable() -> tuple[bool, str]:
    """Whether KVM runs guests at hardware speed, and why (not). Takes up to ``TRIAL_LIMIT_S`` the first time."""
    if not Path(DEVICE).exists():
        return False, f"there is no {DEVICE}"
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return False, f"{DEVICE} may not be opened by this user"
    try:
        trial = subprocess.run(
            [sys.executable, "-I", "-S", __file__], capture_output=True, text=True, timeout=TRIAL_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return False, f"a trial guest did not come back within {TRIAL_LIMIT_S:g} s: KVM is emulated here"
    if trial.returncode in (0, 1):
        return trial.returncode == 0, trial.stdout.strip()
    if trial.returncode == -signal.SIGALRM:
        return False, f"a trial guest ran longer than {2 * LOOPS_LIMIT_S:g} s: KVM is emulated here"
    return False, f"the trial guest died with status {trial.returncode}"


def trial() -> tuple[bool, str]:
    """Run the trial guest in this process."""
    memory = mmap.mmap(-1, MEMORY)
    try:
        system = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
        if fcntl.ioctl(system, GET_API_VERSION) != 12:
            return False, "this KVM speaks another version of its interface"
        machine = fcntl.ioctl(system, CREATE_VM, 0)
        _load(machine, memory)
        cpu = fcntl.ioctl(machine, CREATE_VCPU, 0)
        shared = mmap.mmap(cpu, fcntl.ioctl(system, GET_VCPU_MMAP_SIZE))
        _enter_long_mode(cpu)
        signal.setitimer(signal.ITIMER_REAL, 2 * LOOPS_LIMIT_S)  # ends this process: no need to see how slow it is
        began = time.perf_counter()
        fcntl.ioctl(cpu, RUN, 0)
        took_s = time.perf_counter() - began
    except OSError as error:
        return False, f"KVM refused a trial guest: {error.strerror}"
    (reason,) = struct.unpack_from("<I", shared, 8)
    if reason != EXIT_IO:
        return False, f"a trial guest in 64-bit mode ended with KVM exit reason {reason}: KVM does not work here"
    if took_s > LOOPS_LIMIT_S:
        return False, f"a trial guest took {took_s * 1000:.0f} ms for {LOOPS} loops: KVM is emulated here"
    return True, f"a trial guest ran {LOOPS} loops in {took_s * 1000:.1f} ms"


def _load(machine: int, memory: mmap.mmap) -> None:
    for table, entry in ((PML4, PDPT | 3), (PDPT, PD | 3), (PD, 0x83)):  # present, writable; the last is a 2 MiB page
        struct.pack_into("<Q", memory, table, entry)
    memory[CODE_AT : CODE_AT + len(CODE)] = CODE
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    fcntl.ioctl(machine, SET_USER_MEMORY_REGION, struct.pack("<IIQQQ", 0, 0, 0, MEMORY, address))


def _enter_long_mode(cpu: int) -> None:
    """Flat 64-bit code and data segments, paging on, and the first instruction at ``CODE_AT``."""
    special = bytearray(312)  # struct kvm_sregs: eight segments of 24 bytes, two tables of 16, then cr0, cr2, …
    fcntl.ioctl(cpu, GET_SREGS, special)
    for index in range(6):
        selector, kind, long = (8, 11, 1) if index == 0 else (16, 3, 0)
        flags = (kind, 1, 0, 1 - long, 1, long, 1, 0, 0, 0)  # type present dpl db s l g avl unusable padding
        struct.pack_into("<QIH10B", special, 24 * index, 0, 0xFFFFFFFF, selector, *flags)
    cr0, cr4, efer = 0x80050033, 0x20, 0x500  # paging and protection; PAE; long mode enabled and active
    struct.pack_into("<6Q", special, 24 * 8 + 16 * 2, cr0, 0, PML4, cr4, 0, efer)
    fcntl.ioctl(cpu, SET_SREGS, bytes(special))
    registers = [0] * 18
    registers[6], registers[16], registers[17] = 0x8000, CODE_AT, 2  # rsp, rip, rflags
    fcntl.ioctl(cpu, SET_REGS, struct.pack("<18Q", *registers))


if __name__ == "__main__":
    works, why = trial()
    sys.stdout.write(why + "\n")
    sys.stdout.flush()
    os._exit(0 if works else 1)  # the guest's memory is still exported to ctypes: nothing to tidy
