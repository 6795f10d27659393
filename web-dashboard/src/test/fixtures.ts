/** Pictures of clusters, typed by the API's own description. */
import type { Energy, Machine, Me, Node, Overview, Part, Power, Worker } from '../api/types.ts'

export function me(change: Partial<Me['user']> = {}): Me {
  return { csrf: 'token', user: { id: '1', name: 'admin', role: 'admin', password_chosen: true, ...change } }
}

export function node(change: Partial<Node> = {}): Node {
  return {
    name: 'embedded',
    url: 'http://127.0.0.1:11436/',
    kind: 'embedded',
    state: 'healthy',
    breaker: 'closed',
    version: '0.1.0',
    inflight: 0,
    served: 12,
    failed: 0,
    ttft_seconds: 0.18,
    tokens_per_second: 58.2,
    last_seen_seconds: 0.4,
    last_error: '',
    draining: false,
    models: [],
    ...change,
  }
}

export function machine(change: Partial<Machine> = {}): Machine {
  return {
    id: '01928d2f-0000-7000-8000-000000000001',
    name: 'tower',
    state: 'healthy',
    labels: ['gpu'],
    cordoned: false,
    draining: false,
    drained: false,
    addresses: ['192.168.1.20'],
    port: 11437,
    joined_at: 1,
    joined_by: 'admin',
    seen_seconds: 0.4,
    last_seen_at: 1,
    skew_seconds: 0,
    reachable: true,
    unreachable_because: '',
    certificate_until: 2,
    version: '0.1.0',
    inventory: { hostname: 'tower', memory: 16 * 1024 ** 3, gpus: [] },
    gauges: { busy: 0.25, memory_used: 4 * 1024 ** 3 },
    services: [{ kind: 'ollama', name: 'ollama', port: 11434, version: '0.33.0', healthy: true, why: '' }],
    models: [],
    orders: [],
    inflight: 0,
    ...change,
  } as Machine
}

export function energy(change: Partial<Energy> = {}): Energy {
  return {
    watt_hours: 0,
    measured_seconds: 0,
    cost: null,
    output_tokens: 0,
    tokens_per_watt_hour: null,
    cost_of_a_million: null,
    ...change,
  }
}

/** Of a cluster in which nobody tells. */
export function power(change: Partial<Power> = {}): Power {
  return {
    first: '2027-01-01',
    last: '2027-01-03',
    price_per_kwh: null,
    currency: '',
    watts: null,
    today: energy(),
    total: energy(),
    machines: [],
    days: [],
    untold: [],
    ...change,
  }
}

export function worker(change: Partial<Worker> = {}): Worker {
  return {
    name: 'worker-0',
    address: 'tcp://127.0.0.1:9001',
    host: '127.0.0.1',
    threads: 1,
    memory_limit: 1024 ** 3,
    paused: false,
    memory: 1024 ** 2 * 256,
    cpu: 12,
    executing: 1,
    ready: 2,
    in_memory: 3,
    last_seen_seconds: 0.2,
    ...change,
  }
}

export function part(change: Partial<Part> = {}): Part {
  return {
    name: 'gateway',
    state: 'ready',
    pid: 10,
    port: 11435,
    url: '',
    uptime_seconds: 60,
    restarts: 0,
    replacing: false,
    last_exit: '',
    error: '',
    log: '',
    ...change,
  }
}

export function overview(change: Partial<Overview> = {}): Overview {
  return {
    at: 1000,
    system: {
      name: 'attic',
      version: '0.1.0',
      uptime_seconds: 3600,
      endpoints: {
        api: 'http://localhost:8000',
        gateway: 'http://localhost:11435',
        dask_dashboard: 'http://127.0.0.1:8787/status',
      },
      host: {
        hostname: 'box',
        cores: 2,
        cpu: 20,
        memory_total: 8 * 1024 ** 3,
        memory_used: 2 * 1024 ** 3,
        disk_total: 100 * 1024 ** 3,
        disk_used: 50 * 1024 ** 3,
      },
      parts: [part()],
      problems: [],
    },
    rates: {
      requests_per_second: 1.5,
      tokens_per_second: 80,
      errors_per_second: 0,
      inflight: 1,
      requests_total: 5,
      errors_total: 0,
      output_tokens_total: 400,
    },
    nodes: [node()],
    models: [
      {
        name: 'smollm2:135m',
        size: 91_000_000,
        family: 'llama',
        parameter_size: '135M',
        quantization: 'Q4_1',
        capabilities: ['completion'],
        nodes: ['embedded'],
        loaded_on: ['embedded'],
      },
    ],
    compute: {
      reachable: true,
      address: 'tcp://127.0.0.1:8786',
      error: '',
      dashboard: '',
      workers: [worker()],
      tasks: [{ prefix: 'count_words', waiting: 4, processing: 1, finished: 5, erred: 0 }],
      notices: [],
      refused: [],
      started_at: 1,
      here: { workers: 1, threads: 1, memory: 1024 ** 3, why_none: '' },
    },
    gateway_reachable: true,
    ...change,
  }
}
