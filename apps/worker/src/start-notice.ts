/**
 * Writes `started`. Claude Code says what it is (model, tools, MCP servers) some hundred milliseconds after claude-api has
 * taken the work: that is waited for, so that one event says all. When it takes longer, the event comes without it, and again
 * with it.
 */
import type { UpstreamEvent } from '@cc-executor/claude-api-client';
import type { LogWriter } from './log-writer.ts';

const WAIT_MS = 2_000;

type Session = Extract<UpstreamEvent, { type: 'session' }>;

export type StartNotice = {
  /** claude-api has taken the work, and said what will do it. */
  begun(engine: string | undefined): void;
  /** Claude Code has said what it is. */
  ready(session: Session): void;
  /** Whatever is known now is written, unless it was. */
  announce(): void;
  /** Likewise, but only what is waited with. */
  settle(): void;
};

export function createStartNotice(writer: Pick<LogWriter, 'write'>): StartNotice {
  let engine: string | undefined;
  let written: 'nothing' | 'less' | 'all' = 'nothing';
  let timer: NodeJS.Timeout | undefined;

  function announce(): void {
    clearTimeout(timer);
    if (written !== 'nothing') return;
    written = 'less';
    writer.write({ type: 'started', ...(engine !== undefined && { engine }) });
  }

  return {
    announce,
    settle() {
      if (engine !== undefined) announce();
    },
    begun(name) {
      engine = name;
      // Others may never say more.
      if (engine === 'claude') timer = setTimeout(announce, WAIT_MS).unref();
      else announce();
    },
    ready({ model, version, tools, mcpServers }) {
      clearTimeout(timer);
      if (written === 'all' || (written === 'less' && engine !== 'claude')) return;
      written = 'all';
      writer.write({
        type: 'started',
        ...(engine !== undefined && { engine }),
        ...(model !== undefined && { model }),
        ...(version !== undefined && { version }),
        ...(tools !== undefined && { tools }),
        ...(mcpServers !== undefined && { mcpServers }),
      });
    },
  };
}
