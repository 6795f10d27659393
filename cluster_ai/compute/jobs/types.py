"""Words of the jobs. Pure; whoever starts a job may import them."""

from collections.abc import Callable
from pathlib import Path

from pydantic import Field, field_validator

from cluster_ai.core.wire import Count, ModelName, Slice, Text, View

LINE_FIELD = "{line}"
Progress = Callable[[int, int, int], None]
"""``on_progress(done, total, failed)``; ``done`` counts the failed ones, too."""


class WordCount(View):
    word: str
    count: Count


class WordsResult(View):
    """What the words of a tree came to."""

    words: Count
    distinct: Count
    files: Count
    size: Count
    """Bytes of text read."""
    seconds: float
    top: tuple[WordCount, ...] = ()
    skipped: dict[str, str] = Field(default_factory=dict)
    """Why, by path: binary, unreadable, not a regular file."""
    shares: dict[str, int] = Field(default_factory=dict)
    """Words counted by each worker."""
    left_out: tuple[str, ...] = ()
    """Workers that do not see the files."""


class MapPlan(Slice):
    """A prompt over every line of a file."""

    input: Path = Field(description="UTF-8 text; one item a line, blank lines are passed over.")
    output: Path = Field(description="JSON lines; also what a later run goes on from.")
    prompt: Text = Field(description="Template; {line} stands for the line, {index} for its number from 0.")
    model: ModelName = Field(description="Model to ask.")
    system: Text = Field(default="", description="System message before each prompt.")
    options: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="Model options such as temperature, seed and num_predict."
    )
    slots: int = Field(default=4, ge=1, le=256, description="Lines asked at the same time.")
    tries: int = Field(default=5, ge=1, le=100, description="Requests for a line before it makes room for others.")
    ordered: bool = Field(default=False, description="Sort the output by index once every line is done.")
    restart: bool = Field(default=False, description="Throw an earlier output away.")
    retry_failed: bool = Field(default=False, description="Ask the lines again that an earlier run recorded as failed.")
    seconds: float = Field(default=300.0, gt=0, le=86_400, description="Time limit of one line with all its tries.")
    patience: float = Field(
        default=300.0, gt=0, le=86_400, description="Seconds without any answer after which the job stops."
    )

    @field_validator("prompt")
    @classmethod
    def _has_a_place_for_the_line(cls, prompt: str) -> str:
        if LINE_FIELD not in prompt:
            raise ValueError(f"the prompt has no {LINE_FIELD}: every line would be asked the same")
        return prompt

    def prompt_for(self, index: int, line: str) -> str:
        """The prompt of one line. Other braces are left alone: prompts contain JSON. The line goes in last."""
        return self.prompt.replace("{index}", str(index)).replace(LINE_FIELD, line)


class MapResult(View):
    """How a map ended. ``partial`` means: run it again to go on."""

    total: Count
    answered: Count
    failed: Count
    """Lines recorded with an error."""
    resumed: Count
    """Lines that stood in the output before this run."""
    seconds: float
    nodes: dict[str, int] = Field(default_factory=dict)
    """Answers by node, over all runs."""
    interrupted: bool = False
    stopped: str = ""
    """Why it gave up before the end; empty when it did not."""

    @property
    def partial(self) -> bool:
        return self.failed > 0 or self.answered < self.total
