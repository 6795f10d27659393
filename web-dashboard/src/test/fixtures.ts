/** Pictures of clusters, typed by the API's own description. */
import type { Me, Node, Overview, Part, Worker } from '../api/types.ts'

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
    models: [],
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
    },
    gateway_reachable: true,
    ...change,
  }
}
