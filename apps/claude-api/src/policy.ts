/**
 * The operator's word on requests: what holds for those that do not say otherwise, and how far they may go.
 * Pure but for directories and MCP files, which are looked up. Every ceiling that is passed is named at once, by the
 * variable that sets it.
 */
import { realpathSync, statSync } from 'node:fs';
import { sep } from 'node:path';
import { type Ceiling, type ClaudeOptions, findUngranted, type Grants } from '@cc-executor/claude-options';
import type { ExecutionRequest } from './engine.ts';
import { findMcpConfiguration } from './mcp-configurations.ts';
import type { ExecuteBody } from './request-schema.ts';

export type Policy = Grants & {
  readonly model: string | undefined;
  readonly fallbackModel: string | undefined;
  /** Empty: any. The first is the default when there is no other. */
  readonly models: readonly string[];
  readonly permissionMode: string;
  readonly permissionModes: readonly string[];
  /** Built-in tools that there are; undefined: all of Claude Code's. */
  readonly tools: readonly string[] | undefined;
  readonly allowedTools: readonly string[];
  readonly disallowedTools: readonly string[];
  readonly allowToolOptions: boolean;
  /** Ceiling, and the value for requests that name none. */
  readonly maxTurns: number | undefined;
  readonly maxBudgetUsd: number | undefined;
  readonly effort: ClaudeOptions['effort'];
  readonly addDirRoots: readonly string[];
  readonly mcpFolder: string | undefined;
  readonly requestEnv: readonly string[];
};

export type PolicyRefusal = {
  readonly code: 'tool_options_refused' | 'beyond_ceiling';
  readonly message: string;
  /** The variables that set the ceilings. */
  readonly ceilings?: readonly Ceiling[];
};

type Options = Omit<ExecutionRequest, 'executionId' | 'tenant'>;

/** What a request comes to under the policy, or why it is refused. */
export function applyPolicy(
  body: ExecuteBody,
  policy: Policy,
  tenant: string,
): { options: Options } | PolicyRefusal {
  if (!policy.allowToolOptions && (body.allowedTools !== undefined || body.permissionMode !== undefined)) {
    const message = 'This server does not let requests choose allowedTools or permissionMode';
    return { code: 'tool_options_refused', message };
  }
  const passed = findUngranted(body, policy);
  const pass = (ceiling: Ceiling, message: string) => void passed.push([ceiling, message]);

  const models = [body.model, ...(body.fallbackModel?.split(',') ?? [])];
  for (const model of models) {
    if (model === undefined || policy.models.length === 0 || policy.models.includes(model)) continue;
    pass('CLAUDE_MODELS', `the model ${model} is not one of ${policy.models.join(', ')}`);
  }
  const { permissionMode = policy.permissionMode } = body;
  if (body.permissionMode !== undefined && !policy.permissionModes.includes(permissionMode)) {
    const modes = policy.permissionModes.join(', ');
    pass('CLAUDE_PERMISSION_MODES', `the permission mode ${permissionMode} is not one of ${modes}`);
  }
  for (const rule of body.allowedTools ?? []) {
    const tool = toolOf(rule);
    // What an MCP server offers is not built in: there are only the servers that mcpConfig names.
    const offered = policy.tools === undefined || tool.startsWith('mcp__') || policy.tools.includes(tool);
    if (!offered) pass('CLAUDE_TOOLS', `the tool ${tool} is not one of ${policy.tools?.join(', ')}`);
    if (policy.disallowedTools.includes(tool) || policy.disallowedTools.includes(rule)) {
      pass('CLAUDE_DISALLOWED_TOOLS', `the tool ${rule} is forbidden`);
    }
  }
  const { maxTurns = policy.maxTurns, maxBudgetUsd = policy.maxBudgetUsd } = body;
  if (beyond(maxTurns, policy.maxTurns)) {
    pass('CLAUDE_MAX_TURNS', `maxTurns may be at most ${policy.maxTurns}`);
  }
  if (beyond(maxBudgetUsd, policy.maxBudgetUsd)) {
    pass('CLAUDE_MAX_BUDGET_USD', `maxBudgetUsd may be at most ${policy.maxBudgetUsd}`);
  }
  const addDirs = (body.addDirs ?? []).map((path) => {
    const real = realDirectory(path);
    const below = real !== undefined && policy.addDirRoots.some((root) => isWithin(real, root));
    // The caller need not learn which directories exist elsewhere.
    if (!below) pass('CLAUDE_ADD_DIR_ROOTS', `${path} is not a directory below one of the configured roots`);
    return real ?? path;
  });
  const mcpConfig = [body.mcpConfig ?? []].flat().map((name) => {
    const { mcpFolder } = policy;
    const file = mcpFolder === undefined ? undefined : findMcpConfiguration(mcpFolder, tenant, name);
    if (file === undefined) pass('CLAUDE_MCP_FOLDER', `there is no MCP configuration with the name ${name}`);
    return file ?? name;
  });
  for (const name of Object.keys(body.env ?? {})) {
    if (!policy.requestEnv.includes(name)) {
      pass('CLAUDE_REQUEST_ENV', `requests may not set the variable ${name}`);
    }
  }

  if (passed.length > 0) {
    const message = passed.map(([ceiling, text]) => `${text} (${ceiling})`).join('; ');
    const ceilings = [...new Set(passed.map(([ceiling]) => ceiling))];
    return { code: 'beyond_ceiling', message: `Beyond what this server allows: ${message}`, ceilings };
  }
  const { executionId: _executionId, ...asked } = body;
  return {
    options: {
      ...asked,
      model: asked.model ?? policy.model ?? policy.models[0],
      fallbackModel: asked.fallbackModel ?? policy.fallbackModel,
      allowedTools: asked.allowedTools ?? policy.allowedTools,
      disallowedTools: [...policy.disallowedTools, ...(asked.disallowedTools ?? [])],
      permissionMode,
      maxTurns,
      maxBudgetUsd,
      effort: asked.effort ?? policy.effort,
      addDirs,
      mcpConfig,
      conversation: asked.conversation?.toLowerCase(),
    },
  };
}

/** `Bash` of `Bash(git log:*)`. */
export function toolOf(rule: string): string {
  return rule.split('(', 1)[0]!;
}

function beyond(value: number | undefined, ceiling: number | undefined): boolean {
  return value !== undefined && ceiling !== undefined && value > ceiling;
}

function isWithin(path: string, root: string): boolean {
  const real = realDirectory(root);
  return real !== undefined && (path === real || path.startsWith(real.endsWith(sep) ? real : real + sep));
}

/** Without symbolic links; undefined when it is no directory. */
function realDirectory(path: string): string | undefined {
  try {
    const real = realpathSync(path);
    return statSync(real).isDirectory() ? real : undefined;
  } catch {
    // It is missing, or hidden from us.
    return undefined;
  }
}
