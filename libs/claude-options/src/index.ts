/** What may be asked of Claude Code: names, kinds and words. The schemas stand apart, in `./schema`. */
export { isClaudeVariable } from './environment.ts';
export { findUngranted, type Grants } from './grants.ts';
export { describeKind, type FileValue, type Kind, type SourceValue } from './kinds.ts';
export {
  type Ceiling,
  type ClaudeOption,
  type ClaudeOptions,
  claudeOptions,
  type OptionName,
  optionNames,
} from './options.ts';
