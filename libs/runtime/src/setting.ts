/**
 * Describes one configuration variable: its name, what it accepts, its default and what it is for.
 * The same description reads the variable (config.ts) and documents it (docs/configuration.md), so that
 * the two cannot differ.
 */
import type { z } from 'zod';

/** One variable. `T` is the type of the value an app gets. */
export type Setting<T = unknown> = {
  readonly env: string;
  readonly schema: z.ZodType<T>;
  readonly description: string;
  readonly default?: T;
  /** Shown in the documentation instead of `default`, where that one depends on the machine. */
  readonly defaultText?: string;
  /** Never printed; `<ENV>_FILE` may name a file that holds the value. */
  readonly secret?: boolean;
  /** An empty string is a value. Otherwise it counts as unset. */
  readonly keepEmpty?: boolean;
  readonly example?: string;
};

/** The settings of an app, by the key under which it reads them. */
export type Settings = Readonly<Record<string, Setting>>;

/** What `loadConfig` returns for these settings. */
export type Config<S extends Settings> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};

/** One row of the configuration reference. */
export type SettingRow = {
  readonly key: string;
  readonly env: string;
  readonly expected: string;
  readonly required: boolean;
  /** As it would be written in the environment. */
  readonly default: string | undefined;
  /** In words, where the default depends on the machine. */
  readonly defaultText: string | undefined;
  readonly description: string;
  readonly secret: boolean;
  readonly example: string | undefined;
};

/**
 * Declares a setting.
 * Without a `default` the variable is required, unless its schema accepts `undefined` (`text().optional()`).
 */
export function setting<S extends z.ZodType>(definition: {
  env: string;
  schema: S;
  description: string;
  default?: z.output<S>;
  defaultText?: string;
  secret?: boolean;
  keepEmpty?: boolean;
  example?: string;
}): Setting<z.output<S>> {
  return definition as Setting<z.output<S>>;
}

/** Says in words what a setting accepts: the description of its schema, also of one wrapped in `optional()`. */
export function expectationOf(schema: z.ZodType): string {
  if (schema.description !== undefined) return schema.description;
  const inner = (schema.def as { innerType?: z.ZodType }).innerType;
  return inner === undefined ? 'a valid value' : expectationOf(inner);
}

/** True when an app cannot start without this variable. */
export function isRequired(definition: Setting): boolean {
  return definition.default === undefined && !definition.schema.safeParse(undefined).success;
}

/** Lists settings for the configuration reference, in the order of their declaration. */
export function describeSettings(settings: Settings): SettingRow[] {
  return Object.entries(settings).map(([key, definition]) => ({
    key,
    env: definition.env,
    expected: expectationOf(definition.schema),
    required: isRequired(definition),
    default: write(definition.default),
    defaultText: definition.defaultText,
    description: definition.description,
    secret: definition.secret === true,
    example: definition.example,
  }));
}

function write(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  return Array.isArray(value) ? value.join(',') : String(value);
}
