from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATE_UNSPECIFIED: _ClassVar[State]
    STATE_HEALTHY: _ClassVar[State]
    STATE_DEGRADED: _ClassVar[State]
    STATE_UNREACHABLE: _ClassVar[State]

class Workload(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WORKLOAD_UNSPECIFIED: _ClassVar[Workload]
    WORKLOAD_INFERENCE: _ClassVar[Workload]
    WORKLOAD_TRAINING: _ClassVar[Workload]
    WORKLOAD_MEMORY: _ClassVar[Workload]
    WORKLOAD_AGENTS: _ClassVar[Workload]

class What(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WHAT_UNSPECIFIED: _ClassVar[What]
    WHAT_RESET: _ClassVar[What]
    WHAT_READY: _ClassVar[What]
    WHAT_ADDED: _ClassVar[What]
    WHAT_CHANGED: _ClassVar[What]
    WHAT_REMOVED: _ClassVar[What]
STATE_UNSPECIFIED: State
STATE_HEALTHY: State
STATE_DEGRADED: State
STATE_UNREACHABLE: State
WORKLOAD_UNSPECIFIED: Workload
WORKLOAD_INFERENCE: Workload
WORKLOAD_TRAINING: Workload
WORKLOAD_MEMORY: Workload
WORKLOAD_AGENTS: Workload
WHAT_UNSPECIFIED: What
WHAT_RESET: What
WHAT_READY: What
WHAT_ADDED: What
WHAT_CHANGED: What
WHAT_REMOVED: What

class Telemetry(_message.Message):
    __slots__ = ("load", "success", "p95_seconds", "vram", "memory")
    LOAD_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    P95_SECONDS_FIELD_NUMBER: _ClassVar[int]
    VRAM_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    load: float
    success: float
    p95_seconds: float
    vram: float
    memory: float
    def __init__(self, load: _Optional[float] = ..., success: _Optional[float] = ..., p95_seconds: _Optional[float] = ..., vram: _Optional[float] = ..., memory: _Optional[float] = ...) -> None: ...

class RegisterRequest(_message.Message):
    __slots__ = ("id", "kind", "name", "node_id", "url", "address", "port", "version", "capabilities", "labels", "metadata", "lease_seconds", "telemetry")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    LEASE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TELEMETRY_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: str
    name: str
    node_id: str
    url: str
    address: str
    port: int
    version: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    labels: _containers.RepeatedScalarFieldContainer[str]
    metadata: _containers.ScalarMap[str, str]
    lease_seconds: float
    telemetry: Telemetry
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[str] = ..., name: _Optional[str] = ..., node_id: _Optional[str] = ..., url: _Optional[str] = ..., address: _Optional[str] = ..., port: _Optional[int] = ..., version: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ..., labels: _Optional[_Iterable[str]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., lease_seconds: _Optional[float] = ..., telemetry: _Optional[_Union[Telemetry, _Mapping]] = ...) -> None: ...

class Words(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, items: _Optional[_Iterable[str]] = ...) -> None: ...

class Metadata(_message.Message):
    __slots__ = ("items",)
    class ItemsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.ScalarMap[str, str]
    def __init__(self, items: _Optional[_Mapping[str, str]] = ...) -> None: ...

class RenewRequest(_message.Message):
    __slots__ = ("id", "telemetry", "unwell", "version", "capabilities", "labels", "metadata")
    ID_FIELD_NUMBER: _ClassVar[int]
    TELEMETRY_FIELD_NUMBER: _ClassVar[int]
    UNWELL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    id: str
    telemetry: Telemetry
    unwell: bool
    version: str
    capabilities: Words
    labels: Words
    metadata: Metadata
    def __init__(self, id: _Optional[str] = ..., telemetry: _Optional[_Union[Telemetry, _Mapping]] = ..., unwell: _Optional[bool] = ..., version: _Optional[str] = ..., capabilities: _Optional[_Union[Words, _Mapping]] = ..., labels: _Optional[_Union[Words, _Mapping]] = ..., metadata: _Optional[_Union[Metadata, _Mapping]] = ...) -> None: ...

class RenewReply(_message.Message):
    __slots__ = ("id", "state", "lease_seconds")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LEASE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    id: str
    state: State
    lease_seconds: float
    def __init__(self, id: _Optional[str] = ..., state: _Optional[_Union[State, str]] = ..., lease_seconds: _Optional[float] = ...) -> None: ...

class InstanceId(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class Query(_message.Message):
    __slots__ = ("kind", "capabilities", "labels", "text", "states", "node_id", "near", "top", "workload")
    KIND_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    NEAR_FIELD_NUMBER: _ClassVar[int]
    TOP_FIELD_NUMBER: _ClassVar[int]
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    kind: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    labels: _containers.RepeatedScalarFieldContainer[str]
    text: str
    states: _containers.RepeatedScalarFieldContainer[State]
    node_id: str
    near: str
    top: int
    workload: Workload
    def __init__(self, kind: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ..., labels: _Optional[_Iterable[str]] = ..., text: _Optional[str] = ..., states: _Optional[_Iterable[_Union[State, str]]] = ..., node_id: _Optional[str] = ..., near: _Optional[str] = ..., top: _Optional[int] = ..., workload: _Optional[_Union[Workload, str]] = ...) -> None: ...

class Instance(_message.Message):
    __slots__ = ("id", "kind", "name", "owner", "node_id", "url", "address", "port", "version", "capabilities", "labels", "metadata", "state", "lease_seconds", "registered_at", "seen_at", "telemetry")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LEASE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    REGISTERED_AT_FIELD_NUMBER: _ClassVar[int]
    SEEN_AT_FIELD_NUMBER: _ClassVar[int]
    TELEMETRY_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: str
    name: str
    owner: str
    node_id: str
    url: str
    address: str
    port: int
    version: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    labels: _containers.RepeatedScalarFieldContainer[str]
    metadata: _containers.ScalarMap[str, str]
    state: State
    lease_seconds: float
    registered_at: float
    seen_at: float
    telemetry: Telemetry
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[str] = ..., name: _Optional[str] = ..., owner: _Optional[str] = ..., node_id: _Optional[str] = ..., url: _Optional[str] = ..., address: _Optional[str] = ..., port: _Optional[int] = ..., version: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ..., labels: _Optional[_Iterable[str]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., state: _Optional[_Union[State, str]] = ..., lease_seconds: _Optional[float] = ..., registered_at: _Optional[float] = ..., seen_at: _Optional[float] = ..., telemetry: _Optional[_Union[Telemetry, _Mapping]] = ...) -> None: ...

class Instances(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Instance]
    def __init__(self, items: _Optional[_Iterable[_Union[Instance, _Mapping]]] = ...) -> None: ...

class Score(_message.Message):
    __slots__ = ("health", "trail", "telemetry", "total")
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    TRAIL_FIELD_NUMBER: _ClassVar[int]
    TELEMETRY_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    health: float
    trail: float
    telemetry: float
    total: float
    def __init__(self, health: _Optional[float] = ..., trail: _Optional[float] = ..., telemetry: _Optional[float] = ..., total: _Optional[float] = ...) -> None: ...

class Ranked(_message.Message):
    __slots__ = ("instance", "score")
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    instance: Instance
    score: Score
    def __init__(self, instance: _Optional[_Union[Instance, _Mapping]] = ..., score: _Optional[_Union[Score, _Mapping]] = ...) -> None: ...

class Found(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Ranked]
    def __init__(self, items: _Optional[_Iterable[_Union[Ranked, _Mapping]]] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("kind", "after")
    KIND_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    kind: str
    after: str
    def __init__(self, kind: _Optional[str] = ..., after: _Optional[str] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("number", "cursor", "what", "instance")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    number: int
    cursor: str
    what: What
    instance: Instance
    def __init__(self, number: _Optional[int] = ..., cursor: _Optional[str] = ..., what: _Optional[_Union[What, str]] = ..., instance: _Optional[_Union[Instance, _Mapping]] = ...) -> None: ...

class Changes(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Change]
    def __init__(self, items: _Optional[_Iterable[_Union[Change, _Mapping]]] = ...) -> None: ...

class MarkRequest(_message.Message):
    __slots__ = ("id", "ok")
    ID_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    id: str
    ok: bool
    def __init__(self, id: _Optional[str] = ..., ok: _Optional[bool] = ...) -> None: ...

class Marked(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
