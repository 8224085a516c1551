"""The one window to a cloud: its public API, in our words. Nothing beside it knows that it is OpenStack."""

from __future__ import annotations

from wolke.business.openstack.project import NewServer, ProjectSide
from wolke.business.openstack.provider import Limits, ProviderSide
from wolke.business.openstack.shapes import Credentials
from wolke.business.openstack.window import CloudWindow

__all__ = ["CloudWindow", "Credentials", "Limits", "NewServer", "ProjectSide", "ProviderSide"]
