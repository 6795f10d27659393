"""What MAP takes."""

import ast
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from cluster_ai.core.wire import Text
from cluster_ai.executors.files import FileIn
from cluster_ai.executors.kinds.infer import Asking
from cluster_ai.executors.kinds.mapping.rows import Form, fields_of
from cluster_ai.executors.programs import ProgramParameters


class MapParameters(ProgramParameters):
    """Rows, and either a prompt with the model that is asked, or a Python function."""

    rows: Annotated[tuple[Any, ...], Field(max_length=50_000)] = Field(default=(), description="The rows themselves.")
    data: FileIn | None = Field(default=None, description="... or a file that holds them.")
    form: Form = Field(default="jsonl", description="How that file holds them.")
    prompt: Text | None = Field(
        default=None, description="The prompt: `{column}` is a row's column, `{row}` the row; braces are doubled."
    )
    ask: Asking | None = Field(default=None, description="The model, and how it is asked.")
    code: Text | None = Field(default=None, description="Python source, run in the sandbox.")
    function: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w{0,127}$")] | None = Field(
        default=None,
        description="Its function: takes a list of rows, answers a list with one answer for each, or a value.",
    )
    partition_rows: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=100, description="Rows that the function gets at a time."
    )
    concurrency: Annotated[int, Field(ge=1, le=64)] = Field(
        default=4, description="Prompts or partitions that are under way at a time."
    )
    most_failed: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0, description="Share of the rows that may fail and the ticket still succeeds."
    )

    @model_validator(mode="after")
    def _has_one_way(self) -> Self:
        if bool(self.rows) == (self.data is not None):
            raise ValueError("either rows or data must be given")
        if (self.prompt is None) != (self.ask is None) or (self.code is None) != (self.function is None):
            raise ValueError("prompt goes with ask, and code with function")
        if (self.prompt is None) == (self.code is None):
            raise ValueError("either prompt with ask or code with function must be given")
        self._check_columns()
        self._check_code()
        return self

    def _check_columns(self) -> None:
        wanted = fields_of(self.prompt or "") - {"row"}
        for number, row in enumerate(self.rows):
            if missing := wanted - (row.keys() if isinstance(row, dict) else set()):
                raise ValueError(f"row {number} has no column {min(missing)}")

    def _check_code(self) -> None:
        try:
            tree = ast.parse(self.code or "")
        except (SyntaxError, ValueError) as exc:
            raise ValueError(f"the code is no Python: {exc}") from exc
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        if self.function is not None and self.function not in names:
            raise ValueError(f"the code has no function {self.function}")
