/**
 * Folders of each conversation's own: Claude Code's configuration folder, of which the transcripts are kept, and one for
 * temporary files. So no execution finds what belongs to another in its own. Those of a tenant are in a folder of its own;
 * of the default one, beside these. The operator's settings are linked into the
 * first; a login stays where it is, shared, so that whoever renews it renews it for all.
 */
import { mkdir, readdir, realpath, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { tenantFolder } from './tenants.ts';
import { findTranscript } from './transcripts.ts';

/** What an operator may have put into the configuration folder for all executions. */
export const OPERATOR_NAMES: readonly string[] = [
  'settings.json',
  'CLAUDE.md',
  'agents',
  'commands',
  'output-styles',
  'plugins',
  'rules',
  'skills',
];
/** As long as Claude Code itself keeps them (`cleanupPeriodDays`). */
const KEPT_MS = 30 * 24 * 60 * 60_000;
const TRANSCRIPTS = 'projects';
/** Beside conversations, whose names are UUIDs. */
const TENANTS = 'tenants';

export type ConversationFolders = {
  /** The configuration folder of a conversation, whether or not it is there. */
  configOf(tenant: string, conversation: string): string;
  /** Whether or not it is there. */
  temporaryOf(conversation: string): string;
  /** Makes both. Where the configuration folder cannot be kept, there is one for this run only. */
  open(tenant: string, conversation: string): Promise<void>;
  /** Whether the transcripts of an open one will still be there when it is closed. */
  keeps(tenant: string, conversation: string): boolean;
  /** Removes all but transcripts. Never rejects. */
  close(tenant: string, conversation: string): Promise<void>;
  /** Removes what has not been used for thirty days. Never rejects. */
  forgetOld(): Promise<void>;
};

/** Where all conversations' configuration folders are, below the operator's. */
export function conversationStoreOf(configFolder: string): string {
  return join(configFolder, 'cc-executor');
}

/**
 * @param options.configFolder the operator's own
 * @param options.workDir where what is not kept is
 */
export function createConversationFolders(options: {
  configFolder: string;
  workDir: string;
}): ConversationFolders {
  const { configFolder, workDir } = options;
  const store = conversationStoreOf(configFolder);
  /** In place of those that cannot be kept. */
  const fleeting = new Map<string, string>();

  const keptOf = (tenant: string, conversation: string) => join(storeOf(tenant), conversation);
  const configOf = (tenant: string, conversation: string) => {
    const kept = keptOf(tenant, conversation);
    return fleeting.get(kept) ?? kept;
  };
  const temporaryOf = (conversation: string) => join(workDir, `temporary-${conversation}`);

  function storeOf(tenant: string): string {
    const folder = tenantFolder(tenant);
    return folder === undefined ? store : join(store, TENANTS, folder);
  }

  async function open(tenant: string, conversation: string): Promise<void> {
    await remove(temporaryOf(conversation));
    await mkdir(temporaryOf(conversation), { mode: 0o700 });
    try {
      await mkdir(configOf(tenant, conversation), { recursive: true, mode: 0o700 });
    } catch {
      // The engine warns of it at the start, and in /ready.
      fleeting.set(keptOf(tenant, conversation), join(workDir, `config-${conversation}`));
      await remove(configOf(tenant, conversation));
      await mkdir(configOf(tenant, conversation), { mode: 0o700 });
    }
    await Promise.all(
      OPERATOR_NAMES.map(async (name) => {
        const target = await realpath(join(configFolder, name)).catch(() => undefined);
        if (target !== undefined) await symlink(target, join(configOf(tenant, conversation), name));
      }),
    );
  }

  async function close(tenant: string, conversation: string): Promise<void> {
    const folder = configOf(tenant, conversation);
    await remove(temporaryOf(conversation));
    const isKept =
      !fleeting.delete(keptOf(tenant, conversation)) &&
      (await findTranscript(folder, conversation)) !== undefined;
    if (!isKept) return remove(folder);
    const names = await readdir(folder).catch(() => [] as string[]);
    await Promise.all(names.filter((name) => name !== TRANSCRIPTS).map((name) => remove(join(folder, name))));
  }

  async function forgetOld(): Promise<void> {
    const tenants = await readdir(join(store, TENANTS)).catch(() => [] as string[]);
    for (const folder of [store, ...tenants.map((name) => join(store, TENANTS, name))])
      await forgetIn(folder);
  }

  async function forgetIn(conversations: string): Promise<void> {
    for (const conversation of await readdir(conversations).catch(() => [] as string[])) {
      if (conversation === TENANTS) continue;
      const folder = join(conversations, conversation);
      const path = (await findTranscript(folder, conversation)) ?? folder;
      const used = (await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now();
      if (Date.now() - used > KEPT_MS) await remove(folder);
    }
  }

  return {
    configOf,
    temporaryOf,
    open,
    keeps: (tenant, conversation) => !fleeting.has(keptOf(tenant, conversation)),
    close,
    forgetOld,
  };
}

async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 }).catch(() => {
    // What cannot be removed is in nobody's way: names are not used again.
  });
}
