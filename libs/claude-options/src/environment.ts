/**
 * Which variables of its environment Claude Code and what it starts have a use for: their place on this machine, the way
 * to the model (also by Bedrock, Vertex, Foundry and proxies), and Claude Code's own. What is not listed stays away from
 * its tools: passwords, tokens and addresses of other services.
 */

const PLACE =
  'PATH|HOME|USER|LOGNAME|SHELL|PWD|TZ|TERM|COLORTERM|NO_COLOR|FORCE_COLOR|TMPDIR|TMP|TEMP|EDITOR|LANG|LANGUAGE|LC_\\w+|XDG_\\w+';
const WINDOWS =
  'SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|USERPROFILE|APPDATA|LOCALAPPDATA|PROGRAMDATA|PROGRAMFILES|HOMEDRIVE|HOMEPATH';
const NETWORK =
  'HTTPS?_PROXY|NO_PROXY|ALL_PROXY|NODE_EXTRA_CA_CERTS|NODE_USE_SYSTEM_CA|SSL_CERT_FILE|SSL_CERT_DIR';
const CLOUDS =
  'AWS_\\w+|GOOGLE_\\w+|GCLOUD_PROJECT|CLOUDSDK_\\w+|CLOUD_ML_REGION|VERTEX_REGION_\\w+|AZURE_\\w+';
const CLAUDE_CODE =
  'ANTHROPIC_\\w+|CLAUDE_\\w+|DISABLE_\\w+|ENABLE_\\w+|MAX_\\w+|MCP_(TOOL_)?TIMEOUT|BASH_(DEFAULT|MAX)_\\w+|OTEL_\\w+|USE_BUILTIN_RIPGREP|IS_SANDBOX';

const KNOWN = new RegExp(`^(${[PLACE, WINDOWS, NETWORK, CLOUDS, CLAUDE_CODE].join('|')})$`, 'i');

/** Whether a variable may reach Claude Code without being named by the operator. */
export function isClaudeVariable(name: string): boolean {
  return KNOWN.test(name);
}
