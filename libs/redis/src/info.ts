/** Reads INFO: `name:value` lines, in sections. */
export function readInfo(text: string): Record<string, string> {
  const lines = text.split('\n').map((line) => line.trim());
  return Object.fromEntries(
    lines
      .filter((line) => line !== '' && !line.startsWith('#') && line.includes(':'))
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );
}

/** One section of it; undefined where this user may not ask for it. Rejects when Redis does not answer. */
export async function readSection(
  server: { info(section: string): Promise<string> },
  section: string,
): Promise<Record<string, string> | undefined> {
  try {
    return readInfo(await server.info(section));
  } catch (error) {
    if (/^(NOPERM|ERR unknown)/.test((error as Error).message)) return undefined;
    throw error;
  }
}
