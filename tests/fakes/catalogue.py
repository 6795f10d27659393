"""What a node tells of itself: tags, running models, version, details, in both dialects."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from tests.fakes.ask import named
from tests.fakes.dialects import CREATED, CREATED_AT, dumped, refusal
from tests.fakes.knobs import Knobs, Model
from tests.fakes.places import Places


class Refused(Exception):
    """An answer of 4xx or 5xx with its message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    def body(self, *, openai: bool) -> bytes:
        return refusal(str(self), openai=openai)


def digest(model: Model) -> str:
    return sha256(model.name.encode()).hexdigest()


def details(model: Model) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": model.family,
        "families": [model.family],
        "parameter_size": model.parameter_size,
        "quantization_level": model.quantization,
    }


def listed(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "model": model.name,
        "modified_at": CREATED_AT,
        "size": model.size,
        "digest": digest(model),
        "details": details(model),
    }


@dataclass(frozen=True)
class Catalogue:
    """Answers of the probes of one node."""

    knobs: Knobs
    places: Places

    def find(self, name: str) -> Model:
        """The model of that name.

        Raises:
            Refused: 404, there is none.
        """
        for model in self.knobs.models:
            if model.name == named(name):
                return model
        raise Refused(404, f"model '{name}' not found")

    def tags(self) -> bytes:
        return dumped({"models": [listed(model) for model in self.knobs.models]})

    def ps(self) -> bytes:
        self.places.expire()
        known = {model.name: model for model in self.knobs.models}
        running = [known[name] for name in self.places.loaded if name in known]
        return dumped({"models": [self.running(model) for model in running]})

    def running(self, model: Model) -> dict[str, Any]:
        # Ollama tells wall time; a model in use or kept for ever is told as far ahead.
        left = min(self.places.left(model.name), 100 * 365 * 86_400.0)
        until = (datetime.now(UTC) + timedelta(seconds=left)).isoformat()
        fields = {"expires_at": until, "size_vram": model.size, "context_length": model.context_length}
        return {**listed(model), **fields}

    def version(self) -> bytes:
        return dumped({"version": self.knobs.version})

    def show(self, name: str) -> bytes:
        model = self.find(name)
        info = {"general.architecture": model.family, f"{model.family}.context_length": model.context_length}
        fields = {"modelfile": f"FROM {model.name}", "parameters": "", "template": "{{ .Prompt }}"}
        capable = list(model.capabilities)
        shown = {"details": details(model), "model_info": info, "capabilities": capable, "modified_at": CREATED_AT}
        return dumped({**fields, **shown})

    def v1_models(self) -> bytes:
        return dumped({"object": "list", "data": [self.v1_entry(model) for model in self.knobs.models]})

    def v1_model(self, name: str) -> bytes:
        return dumped(self.v1_entry(self.find(name)))

    def v1_entry(self, model: Model) -> dict[str, Any]:
        return {"id": model.name, "object": "model", "created": CREATED, "owned_by": "library"}
