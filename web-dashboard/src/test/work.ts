/** Pictures of plans, tickets and objectives, typed by the API's own description. */
import type {
  Budget,
  Freeze,
  FreezePolicy,
  Graph,
  GraphNode,
  HistoryEntry,
  Plan,
  Slo,
  Ticket,
} from '../api/types.ts'
import { FRESH } from '../routes/objectives/objectives.ts'

export const PLAN_ID = '0199aaaa-0000-7000-8000-000000000001'
export const ticketId = (n: number) => `0199bbbb-0000-7000-8000-${String(n).padStart(12, '0')}`

export function plan(change: Partial<Plan> = {}): Plan {
  return {
    plan_id: PLAN_ID,
    name: 'nightly',
    owner: 'ana',
    status: 'running',
    paused: false,
    failure_policy: 'FAIL_FAST',
    deadline: null,
    tickets: 20,
    open_tickets: 8,
    succeeded: 10,
    failed: 1,
    cancelled: 1,
    steps: {},
    error_code: '',
    error_message: '',
    replay_of: null,
    correlation_id: '',
    trace_id: '',
    intent_id: '',
    metadata: {},
    hash: '',
    revision: 3,
    created_at: 1_800_000_000,
    updated_at: 1_800_000_000,
    started_at: 1_800_000_000,
    finished_at: null,
    can: ['cancel', 'pause', 'replay'],
    ...change,
  }
}

export function node(change: Partial<GraphNode> = {}): GraphNode {
  return { id: 'make', ticket_id: ticketId(1), type: 'EXECUTE', status: 'succeeded', level: 0, ...change }
}

export function graph(change: Partial<Graph> = {}): Graph {
  return {
    nodes: [node(), node({ id: 'try', ticket_id: ticketId(2), type: 'TEST', status: 'running', level: 1 })],
    edges: [{ ticket: 'try', depends_on: 'make' }],
    critical_path: ['make', 'try'],
    critical_ms: 90_000,
    ...change,
  }
}

export function ticket(change: Partial<Ticket> = {}): Ticket {
  return {
    ticket_id: ticketId(2),
    plan_id: PLAN_ID,
    intent_id: '',
    decision_id: '',
    correlation_id: '',
    trace_id: '',
    span_id: '',
    task_id: 'try',
    task_type: 'TEST',
    description: '',
    depends_on: ['make'],
    status: 'running',
    priority: 'HIGH',
    risk_band: 'medium',
    security_level: 'INTERNAL',
    priority_score: 0.6,
    sla: { deadline: 1_800_001_600, timeout_ms: 300_000, max_retries: 3 },
    qos: { delivery_mode: 'AT_LEAST_ONCE', consistency: 'EVENTUAL', durability: 'PERSISTENT' },
    template_id: '',
    parameters: { argv: ['make'] },
    required_capabilities: [],
    resources: {},
    allocated_agent_id: 'worker-0',
    webhook_url: '',
    owner: 'ana',
    attempt: 1,
    retry_count: 0,
    losses: 0,
    progress: 0,
    note: '',
    cancel_requested: false,
    error_code: '',
    error_message: '',
    estimated_duration_ms: null,
    actual_duration_ms: null,
    compensation: null,
    result: null,
    result_uri: '',
    result_sha256: '',
    result_bytes: 0,
    artefacts: [],
    metadata: {},
    preemptible: false,
    idempotency_key: '',
    created_at: 1_800_000_000,
    updated_at: 1_800_000_000,
    started_at: null,
    completed_at: null,
    schema_version: 1,
    hash: '',
    revision: 5,
    can: ['cancel', 'hold'],
    ...change,
  } as Ticket
}

export function entry(change: Partial<HistoryEntry> = {}): HistoryEntry {
  return {
    seq: 1,
    at: 1_800_000_000,
    type: 'created',
    actor: 'ana',
    from_state: '',
    to_state: 'waiting',
    prev_hash: '0'.repeat(64),
    hash: 'a'.repeat(64),
    data: {},
    ...change,
  }
}

export function slo(change: Partial<Slo> = {}, objective: Partial<Slo['objective']> = {}): Slo {
  return {
    slo_id: 'chat',
    created_at: 1,
    updated_at: 1,
    origin: '',
    warnings: [],
    ...change,
    objective: { ...FRESH, name: 'Chats are answered', target: 0.999, ...objective },
  }
}

export function budget(change: Partial<Budget> = {}): Budget {
  return {
    slo_id: 'chat',
    service_name: 'gateway',
    target: 0.999,
    status: 'CRITICAL',
    remaining: 0.082,
    consumed: 110,
    total: 120,
    sli_value: 0.9985,
    violations: 0,
    pace: 'FAST',
    exhausted_in_seconds: 29_100,
    calculated_at: 1_800_000_000,
    burn_rates: [
      { window_seconds: 300, burn_rate: 7.3, eaten: null, good: 990, valid: 1000 },
      { window_seconds: 3600, burn_rate: 6.2, eaten: null, good: 990, valid: 1000 },
    ],
    alerts: [
      {
        long_seconds: 3600,
        short_seconds: 300,
        factor: 6,
        severity: 'page',
        fires: true,
        can_fire: true,
      },
    ],
    ...change,
  }
}

export function freeze(change: Partial<Freeze> = {}): Freeze {
  return {
    event_id: '0199cccc-0000-7000-8000-000000000001',
    policy_id: 'careful',
    policy_name: 'careful',
    slo_id: 'chat',
    scope: 'SERVICE',
    target: 'gateway',
    actions: ['BLOCK_PULL'],
    reason: 'chat has 8.2% of its error budget left',
    remaining: 0.082,
    triggered_at: 1_800_000_000,
    not_before: 1_800_000_900,
    active: true,
    resolved_at: null,
    resolved_by: '',
    resolution: '',
    overrides: [],
    ...change,
  }
}

export function policy(): FreezePolicy {
  return {
    policy_id: 'careful',
    created_at: 1,
    updated_at: 1,
    origin: '',
    policy: { name: 'careful', actions: ['BLOCK_PULL'], scope: 'SERVICE', target: 'gateway' },
  } as FreezePolicy
}
