from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TicketId(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("plan_id", "intent_id", "status", "priority", "type", "cursor", "limit")
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    INTENT_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    plan_id: str
    intent_id: str
    status: str
    priority: str
    type: str
    cursor: str
    limit: int
    def __init__(self, plan_id: _Optional[str] = ..., intent_id: _Optional[str] = ..., status: _Optional[str] = ..., priority: _Optional[str] = ..., type: _Optional[str] = ..., cursor: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class TicketPage(_message.Message):
    __slots__ = ("items", "next")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Ticket]
    next: str
    def __init__(self, items: _Optional[_Iterable[_Union[Ticket, _Mapping]]] = ..., next: _Optional[str] = ...) -> None: ...

class UpdateStatusRequest(_message.Message):
    __slots__ = ("id", "status", "reason", "revision")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    id: str
    status: str
    reason: str
    revision: int
    def __init__(self, id: _Optional[str] = ..., status: _Optional[str] = ..., reason: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class Token(_message.Message):
    __slots__ = ("token", "expires_at")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    token: str
    expires_at: float
    def __init__(self, token: _Optional[str] = ..., expires_at: _Optional[float] = ...) -> None: ...

class Ticket(_message.Message):
    __slots__ = ("ticket_id", "plan_id", "intent_id", "decision_id", "correlation_id", "trace_id", "span_id", "task_id", "task_type", "description", "depends_on", "status", "priority", "risk_band", "security_level", "priority_score", "sla_deadline", "sla_timeout_ms", "sla_max_retries", "qos_delivery_mode", "qos_consistency", "qos_durability", "template_id", "parameters_json", "required_capabilities", "resources", "allocated_agent_id", "webhook_url", "owner", "attempt", "retry_count", "progress", "error_code", "error_message", "estimated_duration_ms", "actual_duration_ms", "compensation_json", "result_json", "result_sha256", "result_bytes", "metadata", "created_at", "updated_at", "started_at", "completed_at", "schema_version", "hash", "revision", "can")
    class ResourcesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TICKET_ID_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    INTENT_ID_FIELD_NUMBER: _ClassVar[int]
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_TYPE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    DEPENDS_ON_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    RISK_BAND_FIELD_NUMBER: _ClassVar[int]
    SECURITY_LEVEL_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_SCORE_FIELD_NUMBER: _ClassVar[int]
    SLA_DEADLINE_FIELD_NUMBER: _ClassVar[int]
    SLA_TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    SLA_MAX_RETRIES_FIELD_NUMBER: _ClassVar[int]
    QOS_DELIVERY_MODE_FIELD_NUMBER: _ClassVar[int]
    QOS_CONSISTENCY_FIELD_NUMBER: _ClassVar[int]
    QOS_DURABILITY_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_JSON_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    ALLOCATED_AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_URL_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    RETRY_COUNT_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    ACTUAL_DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    COMPENSATION_JSON_FIELD_NUMBER: _ClassVar[int]
    RESULT_JSON_FIELD_NUMBER: _ClassVar[int]
    RESULT_SHA256_FIELD_NUMBER: _ClassVar[int]
    RESULT_BYTES_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_AT_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CAN_FIELD_NUMBER: _ClassVar[int]
    ticket_id: str
    plan_id: str
    intent_id: str
    decision_id: str
    correlation_id: str
    trace_id: str
    span_id: str
    task_id: str
    task_type: str
    description: str
    depends_on: _containers.RepeatedScalarFieldContainer[str]
    status: str
    priority: str
    risk_band: str
    security_level: str
    priority_score: float
    sla_deadline: float
    sla_timeout_ms: int
    sla_max_retries: int
    qos_delivery_mode: str
    qos_consistency: str
    qos_durability: str
    template_id: str
    parameters_json: str
    required_capabilities: _containers.RepeatedScalarFieldContainer[str]
    resources: _containers.ScalarMap[str, float]
    allocated_agent_id: str
    webhook_url: str
    owner: str
    attempt: int
    retry_count: int
    progress: float
    error_code: str
    error_message: str
    estimated_duration_ms: int
    actual_duration_ms: int
    compensation_json: str
    result_json: str
    result_sha256: str
    result_bytes: int
    metadata: _containers.ScalarMap[str, str]
    created_at: float
    updated_at: float
    started_at: float
    completed_at: float
    schema_version: int
    hash: str
    revision: int
    can: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ticket_id: _Optional[str] = ..., plan_id: _Optional[str] = ..., intent_id: _Optional[str] = ..., decision_id: _Optional[str] = ..., correlation_id: _Optional[str] = ..., trace_id: _Optional[str] = ..., span_id: _Optional[str] = ..., task_id: _Optional[str] = ..., task_type: _Optional[str] = ..., description: _Optional[str] = ..., depends_on: _Optional[_Iterable[str]] = ..., status: _Optional[str] = ..., priority: _Optional[str] = ..., risk_band: _Optional[str] = ..., security_level: _Optional[str] = ..., priority_score: _Optional[float] = ..., sla_deadline: _Optional[float] = ..., sla_timeout_ms: _Optional[int] = ..., sla_max_retries: _Optional[int] = ..., qos_delivery_mode: _Optional[str] = ..., qos_consistency: _Optional[str] = ..., qos_durability: _Optional[str] = ..., template_id: _Optional[str] = ..., parameters_json: _Optional[str] = ..., required_capabilities: _Optional[_Iterable[str]] = ..., resources: _Optional[_Mapping[str, float]] = ..., allocated_agent_id: _Optional[str] = ..., webhook_url: _Optional[str] = ..., owner: _Optional[str] = ..., attempt: _Optional[int] = ..., retry_count: _Optional[int] = ..., progress: _Optional[float] = ..., error_code: _Optional[str] = ..., error_message: _Optional[str] = ..., estimated_duration_ms: _Optional[int] = ..., actual_duration_ms: _Optional[int] = ..., compensation_json: _Optional[str] = ..., result_json: _Optional[str] = ..., result_sha256: _Optional[str] = ..., result_bytes: _Optional[int] = ..., metadata: _Optional[_Mapping[str, str]] = ..., created_at: _Optional[float] = ..., updated_at: _Optional[float] = ..., started_at: _Optional[float] = ..., completed_at: _Optional[float] = ..., schema_version: _Optional[int] = ..., hash: _Optional[str] = ..., revision: _Optional[int] = ..., can: _Optional[_Iterable[str]] = ...) -> None: ...
