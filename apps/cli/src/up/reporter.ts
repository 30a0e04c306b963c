/**
 * What `cc-executor up` writes: lines of its children behind a coloured prefix, and its own.
 * With LOG_FORMAT=json every line is one JSON object: those of the children as they are, other text wrapped.
 */
import { createLogger } from '@cc-executor/runtime';
import colors from 'picocolors';

export type Reporter = {
  say(message: string): void;
  warn(message: string): void;
  /** A block of lines for people; `fields` say the same for programs. */
  show(message: string, lines: readonly string[], fields: object): void;
  /** A line that a child wrote. */
  line(source: string, text: string): void;
};

type Paint = (text: string) => string;
const PALETTE: readonly Paint[] = [
  colors.cyan,
  colors.magenta,
  colors.yellow,
  colors.blue,
  colors.green,
  colors.gray,
];
const OWN_NAME = 'up';

/**
 * Makes a reporter.
 *
 * @param options.names the children, for the width and the colours of the prefixes
 * @param options.write gets each line, with its line end
 */
export function createReporter(options: {
  format: 'pretty' | 'json';
  names: readonly string[];
  write: (text: string) => void;
}): Reporter {
  return options.format === 'json' ? jsonReporter(options.write) : prettyReporter(options);
}

function prettyReporter({ names, write }: { names: readonly string[]; write: (text: string) => void }) {
  const width = Math.max(OWN_NAME.length, ...names.map((name) => name.length));
  const prefixes = new Map(
    names.map((name, index) => [name, PALETTE[index % PALETTE.length]!(`${name.padEnd(width)} │`)]),
  );
  const own = colors.bold(`${OWN_NAME.padEnd(width)} │`);
  return {
    say: (message) => write(`${own} ${message}\n`),
    warn: (message) => write(`${own} ${colors.yellow(message)}\n`),
    show: (_message, lines) => write(`\n${lines.map((line) => `${`  ${line}`.trimEnd()}\n`).join('')}\n`),
    line: (source, text) => write(`${prefixes.get(source) ?? `${source} │`} ${text}\n`),
  } satisfies Reporter;
}

function jsonReporter(write: (text: string) => void): Reporter {
  const loggers = new Map<string, ReturnType<typeof createLogger>>();
  function loggerOf(name: string) {
    const known = loggers.get(name);
    if (known !== undefined) return known;
    const created = createLogger({ name, level: 'info', format: 'json', stream: { write } });
    loggers.set(name, created);
    return created;
  }
  return {
    say: (message) => loggerOf(OWN_NAME).info(message),
    warn: (message) => loggerOf(OWN_NAME).warn(message),
    show: (message, _lines, fields) => loggerOf(OWN_NAME).info(fields, message),
    line: (source, text) => (text.startsWith('{') ? write(`${text}\n`) : loggerOf(source).info(text)),
  };
}
