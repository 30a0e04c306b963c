/** Characters for tests with texts that are drawn by chance. */
import fc from 'fast-check';

/** Any character there is. The unit `binary` of fast-check first lists all of them: more than a second of work. */
export const anyCharacter = fc
  .nat(0x10_ffff)
  .map((code) => String.fromCodePoint(code))
  .filter((text) => text.isWellFormed());
