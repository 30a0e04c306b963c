/**
 * The kinds of values that an option can have, as plain data: whoever needs only names, types or words loads no schema
 * library. A new kind does not compile until the schema, its description and the command line know it.
 */

/** A string. Every pattern excludes NUL, which cannot be handed to a program. */
export type TextKind = {
  kind: 'text';
  /** UTF-16 units. Undefined: the pattern is a bound of its own. */
  max?: number;
  pattern: RegExp;
  /** What the pattern demands, as it stands in an error: `must be …`. */
  rule: string;
  /** What one value is called; with an `s`, several. */
  noun: string;
};

type ChoiceKind<C extends string = string> = { kind: 'choice'; choices: readonly C[] };

type IntegerKind = { kind: 'integer'; min: number; max: number };

/** A number above 0. */
type AmountKind = { kind: 'amount'; max: number };

type ListKind = {
  kind: 'list';
  of: TextKind;
  /** Members. */
  max: number;
  /** A single member may stand for a list of one. */
  orOne?: true;
  /** On the command line, several may stand in one value, separated by commas. */
  joined?: true;
};

/** An object of strings. */
type MapKind = { kind: 'map'; names: TextKind; values: TextKind };

/** An object of whatever. */
type ObjectKind = {
  kind: 'object';
  /** UTF-16 units as JSON. */
  max: number;
  /** Levels of objects and lists. */
  maxDepth: number;
};

/** A JSON Schema of an object. Whether it is one in all its parts is judged by `./output-schema`. */
type SchemaKind = Omit<ObjectKind, 'kind'> & { kind: 'schema' };

/** Files that go with the prompt. */
type FilesKind = {
  kind: 'files';
  /** By the ending of a file's name. */
  mediaTypes: Readonly<Record<string, MediaType>>;
  /** Files. */
  max: number;
  /** Of all together, in characters of base64. */
  maxLength: number;
};

/** Where a workspace begins from: a Git repository, or an archive (tar, compressed by gzip or not). */
type SourceKind = {
  kind: 'source';
  /** Of the commits that are fetched. */
  maxDepth: number;
};

export type SourceValue =
  | {
      readonly git: string;
      /** A branch, a tag, or a whole commit id; without one what the repository's `HEAD` is at. */
      readonly ref?: string;
      /** How many commits; without it, 1. */
      readonly depth?: number;
    }
  | { readonly archive: string };

type MediaType = 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp' | 'application/pdf' | 'text/plain';

/** `data` is in base64. */
export type FileValue = { readonly mediaType: MediaType; readonly data: string };

export type Kind =
  | TextKind
  | ChoiceKind
  | IntegerKind
  | AmountKind
  | ListKind
  | MapKind
  | ObjectKind
  | SchemaKind
  | FilesKind
  | SourceKind;

/** The values of a kind. */
export type ValueOf<K extends Kind> =
  K extends ChoiceKind<infer C>
    ? C
    : K extends { kind: 'text' }
      ? string
      : K extends { kind: 'integer' | 'amount' }
        ? number
        : K extends { kind: 'list'; orOne: true }
          ? string | readonly string[]
          : K extends { kind: 'list' }
            ? readonly string[]
            : K extends { kind: 'object' | 'schema' }
              ? Readonly<Record<string, unknown>>
              : K extends { kind: 'files' }
                ? readonly FileValue[]
                : K extends { kind: 'source' }
                  ? SourceValue
                  : Readonly<Record<string, string>>;

/** Which values a kind takes, in words for a Markdown table: `integer, 1–10,000`. */
export function describeKind(kind: Kind): string {
  switch (kind.kind) {
    case 'text':
      return kind.max === undefined ? kind.noun : `${kind.noun}, ≤ ${count(kind.max)} characters`;
    case 'choice':
      return kind.choices.map((choice) => `\`"${choice}"\``).join(', ');
    case 'integer':
      return `integer, ${count(kind.min)}–${count(kind.max)}`;
    case 'amount':
      return `number > 0, ≤ ${count(kind.max)}`;
    case 'list': {
      const list = `list of ≤ ${kind.max} ${kind.of.noun}s`;
      return kind.orOne ? `${kind.of.noun}, or ${list}` : list;
    }
    case 'map':
      return `object of ${kind.values.noun}s by ${kind.names.noun}`;
    case 'files': {
      const types = [...new Set(Object.values(kind.mediaTypes))].map((type) => `\`${type}\``).join(', ');
      return `list of ≤ ${kind.max} \`{mediaType, data}\`, ≤ ${count(kind.maxLength)} characters of base64 in all; ${types}`;
    }
    case 'source':
      return `\`{git, ref?, depth?}\` or \`{archive}\`: addresses (https), depth 1–${count(kind.maxDepth)}`;
    case 'object':
      return `object, ≤ ${count(kind.max)} characters and ${kind.maxDepth} levels as JSON`;
    case 'schema':
      return `JSON Schema of an object, ≤ ${count(kind.max)} characters and ${kind.maxDepth} levels as JSON`;
  }
}

function count(n: number): string {
  return n.toLocaleString('en-US');
}
