/**
 * Asks Redis again, soon, for what it did not tell: everybody's positions after publications may have been missed, and
 * the logs that could not be read. Otherwise listeners would wait for their next heartbeat. One timer for the whole
 * gateway, however many of them wait.
 */
import type { Attachment } from '@cc-executor/job-log';

export type CatchUp = {
  /** Checks everybody's positions now, and again until Redis tells them. */
  checkNow(): void;
  /** Redis did not tell positions: everybody's are checked soon. */
  checkSoon(): void;
  /** An attachment could not read its log: it reads on soon. */
  readSoon(attachment: Pick<Attachment, 'resume'>): void;
  /** Idempotent. */
  close(): void;
};

/** Between two tries. */
const RETRY_MS = 250;

/** @param checkPositions resolves with whether Redis told them; it never rejects */
export function createCatchUp(checkPositions: () => Promise<boolean>): CatchUp {
  const unread = new Set<Pick<Attachment, 'resume'>>();
  let isCheckDue = false;
  let isChecking = false;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  async function check(): Promise<void> {
    if (isChecking) return;
    isChecking = true;
    let isTold = true;
    // Those told before the last request to check may be too old for it.
    while (isCheckDue && isTold) {
      isCheckDue = false;
      isTold = await checkPositions();
    }
    isChecking = false;
    if (!isTold) checkSoon();
  }

  function checkSoon(): void {
    isCheckDue = true;
    trySoon();
  }

  function trySoon(): void {
    if (closed || timer) return;
    timer = setTimeout(() => {
      timer = undefined;
      if (isCheckDue) void check();
      const waiting = [...unread];
      unread.clear();
      for (const attachment of waiting) attachment.resume();
    }, RETRY_MS);
    timer.unref();
  }

  return {
    checkNow() {
      isCheckDue = true;
      void check();
    },
    checkSoon,
    readSoon(attachment) {
      unread.add(attachment);
      trySoon();
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
