"""Pages and the API's description are those that the code makes."""

from pathlib import Path

from backend import openapi, reference
from backend.app import create_api

DOCS = Path(__file__).parents[2] / "docs"
MEND = "run: .venv/bin/python -m backend.reference"


def test_description_is_current() -> None:
    assert (DOCS / "openapi.json").read_text(encoding="utf-8") == openapi.render(create_api()), MEND


def test_policy_page_is_current() -> None:
    assert (DOCS / "reference" / "policy.md").read_text(encoding="utf-8") == reference.render_policy(), MEND


def test_error_page_is_current_and_every_code_is_explained() -> None:
    made = reference.render_errors()
    assert (DOCS / "reference" / "errors.md").read_text(encoding="utf-8") == made, MEND
    assert "|  |" not in made, "a class of errors needs a docstring"


def test_every_way_to_fail_has_a_status_and_a_title() -> None:
    assert {reference.status_of(kind) for kind in reference.every_error()} <= openapi.TITLES.keys()
