"""What a refused body says, and what it must not."""

from __future__ import annotations

from typing import Any

import pytest

from wolke.core.errors import BadRequest
from wolke.core.schema import body, compile_schema, string

CHECK = compile_schema(body("user", {"name": string(most=5), "password": string(most=5)}, required=("name",)))


def refusal(value: Any) -> str:
    with pytest.raises(BadRequest) as caught:
        CHECK(value)
    return caught.value.message


def test_a_wrong_value_is_named_and_shown() -> None:
    assert "attribute name. Value: 'too long'" in refusal({"user": {"name": "too long"}})


def test_a_wrong_secret_is_named_and_not_shown() -> None:
    for value in ({"name": "x", "password": "hush-hush"}, {"password": "hush-hush"}, [{"password": "hush-hush"}]):
        said = refusal({"user": value})
        assert "hush" not in said
    assert '"name" is a required property' in refusal({"user": {"password": "x"}})
    assert "attribute password" in refusal({"user": {"name": "x", "password": 5}})
