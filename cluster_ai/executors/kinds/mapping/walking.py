"""One attempt at a MAP: what is not done yet is done, and all of it is told."""

from contextlib import nullcontext

from cluster_ai.executors.kind import Result, Said
from cluster_ai.executors.kinds.mapping.asking import by_prompt
from cluster_ai.executors.kinds.mapping.calling import by_function
from cluster_ai.executors.kinds.mapping.parameters import MapParameters
from cluster_ai.executors.kinds.mapping.source import checkpoint_of, rows_of, units_of
from cluster_ai.executors.kinds.mapping.spreading import spread
from cluster_ai.executors.kinds.mapping.telling import Tally
from cluster_ai.executors.programs import Program


def mapped(program: Program, parameters: MapParameters, said: Said) -> Result:
    """All rows, but for those that an attempt before has done."""
    rows = rows_of(program, parameters)
    tally = Tally(units_of(parameters, len(rows)), checkpoint_of(program, parameters, rows), said)
    doing = (
        by_prompt(program, parameters, rows)
        if parameters.code is None
        else nullcontext(by_function(program, parameters, rows, said))
    )
    with doing as work:
        for outcome in spread(tally.left(), work, at_once=parameters.concurrency, stop=program.means.stop):
            tally.take(*outcome)
    return tally.result(program.room, parameters.most_failed)
