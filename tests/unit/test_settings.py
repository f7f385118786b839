"""Settings from the environment."""

from __future__ import annotations

import pytest

from silvercup.settings import Settings


def test_an_empty_environment_gives_the_defaults():
    assert Settings.from_env({}) == Settings()


def test_empty_variables_are_as_absent_ones():
    names = ["SILVERCUP_CORE_TABLE", "SILVERCUP_WAIT_DAYS", "SILVERCUP_API_KEY", "AWS_ENDPOINT_URL", "AWS_REGION"]
    assert Settings.from_env(dict.fromkeys(names, "")) == Settings()


def test_variables_win():
    env = {
        "SILVERCUP_CORE_TABLE": "c",
        "SILVERCUP_WAIT_DAYS": "7",
        "SILVERCUP_ALLOW_ANY_KEY": "1",
        "SILVERCUP_API_KEY": "k",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "us-west-2",
    }
    assert Settings.from_env(env) == Settings(
        core_table="c",
        wait_days=7,
        allow_any_key=True,
        api_key="k",
        endpoint_url="http://127.0.0.1:1",
        region="eu-central-1",
    )


@pytest.mark.parametrize("value", ["many", "-1", "1.5", " 7"])
def test_a_number_that_is_none_is_named(value: str):
    with pytest.raises(ValueError, match=r"SILVERCUP_WAIT_DAYS is .*; it must be a whole number, 0 or more"):
        Settings.from_env({"SILVERCUP_WAIT_DAYS": value})
