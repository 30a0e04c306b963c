/** Reads the `init` line: what Claude Code says of itself before it begins. Bounded, whatever servers call their tools. */
import type { McpServer, StreamEvent } from './stream-event.ts';
import { isObject, type JsonObject, stringOf } from './stream-line.ts';

const MAX_TOOLS = 200;
const MAX_SERVERS = 50;
const MAX_NAME_LENGTH = 200;

export function readSession(line: JsonObject): Extract<StreamEvent, { type: 'session' }> {
  const known = {
    model: nameOf(line.model),
    cwd: stringOf(line.cwd),
    version: nameOf(line.claude_code_version),
    tools: readTools(line.tools),
    mcpServers: readServers(line.mcp_servers),
    keySource: nameOf(line.apiKeySource),
  };
  return {
    type: 'session',
    sessionId: stringOf(line.session_id) ?? '',
    ...(Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)) as {
      [K in keyof typeof known]?: NonNullable<(typeof known)[K]>;
    }),
  };
}

function readTools(list: unknown): string[] | undefined {
  if (!Array.isArray(list)) return undefined;
  return list.flatMap((tool) => nameOf(tool) ?? []).slice(0, MAX_TOOLS);
}

function readServers(list: unknown): McpServer[] | undefined {
  if (!Array.isArray(list)) return undefined;
  const servers = list
    .filter(isObject)
    .map(({ name, status }) => ({ name: nameOf(name) ?? '', status: nameOf(status) ?? '' }));
  // Those that failed must not be the ones that are left out.
  return servers.toSorted((a, b) => Number(isUp(a)) - Number(isUp(b))).slice(0, MAX_SERVERS);
}

function isUp({ status }: McpServer): boolean {
  return status === 'connected';
}

function nameOf(value: unknown): string | undefined {
  return stringOf(value)?.slice(0, MAX_NAME_LENGTH);
}
