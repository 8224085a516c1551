"""The distribution's packages as raw material: which ones, fetched once into a cache, read without installing them.

apt verifies what it downloads against the archive's signed lists; a package found in the cache is held against the same
lists' checksum before it is used.
"""

import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

KERNEL = "linux-image-cloud-amd64"
PACKAGES = (
    "busybox-static",
    "dropbear-bin",
    "libc6",
    "libcrypt1",
    "libgmp10",
    "libtomcrypt1",
    "libtommath1",
    "zlib1g",
)
"""All of a guest beside its kernel: one program for everything, an ssh server and the libraries of the latter."""


class PackageUnavailable(Exception):
    """apt does not know, or cannot fetch, a package that the guest is made of."""


@dataclass(frozen=True)
class Package:
    name: str
    file: Path
    sha256: str


def fetch(cache_dir: Path) -> list[Package]:
    """The guest's packages as files in the cache, the kernel first."""
    cache_dir.mkdir(parents=True, exist_ok=True)
    kernel = _kernel_package()
    packages = [_locate(stanza, cache_dir) for stanza in _show([kernel, *PACKAGES])]
    missing = [package for package in packages if not _intact(package)]
    if missing:
        _download(missing, cache_dir)
    return packages


def members(package: Package, wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """Path (no leading slash) to content for the wanted files of a package; a link's content is that of its target."""
    found: dict[str, bytes] = {}
    links: dict[str, str] = {}
    unpack = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package.file)], stdout=subprocess.PIPE)
    with unpack, tarfile.open(fileobj=unpack.stdout, mode="r|") as archive:
        for member in archive:
            path = member.name.removeprefix("./")
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None and wanted(path):
                found[path] = content.read()
            elif member.issym() and wanted(path):
                links[path] = str(Path(path).parent / member.linkname)
    if unpack.returncode:
        raise PackageUnavailable(f"{package.file} could not be unpacked; remove it and try again")
    return found | {path: found[target] for path, target in links.items() if target in found}


def _kernel_package() -> str:
    """The package behind the meta package of the day, which is called after a kernel version."""
    depends = re.search(r"^Depends: (?:.*, )?(linux-image-[^ ,]+)", "\n".join(_show([KERNEL])), re.MULTILINE)
    if depends is None:
        raise PackageUnavailable(f"{KERNEL} names no kernel package")
    return depends.group(1)


def _show(names: Iterable[str]) -> list[str]:
    names = list(names)
    answer = subprocess.run(
        ["apt-cache", "show", "--no-all-versions", *names], capture_output=True, text=True, check=False
    )
    stanzas = {_field(stanza, "Package"): stanza for stanza in answer.stdout.split("\n\n") if stanza.strip()}
    absent = [name for name in names if name not in stanzas]
    if absent:
        remedy = "run `apt-get update`; the guest image is built on Debian 12 or newer, amd64"
        raise PackageUnavailable(f"apt knows no package {', '.join(absent)}: {remedy}")
    return [stanzas[name] for name in names]


def _field(stanza: str, name: str) -> str:
    found = re.search(rf"^{name}: (.*)$", stanza, re.MULTILINE)
    return found.group(1) if found else ""


def _locate(stanza: str, cache_dir: Path) -> Package:
    file_name = _field(stanza, "Filename").rpartition("/")[2]
    return Package(_field(stanza, "Package"), cache_dir / file_name, _field(stanza, "SHA256"))


def _intact(package: Package) -> bool:
    return package.file.exists() and hashlib.sha256(package.file.read_bytes()).hexdigest() == package.sha256


def _download(packages: list[Package], cache_dir: Path) -> None:
    """Into a folder of our own first, so that a half-written file never has a package's name in the cache."""
    with tempfile.TemporaryDirectory(prefix="download-", dir=cache_dir) as folder:
        done = subprocess.run(
            ["apt-get", "download", "-q", *(package.name for package in packages)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise PackageUnavailable(f"apt-get download failed: {done.stderr.strip()} (try `apt-get update`)")
        for package in packages:
            # apt writes an epoch's colon as %3a in the name; the archive leaves the epoch out.
            arrived = next(iter(sorted(Path(folder).glob(f"{package.name}_*.deb"))), None)
            if arrived is None or hashlib.sha256(arrived.read_bytes()).hexdigest() != package.sha256:
                raise PackageUnavailable(f"{package.name} arrived damaged or in another version; run `apt-get update`")
            shutil.move(arrived, package.file)
