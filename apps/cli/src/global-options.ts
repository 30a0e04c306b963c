/** The options that every command has: told by the program before a command runs. */
export type GlobalOptions = { token?: string; profile?: string };

let given: GlobalOptions = {};

export function takeGlobalOptions(options: GlobalOptions): void {
  given = options;
}

export function globalOptions(): GlobalOptions {
  return given;
}
