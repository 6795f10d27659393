"""An error of ours that went through task groups is caught as what it is."""

import asyncio

import pytest

from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.groups import ungrouped


async def in_groups(*errors: BaseException) -> None:
    async with asyncio.TaskGroup(), asyncio.TaskGroup() as inner:
        for error in errors[1:]:
            inner.create_task(fail(error))
        await asyncio.sleep(0)
        raise errors[0]


async def fail(error: BaseException) -> None:
    raise error


@pytest.mark.anyio
async def test_one_error_of_ours_comes_out_as_itself() -> None:
    with pytest.raises(Misconfigured, match="wrong") as caught, ungrouped():
        await in_groups(Misconfigured("wrong", hint="mend it"))
    assert caught.value.hint == "mend it"


@pytest.mark.anyio
async def test_several_errors_and_those_of_others_stay_a_group() -> None:
    with pytest.raises(ExceptionGroup), ungrouped():
        await in_groups(Misconfigured("one"), Misconfigured("two"))
    with pytest.raises(ExceptionGroup), ungrouped():
        await in_groups(ValueError("not ours"))
