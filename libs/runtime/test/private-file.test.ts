/** Who may be able to read a file with secrets. */
import { expect, test } from 'vitest';
import { isPrivate } from '../src/private-file.ts';

test.each([
  ["its owner's alone", { mode: 0o100600, uid: 1000 }, 1000, true],
  ["its owner's, and read-only", { mode: 0o100400, uid: 1000 }, 1000, true],
  ["its owner's, and of a group that others may be in", { mode: 0o100640, uid: 1000 }, 1000, false],
  ["root's, who hands it to us by our group", { mode: 0o100440, uid: 0 }, 1000, true],
  ["root's, and we are root", { mode: 0o100440, uid: 0 }, 0, false],
  ["root's, and the group may write", { mode: 0o100460, uid: 0 }, 1000, false],
  ["root's, and everybody's", { mode: 0o100444, uid: 0 }, 1000, false],
  ["somebody else's, readable by the group", { mode: 0o100440, uid: 1001 }, 1000, false],
])('%s', (_, file, self, expected) => {
  expect(isPrivate(file, self)).toBe(expected);
});
