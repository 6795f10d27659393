"""The main job on real input: a chat travels gateway -> node -> model -> streamed answer, and is seen in the API."""

import json
import urllib.request

import ollama
import openai
import pytest

from tests.cluster.conftest import PARIS, Cluster, until

pytestmark = [pytest.mark.real]


def test_curl_like_chat_streams_paris(cluster: Cluster) -> None:
    body = json.dumps({key: value for key, value in PARIS.items() if key != "options"}).encode()
    # curl -d sends a form's content type; Ollama takes it, so the gateway must.
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    request = urllib.request.Request(f"{cluster.gateway}/api/chat", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.headers["X-Cluster-Node"]
        assert answer.headers["X-Cluster-Why"]
        lines = [json.loads(line) for line in answer]
    assert len(lines) > 5, "it must come as a stream"
    assert "Paris" in "".join(line["message"]["content"] for line in lines)
    assert lines[-1]["done"] is True
    assert lines[-1]["eval_count"] > 0


@pytest.mark.parametrize("stream", [True, False])
def test_ollama_client(cluster: Cluster, stream: bool) -> None:
    client = ollama.Client(cluster.gateway)
    answer = client.chat(**PARIS, stream=stream)
    parts = list(answer) if stream else [answer]
    assert "Paris" in "".join(part["message"]["content"] for part in parts)
    assert parts[-1]["done"] is True
    client._client.close()


@pytest.mark.parametrize("stream", [True, False])
def test_openai_client(cluster: Cluster, stream: bool) -> None:
    with openai.OpenAI(base_url=f"{cluster.gateway}/v1", api_key="unused") as client:
        answer = client.chat.completions.create(
            model=PARIS["model"], messages=PARIS["messages"], temperature=0, stream=stream
        )
        if stream:
            text = "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)
        else:
            text = answer.choices[0].message.content
    assert "Paris" in text


def test_embeddings_tell_near_from_far(cluster: Cluster) -> None:
    client = ollama.Client(cluster.gateway)
    near, same, far = client.embed("all-minilm", ["A cat sleeps.", "A kitten naps.", "Interest rates rose."]).embeddings
    client._client.close()

    def cosine(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    assert cosine(near, same) > cosine(near, far) + 0.2


def test_everything_is_seen_in_the_api(cluster: Cluster) -> None:
    def seen() -> dict | None:
        status, overview = cluster.get(f"{cluster.api}/api/v1/overview")
        assert status == 200, overview
        complete = overview["nodes"] and overview["compute"]["workers"] and overview["rates"]["requests_total"]
        return overview if complete else None

    overview = until(seen, seconds=15, what="node, worker and traffic in the overview")
    assert {model["name"] for model in overview["models"]} >= {"smollm2:135m", "all-minilm:latest"}
    assert overview["nodes"][0]["state"] == "healthy"
    assert all(part["state"] == "ready" for part in overview["system"]["parts"])
    assert overview["system"]["problems"] == []


def test_the_built_in_model_is_known_without_its_tag(cluster: Cluster) -> None:
    client = ollama.Client(cluster.gateway)
    answer = client.chat("SmolLM2", messages=PARIS["messages"], options=PARIS["options"])
    client._client.close()
    assert "Paris" in answer["message"]["content"]
