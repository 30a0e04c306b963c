/** Memory, disk and Node.js of a machine or container. Pure. */
import type { SystemView } from '@cc-executor/runtime';
import { type Finding, ok, warn } from './finding.ts';

const MIB = 1024 * 1024;
/** Below both of a share and an amount, memory or disk counts as short. */
const SHORT = { share: 0.1, memoryBytes: 128 * MIB, diskBytes: 512 * MIB };
const OLDEST_NODE = 24;

export function judgeMachine(subject: string, { memory, disk, node }: SystemView): Finding[] {
  const findings = [
    judgeSpace(
      subject,
      'memory',
      memory,
      SHORT.memoryBytes,
      'Give it more memory, or run fewer jobs at once.',
    ),
    ...(disk
      ? [
          judgeSpace(
            subject,
            `disk (${disk.path})`,
            disk,
            SHORT.diskBytes,
            'Make room: `docker system df` shows what takes it.',
          ),
        ]
      : []),
  ];
  if (Number.parseInt(node, 10) < OLDEST_NODE) {
    findings.push(
      warn(subject, `Node.js ${node} is too old`, `Run it with Node.js ${OLDEST_NODE} or newer.`),
    );
  }
  const troubles = findings.filter(({ level }) => level !== 'ok');
  if (troubles.length > 0) return troubles;
  return [ok(subject, [`Node.js ${node}`, ...findings.map(({ message }) => message)].join(', '))];
}

function judgeSpace(
  subject: string,
  what: string,
  { freeBytes, totalBytes }: { freeBytes: number; totalBytes: number },
  shortBytes: number,
  advice: string,
): Finding {
  const words = `${what} ${format(freeBytes)} of ${format(totalBytes)} free`;
  const isShort = freeBytes < shortBytes && freeBytes < SHORT.share * totalBytes;
  return isShort ? warn(subject, words, advice) : ok(subject, words);
}

function format(bytes: number): string {
  return bytes >= 1024 * MIB ? `${(bytes / (1024 * MIB)).toFixed(1)} GiB` : `${Math.round(bytes / MIB)} MiB`;
}
