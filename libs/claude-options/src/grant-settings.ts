/** The variables by which an operator grants what `./grants` judges: gateways and claude-api read the same. */
import { flag, listOf, setting } from '@cc-executor/runtime';
import { grantableSettings } from './grants.ts';
import { isSourceRule } from './sources.ts';

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
  sources: setting({
    env: 'CLAUDE_SOURCES',
    schema: listOf()
      .refine((rules) => rules.every(isSourceRule), { error: 'has something else in it' })
      .describe('addresses separated by commas, such as https://github.com/acme, or https://*'),
    default: [],
    defaultText: 'empty: none',
    description:
      'Ceiling: what a job may begin from (from): repositories and archives at or below these addresses. A host that is named may have any address, also a private one, and http is for hosts that are named so; https://* is every public host. The same for gateways and claude-api.',
    example: 'https://github.com/acme',
  }),
};
