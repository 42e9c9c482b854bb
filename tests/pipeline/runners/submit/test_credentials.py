"""Where the token of a target comes from."""

from pathlib import Path

import pytest

from components.cloud.google_login import TOKEN_VARIABLE
from pipeline.config.targets import KubeflowTarget, VertexTarget
from pipeline.runners.submit.credentials import in_words, of_target
from preprocessing.errors import UserError

KUBEFLOW = KubeflowTarget(
    root="minio://bucket/root",
    image="i",
    host="https://kubeflow.example.com",
    token_env="MY_TOKEN",  # noqa: S106
)
VERTEX = VertexTarget(root="gs://bucket/root", image="i", project="my-project", region="europe-west4")


def test_kubeflow_reads_the_variable_that_the_target_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", " abc\n")
    assert of_target(KUBEFLOW).token() == "abc"
    assert in_words(KUBEFLOW) == "Bearer [MY_TOKEN]"


@pytest.mark.parametrize("value", [None, "", " "])
def test_kubeflow_needs_no_token(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("MY_TOKEN", raising=False)
    if value is not None:
        monkeypatch.setenv("MY_TOKEN", value)
    assert of_target(KUBEFLOW).token() is None
    assert in_words(KUBEFLOW) == ""


def test_vertex_reads_a_token_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "ya29.abc")
    assert of_target(VERTEX).token() == "ya29.abc"
    assert in_words(VERTEX) == f"Bearer [{TOKEN_VARIABLE}]"


def test_vertex_without_credentials_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    assert in_words(VERTEX) == "Bearer [application default credentials]"
    # A key that is no key: Google's library looks no further, and at no network.
    key = tmp_path / "key.json"
    key.write_text("{}")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    with pytest.raises(UserError, match="no credentials for Google Cloud") as caught:
        of_target(VERTEX).token()
    assert "gcloud auth application-default login" in caught.value.hint
    assert "\n" not in caught.value.message


def test_the_variable_of_what_can_be_no_token_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "two words")
    with pytest.raises(UserError, match=r"no token has\n.*set MY_TOKEN to the token alone"):
        of_target(KUBEFLOW).token()
