"""The agent's own API on its machine: a Unix socket behind the machine's door, for the head and, in part, its machines.

::

    GET  /-/health                    who this is, and how the conversation with the head goes
    GET  /-/state                     inventory, gauges, services, models
    GET  /-/logs?part=&lines=&follow= lines of our parts' logs, as they come
    POST /-/exec                      a command, where this machine allows that
    POST /-/load, /-/unload           a model into memory, or out of it
    GET  /-/models/..., /-/blobs/...  files of models, for every machine of the cluster
"""
