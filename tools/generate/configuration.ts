/**
 * docs/configuration.md: the settings of each app that has a src/config.ts, and of `npm start`.
 * Such a file exports `appName`, `settings` and, where there is something to say first, `intro`.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describeSettings, type SettingRow, type Settings } from '@cc-executor/runtime';

type AppConfig = {
  readonly appName: string;
  readonly settings: Settings;
  readonly intro?: string;
};

/** In the order in which a reader meets them; an app that is not named comes after these. */
const ORDER = ['gateway', 'worker', 'claude-api', 'dashboard', 'cli'];

/** It has an environment of its own, beside that of the command. */
const UP = 'cli/src/up/settings.ts';

const HEAD = `# Configuration

<!-- Generated from apps/*/src/config.ts and apps/cli/src/up/settings.ts by \`npm run generate\`. Do not edit. -->

Every app reads environment variables and nothing else. An empty variable counts as unset. All faults are
reported at once, on standard error, and the app exits with 78; a variable that begins like the app's own
ones but is not known is a fault too.

A secret \`X\` can be given as \`X_FILE\`, the path of a file that holds the value. Durations are milliseconds,
or a number with \`ms\`, \`s\`, \`m\`, \`h\` or \`d\`.
`;

/** The file by path. */
export async function generateConfiguration(root: string): Promise<Map<string, string>> {
  const apps = await loadApps(join(root, 'apps'));
  return new Map([['docs/configuration.md', [HEAD, ...apps.map(renderApp)].join('\n')]]);
}

/** One app's section. */
export function renderApp({ appName, settings, intro }: AppConfig): string {
  const rows = describeSettings(settings).map(renderRow);
  const table = ['| variable | accepts | default | meaning |', '| --- | --- | --- | --- |', ...rows].join(
    '\n',
  );
  return `## ${appName}\n\n${intro === undefined ? '' : `${intro.trim()}\n\n`}${table}\n`;
}

async function loadApps(folder: string): Promise<AppConfig[]> {
  const rank = (name: string) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  const names = readdirSync(folder).sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  const files = names
    .map((name) => join(folder, name, 'src', 'config.ts'))
    .filter((file) => existsSync(file));
  return Promise.all([...files, join(folder, UP)].map(loadApp));
}

async function loadApp(file: string): Promise<AppConfig> {
  const loaded = (await import(pathToFileURL(file).href)) as Partial<AppConfig>;
  const { appName, settings, intro } = loaded;
  if (appName === undefined || settings === undefined) {
    throw new Error(`${file} must export appName and settings`);
  }
  return { appName, settings, ...(intro !== undefined && { intro }) };
}

function renderRow(row: SettingRow): string {
  const name = `\`${row.env}\`${row.secret ? ' (secret)' : ''}`;
  const example = row.example === undefined ? '' : ` Example: \`${row.example}\`.`;
  const cells = [name, shorten(row.expected), renderDefault(row), `${row.description}${example}`];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ')).join(' | ')} |`;
}

function renderDefault(row: SettingRow): string {
  if (row.required) return '**required**';
  if (row.defaultText !== undefined) return row.defaultText;
  if (row.default === undefined) return '';
  if (row.default === '') return '(empty)';
  return `\`${isDuration(row) && /^\d+$/.test(row.default) ? formatDuration(Number(row.default)) : row.default}\``;
}

/** The head of the file says once what durations look like. */
function shorten(expected: string): string {
  return expected.startsWith('a duration') ? 'a duration' : expected;
}

function isDuration(row: SettingRow): boolean {
  return row.expected.startsWith('a duration');
}

/** The duration in the largest unit that divides it. */
export function formatDuration(ms: number): string {
  const units = { h: 3_600_000, m: 60_000, s: 1000 };
  const unit = Object.entries(units).find(([, size]) => ms >= size && ms % size === 0);
  return unit === undefined ? `${ms}ms` : `${ms / unit[1]}${unit[0]}`;
}
