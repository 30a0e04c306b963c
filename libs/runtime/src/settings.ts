/** What reads an app's settings, for one that must not wait for a logger to be loaded. */
export { ConfigError, loadConfig } from './config.ts';
export { editDistance } from './edit-distance.ts';
export { namesLoopback } from './loopback.ts';
export { setting } from './setting.ts';
export { keysSettings } from './shared-settings.ts';
export { durationMs, text, urlText } from './values.ts';
