/**
 * What one execution may see: its own workspace and folders, and what its request names of the operator's; not what belongs
 * to other executions, to conversations, or to this service. Nothing else of the file system is touched.
 */
import { readdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import type { Environment } from './cli-environment.ts';
import { settings } from './config.ts';
import { conversationStoreOf, OPERATOR_NAMES } from './conversation-folders.ts';
import { OF_TENANTS } from './mcp-configurations.ts';
import type { View } from './view.ts';

/** A stored login, and how those who renew it take turns. */
const LOGIN = /^\.(credentials\.json|oauth_refresh)/;
/** Beside the configuration folder where that is the usual one: what Claude Code remembers of all projects. */
const MEMORY = ['.claude.json', '.claude.json.backup'];

export type ViewOptions = {
  /** The operator's. */
  readonly configFolder: string;
  /** Of these nothing is to be seen but what an execution is shown. */
  readonly folders: readonly (string | undefined)[];
  /** Of its configurations only those that an execution is shown are to be seen; programs beside them are. */
  readonly mcpFolder: string | undefined;
  /** Whether there are executions whose Claude Code is to find the login that is stored in the configuration folder. */
  readonly sharesLogin: boolean;
  readonly environment: Environment;
  /** Further ones that the operator names. */
  readonly hiddenPaths: readonly string[];
};

export type ExecutionViews = {
  /**
   * Makes the view of one execution.
   *
   * @param shown what is its own, or meant for it
   * @param keepsLogin whether the stored login is
   */
  viewOf(shown: readonly string[], keepsLogin: boolean): Promise<View>;
  /** What views are there to hide, but for the operator's own. */
  readonly guarded: readonly string[];
};

export function createExecutionViews(options: ViewOptions): ExecutionViews {
  const { configFolder, mcpFolder, sharesLogin, environment } = options;
  const operators = OPERATOR_NAMES.map((name) => join(configFolder, name));
  const guarded = [
    ...options.folders.filter((folder) => folder !== undefined).map((folder) => resolve(folder)),
    ...secretFiles(environment),
    ...options.hiddenPaths.map((path) => resolve(path)),
  ];
  const hidden = [...guarded, ...MEMORY.map((name) => join(environment.HOME ?? homedir(), name))];
  const root = process.getuid?.() === 0 ? waysOutForRoot() : { hidden: [], readOnly: [] };

  async function viewOf(shown: readonly string[], keepsLogin: boolean): Promise<View> {
    const configurations = mcpFolder === undefined ? [] : await pathsIn(mcpFolder);
    const others = configurations.filter(
      (path) => basename(path) === OF_TENANTS || (path.endsWith('.json') && !shown.includes(path)),
    );
    const kept = keepsLogin ? await allButLogin(configFolder) : [configFolder];
    return {
      hidden: [...hidden, ...root.hidden, ...others, ...kept],
      shown,
      readOnly: [...operators, ...root.readOnly],
    };
  }

  const conversations = sharesLogin ? conversationStoreOf(configFolder) : configFolder;
  return { viewOf, guarded: [...guarded, conversations] };
}

/** The folder itself must be there: a login is renewed by a file that takes the place of the former one. */
async function allButLogin(configFolder: string): Promise<string[]> {
  const paths = await pathsIn(configFolder);
  return paths.filter((path) => !LOGIN.test(basename(path)) && !OPERATOR_NAMES.includes(basename(path)));
}

/** None when there is no such folder. */
async function pathsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names.map((name) => join(folder, name));
}

/** From which this service was told secrets. */
function secretFiles(environment: Environment): string[] {
  return Object.values(settings)
    .filter(({ secret }) => secret === true)
    .map(({ env }) => environment[`${env}_FILE`])
    .filter((path) => path !== undefined)
    .filter((path) => path !== '');
}

/** What belongs to root may be opened by root's programs whatever they are forbidden: disks, and the kernel's settings. */
function waysOutForRoot(): { hidden: string[]; readOnly: string[] } {
  const disks = readdirSync('/dev', { withFileTypes: true }).filter((entry) => entry.isBlockDevice());
  return {
    hidden: disks.map(({ name }) => join('/dev', name)),
    readOnly: ['/proc/sys', '/proc/sysrq-trigger', '/sys'],
  };
}
