"""What may be set, and where it was said: the sections of ``wolke.toml`` and what the command line adds to them."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wolke.block_storage.config import BlockStorageConfig
from wolke.business.config import BusinessConfig
from wolke.compute.config import ComputeConfig
from wolke.compute.drivers.qemu.config import QemuConfig
from wolke.core import config as configuration
from wolke.core.config import ConfigError, option
from wolke.identity.config import IdentityConfig
from wolke.image.config import ImageConfig
from wolke.network.config import NetworkConfig
from wolke.object_store.config import ObjectStoreConfig
from wolke.state import StateDirectory


@dataclass(frozen=True)
class CloudConfig:
    database: str = option(
        "", "postgresql://user:password@host/name; empty: a database of its own in the state directory."
    )
    region: str = option("RegionOne", "The region's name in the catalog.")
    policy_file: str = option("", "JSON: service, then rule name, then check. Replaces defaults by name.")
    external_network: str = option("public", "The name of the external network made at the first start; empty: none.")
    external_cidr: str = option(
        "172.24.4.0/24", "Its addresses, for routers and floating IPs. The host takes the first."
    )


@dataclass(frozen=True)
class HostConfig:
    enabled: bool = option(True, "Whether this process offers the machine it runs on; False for a controller alone.")
    name: str = option("", "What this host is called; empty: its hostname.")
    address: str = option(
        "", "Where other hosts reach this one; empty: the address from which it reaches the controllers."
    )
    move_port: int = option(0, "The port on which servers come and go between hosts, with TLS; 0: any.")
    hypervisor: str = option("qemu", "The driver for guests.")
    dataplane: str = option("", "The driver for networks; empty: linux for root, else user.")
    volume_backends: str = option(
        "file=file",
        "The backends for volumes: name=driver or name=driver:place, with commas between; empty: none. A place is a folder "
        "for file, and group/pool for lvm.",
    )
    serve_volumes: bool = option(
        False,
        "Serve volumes in files to this host's own guests too, over NBD as to those of other hosts, rather than let them open the "
        "files: slower, but such servers do not stand still for an instant before they are moved while they run.",
    )
    masquerade: bool = option(True, "Whether guests reach the world outside behind this host's addresses.")

    @property
    def dataplane_name(self) -> str:
        return self.dataplane or ("linux" if os.geteuid() == 0 else "user")

    @property
    def host_name(self) -> str:
        return self.name or socket.gethostname()


SECTIONS: dict[str, type[Any]] = {
    "cloud": CloudConfig,
    "host": HostConfig,
    "identity": IdentityConfig,
    "image": ImageConfig,
    "network": NetworkConfig,
    "block_storage": BlockStorageConfig,
    "compute": ComputeConfig,
    "object_store": ObjectStoreConfig,
    "qemu": QemuConfig,
    "business": BusinessConfig,
}


@dataclass(frozen=True)
class Settings:
    """``public_url`` is where clients find the cloud; ``certificate`` what they must trust to."""

    public_url: str
    certificate: Path | None
    cloud: CloudConfig
    host: HostConfig
    identity: IdentityConfig
    image: ImageConfig
    network: NetworkConfig
    block_storage: BlockStorageConfig
    compute: ComputeConfig
    object_store: ObjectStoreConfig
    qemu: QemuConfig
    business: BusinessConfig

    @classmethod
    def read(
        cls,
        state: StateDirectory,
        *,
        path: Path | None = None,
        environment: Mapping[str, str],
        public_url: str,
        certificate: Path | None = None,
        said: Mapping[tuple[str, str], Any] | None = None,
    ) -> Settings:
        """``said`` on the command line, as ``(section, option)``, counts most; None there means nothing was said."""
        if path is not None and not path.exists():
            raise ConfigError(f"there is no file {path}")
        sections = configuration.read(path or state / "wolke.toml", environment)
        for (section, name), value in (said or {}).items():
            if value is not None:
                sections.setdefault(section, {})[name] = value
        configuration.refuse_unknown(sections, set(SECTIONS))
        made = {name: configuration.section(sections, name, kind) for name, kind in SECTIONS.items()}
        return cls(public_url, certificate, **made)

    def policy(self, service: str) -> dict[str, str]:
        """Checks that the operator replaces, by rule name."""
        if not self.cloud.policy_file:
            return {}
        try:
            overrides = json.loads(Path(self.cloud.policy_file).read_text())
            found = overrides.get(service, {})
            if not all(isinstance(check, str) for check in found.values()):
                raise ValueError("a check is not text")
        except (OSError, ValueError, AttributeError) as error:
            raise ConfigError(f"[cloud] policy_file {self.cloud.policy_file}: {error}") from None
        return dict(found)
