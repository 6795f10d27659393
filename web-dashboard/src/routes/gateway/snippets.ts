/** How programs are pointed at the gateway. Pure. Code is the same in every language. */
import type { Key } from '../../i18n/index.ts'

export const CLIENTS = {
  curl: 'gateway.client.curl',
  ollama: 'gateway.client.ollama',
  openai: 'gateway.client.openai',
  anthropic: 'gateway.client.anthropic',
  webui: 'gateway.client.webui',
} as const satisfies Record<string, Key>

export type Client = keyof typeof CLIENTS

/** Stands where a key of one's own goes. */
const KEY = 'cai_...'

/** What is typed or written for `client`. `gateway` is an address without a path. */
export function snippet(client: Client, gateway: string, model: string): string {
  switch (client) {
    case 'curl':
      return [
        `curl ${gateway}/v1/chat/completions \\`,
        `  -H "Authorization: Bearer ${KEY}" \\`,
        `  -H "Content-Type: application/json" \\`,
        `  -d '${JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] })}'`,
      ].join('\n')
    case 'ollama':
      return [`export OLLAMA_HOST=${gateway}`, `export OLLAMA_API_KEY=${KEY}`, `ollama run ${model}`].join(
        '\n',
      )
    case 'openai':
      return [
        'from openai import OpenAI',
        '',
        `client = OpenAI(base_url="${gateway}/v1", api_key="${KEY}")`,
        'answer = client.chat.completions.create(',
        `    model="${model}",`,
        '    messages=[{"role": "user", "content": "Hello"}],',
        ')',
        'print(answer.choices[0].message.content)',
      ].join('\n')
    case 'anthropic':
      return [
        `export ANTHROPIC_BASE_URL=${gateway}`,
        `export ANTHROPIC_AUTH_TOKEN=${KEY}`,
        `export ANTHROPIC_MODEL=${model}`,
      ].join('\n')
    case 'webui':
      return [
        `OLLAMA_BASE_URLS=${gateway}`,
        `OLLAMA_API_CONFIGS={"0": {"key": "${KEY}", "headers": {"X-Cluster-Task": "{{TASK}}"}}}`,
        'ENABLE_FORWARD_USER_INFO_HEADERS=true',
        'ENABLE_PERSISTENT_CONFIG=false',
      ].join('\n')
  }
}
