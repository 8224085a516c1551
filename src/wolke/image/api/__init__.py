"""The door of the image service, mounted at /image."""

from __future__ import annotations

from collections.abc import Mapping

from wolke.core import faults
from wolke.core.http import Api, Route
from wolke.core.policy import Policy
from wolke.image.api import data, discovery, images, members
from wolke.image.policy import RULES
from wolke.image.schema.images import CREATE, IMPORT, MEMBER_ADD, MEMBER_ANSWER, PATCH
from wolke.image.service import Images

_IMAGE = "/v2/images/{image_id}"
_MEMBER = _IMAGE + "/members/{member_id}"
_TAG = _IMAGE + "/tags/{tag}"

# Where a row has no rule, the handler asks about the image itself, for its owner and visibility count.
ROUTES: tuple[Route, ...] = (
    Route("GET", "/", discovery.choices, status=300, auth=False),
    Route("GET", "/versions", discovery.versions, auth=False),
    Route("GET", "/v2/schemas/{name}", discovery.schema, rule="schemas"),
    Route("GET", "/v2/info/import", discovery.import_methods, rule="schemas"),
    Route("GET", "/v2/images", images.index, rule="get_images"),
    Route("POST", "/v2/images", images.create, body=CREATE, status=201),
    Route("GET", _IMAGE, images.show),
    Route("GET", _IMAGE + "/tasks", images.tasks),
    Route("PATCH", _IMAGE, images.update, body=PATCH),
    Route("DELETE", _IMAGE, images.delete, status=204),
    Route("POST", _IMAGE + "/actions/deactivate", images.deactivate, status=204),
    Route("POST", _IMAGE + "/actions/reactivate", images.reactivate, status=204),
    Route("PUT", _IMAGE + "/file", data.upload, status=204, stream=True),
    Route("GET", _IMAGE + "/file", data.download),
    Route("PUT", _IMAGE + "/stage", data.stage, status=204, stream=True),
    Route("POST", _IMAGE + "/import", data.import_staged, body=IMPORT, status=202),
    Route("PUT", _TAG, images.add_tag, status=204),
    Route("DELETE", _TAG, images.remove_tag, status=204),
    Route("GET", _IMAGE + "/members", members.index),
    Route("POST", _IMAGE + "/members", members.add, body=MEMBER_ADD),
    Route("GET", _MEMBER, members.show),
    Route("PUT", _MEMBER, members.answer, body=MEMBER_ANSWER),
    Route("DELETE", _MEMBER, members.remove, status=204),
)


def build_api(service: Images, overrides: Mapping[str, str] | None = None) -> Api:
    return Api("image", "/image", ROUTES, service, Policy(RULES, overrides), faults.glance)
