/** The option `--token`, which every command has: told by the program before a command runs. */
let given: string | undefined;

export function takeToken(token: string | undefined): void {
  given = token;
}

export function tokenOption(): string | undefined {
  return given;
}
