/** The variables by which an operator grants what `./grants` judges: gateways and claude-api read the same. */
import { flag, listOf, setting } from '@cc-executor/runtime';
import { grantableSettings } from './grants.ts';

export const grantSettings = {
  allowSystemPrompt: setting({
    env: 'CLAUDE_ALLOW_SYSTEM_PROMPT',
    schema: flag(),
    default: false,
    description:
      "Whether a request may replace Claude Code's system prompt (systemPrompt); it may always append to it. The same for gateways and claude-api.",
  }),
  requestSettings: setting({
    env: 'CLAUDE_REQUEST_SETTINGS',
    schema: listOf()
      .refine((names) => names.every((name) => grantableSettings.includes(name)), {
        error: 'names a setting that no request may make',
      })
      .describe(`names separated by commas, of ${grantableSettings.join(', ')}`),
    default: [],
    defaultText: 'empty: none',
    description:
      'Ceiling: the settings of Claude Code that a request may make (settings). The same for gateways and claude-api.',
    example: 'language,outputStyle',
  }),
};
