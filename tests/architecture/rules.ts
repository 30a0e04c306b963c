/**
 * The rules about who may use what. Each is a function from files to violations, so that a test can show
 * that it does find what it is for.
 */
import { posix } from 'node:path';
import { findImports, findInCode, type SourceFile, type Violation } from './source.ts';

/** Which of our packages each one may import. A folder that is not listed may not exist. */
const ALLOWED_IMPORTS: Record<string, readonly string[]> = {
  'apps/gateway': [
    'protocol',
    'claude-api-client',
    'claude-options',
    'queue',
    'job-log',
    'signals',
    'fleet',
    'service',
    'redis',
    'webhooks',
    'metrics',
    'tracing',
    'runtime',
    'identity',
  ],
  'apps/worker': [
    'protocol',
    'queue',
    'job-log',
    'signals',
    'fleet',
    'service',
    'redis',
    'claude-api-client',
    'claude-options',
    'metrics',
    'tracing',
    'runtime',
  ],
  'apps/claude-api': ['claude-options', 'claude-stream', 'service', 'metrics', 'tracing', 'runtime'],
  'apps/dashboard': [
    'identity',
    'protocol',
    'claude-options',
    'client',
    'queue',
    'service',
    'redis',
    'timeline',
    'metrics',
    'runtime',
  ],
  'apps/cli': [
    'claude-options',
    'client',
    'protocol',
    'fleet',
    'identity',
    'local-redis',
    'redis',
    'runtime',
    'timeline',
  ],
  'libs/client': ['protocol'],
  'libs/react': ['client'],
  'libs/service': ['fleet', 'redis', 'metrics', 'runtime'],
  'libs/fleet': ['redis'],
  'libs/identity': ['runtime'],
  'libs/job-log': ['protocol', 'redis', 'signals'],
  'libs/queue': ['redis', 'runtime'],
  'libs/claude-api-client': ['claude-options', 'claude-stream', 'protocol', 'runtime'],
  'libs/claude-options': ['runtime'],
  'libs/claude-stream': ['protocol'],
  'libs/signals': ['redis'],
  'libs/webhooks': ['runtime'],
  'libs/timeline': ['protocol'],
  'libs/local-redis': [],
  'libs/metrics': ['runtime'],
  'libs/tracing': ['runtime'],
  'libs/redis': ['runtime'],
  'libs/runtime': [],
  'libs/protocol': ['claude-options'],
  'libs/testing': ['protocol', 'job-log', 'local-redis', 'redis', 'runtime'],
};

/** Packages that only these folders may import. */
const OWNERS: Record<string, readonly string[]> = {
  bullmq: ['libs/queue'],
  ioredis: ['libs/redis'],
  undici: ['libs/claude-api-client', 'libs/webhooks'],
  'prom-client': ['libs/metrics'],
  fastify: ['libs/service'],
  '@opentelemetry/api': ['libs/tracing'],
  '@opentelemetry/exporter-trace-otlp-http': ['libs/tracing'],
  '@opentelemetry/exporter-trace-otlp-proto': ['libs/tracing'],
  '@opentelemetry/resources': ['libs/tracing'],
  '@opentelemetry/sdk-trace': ['libs/tracing'],
  ws: ['apps/gateway', 'apps/cli', 'libs/client', 'libs/testing'],
};

const TRANSPORTS = ['ws', 'node:http', 'node:net', '@cc-executor/service'];

export type Room = {
  /** Its neighbours: rooms and files of the same package that it may import from. */
  readonly neighbours: readonly string[];
  /** Packages that it may not import. */
  readonly without?: readonly string[];
  /** Packages of which it may know the types, and do nothing with. */
  readonly typesOnly?: readonly string[];
};

/** Packages that are divided into rooms: each folder in its `src` is one and is listed. */
const ROOMS: Record<string, Record<string, Room>> = {
  'apps/gateway': {
    doors: {
      neighbours: ['identity', 'operations', 'listening', 'metrics.ts'],
      typesOnly: ['@cc-executor/job-log', '@cc-executor/queue', '@cc-executor/redis', '@cc-executor/signals'],
    },
    // It reads headers, and answers nobody.
    identity: { neighbours: ['metrics.ts'], without: ['ws', 'node:net', '@cc-executor/service'] },
    quotas: { neighbours: ['identity'], without: [...TRANSPORTS, '@cc-executor/queue'] },
    operations: {
      neighbours: ['identity', 'quotas', 'listening', 'chores', 'metrics.ts'],
      without: TRANSPORTS,
    },
    listening: { neighbours: ['chores', 'metrics.ts'], without: [...TRANSPORTS, '@cc-executor/queue'] },
    chores: { neighbours: ['metrics.ts'], without: TRANSPORTS },
  },
};

const WEBSOCKET_OWNERS = ['apps/gateway', 'libs/client', 'libs/testing'];

/** Who may listen for HTTP. Stand-ins of other programs are none of our services. */
const HTTP_OWNERS = ['libs/service', 'libs/testing'];

/** Files besides an app's config.ts that may hand the environment on, whole, and what for. */
const ENVIRONMENT_USERS: Record<string, string> = {
  'apps/claude-api/src/main.ts': 'Claude Code inherits it',
  'apps/cli/src/up/command.ts': 'the processes of the stack inherit it',
};

const VAGUE_NAMES = /(?:^|[-._])(?:utils?|helpers?|common|managers?)(?:[-._]|$)/i;
const MAX_LINES = 400;

/** `apps/gateway` for a file in `apps/gateway/src`; undefined for any other file. */
export function packageOf(path: string): string | undefined {
  return /^((?:apps|libs)\/[^/]+)\/src\//.exec(path)?.[1];
}

/** Imports that leave the package: only allowed directions, only through the package's name. */
export function checkDirection(files: readonly SourceFile[]): Violation[] {
  return eachImport(files, (folder, { specifier, path }) => {
    const allowed = ALLOWED_IMPORTS[folder];
    if (allowed === undefined) return `${folder} is not in the list of import directions`;
    if (specifier.startsWith('.')) {
      const target = posix.join(posix.dirname(path), specifier);
      return target.startsWith(`${folder}/src/`) ? undefined : `${specifier} reaches out of ${folder}/src`;
    }
    const name = packageName(specifier);
    if (name !== 'cc-executor' && !name.startsWith('@cc-executor/')) return undefined;
    if (allowed.includes(name.replace('@cc-executor/', ''))) return undefined;
    return `${folder} may not import ${name}`;
  });
}

/** Directions that are allowed and that nobody takes. */
export function checkUnusedDirections(
  files: readonly SourceFile[],
  allowed: Readonly<Record<string, readonly string[]>> = ALLOWED_IMPORTS,
): Violation[] {
  const taken = takenDirections(files);
  return Object.entries(allowed).flatMap(([folder, names]) =>
    names
      .filter((name) => !taken.has(`${folder} @cc-executor/${name}`))
      .map((name) => `${folder}: may import @cc-executor/${name}, but does not`),
  );
}

/** Imports that leave a room for what is not next to it, and packages that are not for it. */
export function checkRooms(
  files: readonly SourceFile[],
  packages: Readonly<Record<string, Record<string, Room>>> = ROOMS,
): Violation[] {
  return eachImport(files, (folder, { specifier, path, isType }) => {
    const rooms = packages[folder];
    const name = roomOf(folder, path);
    if (rooms === undefined || name === undefined) return undefined;
    const room = rooms[name];
    if (room === undefined) return `${name} is not in the list of rooms of ${folder}`;
    if (specifier.startsWith('.')) {
      const target = posix.relative(`${folder}/src`, posix.join(posix.dirname(path), specifier));
      const neighbour = target.split('/', 1)[0] ?? '';
      if (neighbour === name || room.neighbours.includes(neighbour)) return undefined;
      return `${name} may not import from ${neighbour}`;
    }
    const imported = packageName(specifier);
    if (room.without?.includes(imported)) return `${name} may not import ${imported}`;
    if (isType || !room.typesOnly?.includes(imported)) return undefined;
    return `${name} may import types of ${imported}, and nothing else`;
  });
}

/** The folder right below a package's `src` in which a file is; undefined for one that is in none. */
function roomOf(folder: string, path: string): string | undefined {
  const [room, file] = path.slice(`${folder}/src/`.length).split('/', 2);
  return file === undefined ? undefined : room;
}

/** Packages that are imported but not declared. `manifests` maps a folder to its package.json. */
export function checkDeclared(
  files: readonly SourceFile[],
  manifests: Readonly<Record<string, { dependencies?: object; peerDependencies?: object }>>,
): Violation[] {
  return eachImport(files, (folder, { specifier }) => {
    if (specifier.startsWith('.') || specifier.startsWith('node:')) return undefined;
    const name = packageName(specifier);
    const { dependencies, peerDependencies } = manifests[folder] ?? {};
    if (name in { ...dependencies, ...peerDependencies }) return undefined;
    return `${name} is not a dependency in ${folder}/package.json`;
  });
}

/** Packages of ours that are declared and that no source imports: what tests alone use would be shipped with it. */
export function checkUnusedDeclarations(
  files: readonly SourceFile[],
  manifests: Readonly<Record<string, { dependencies?: object }>>,
): Violation[] {
  const taken = takenDirections(files);
  return Object.entries(manifests).flatMap(([folder, { dependencies = {} }]) =>
    Object.keys(dependencies)
      .filter((name) => name.startsWith('@cc-executor/') && !taken.has(`${folder} ${name}`))
      .map((name) => `${folder}/package.json: ${name} is a dependency, but no source imports it`),
  );
}

/** Packages, WebSockets and HTTP servers in folders other than the ones that own them. */
export function checkOwners(files: readonly SourceFile[]): Violation[] {
  const imports = eachImport(files, (folder, { specifier }) => {
    const owners = OWNERS[packageName(specifier)];
    if (owners === undefined || owners.includes(folder)) return undefined;
    return `only ${owners.join(', ')} may import ${specifier}`;
  });
  const sockets = eachMatch(files, /\bnew\s+WebSocket\b/g, (path) => {
    const folder = packageOf(path);
    if (folder === undefined || WEBSOCKET_OWNERS.includes(folder)) return undefined;
    return `only ${WEBSOCKET_OWNERS.join(', ')} may open a WebSocket`;
  });
  const listeners = eachMatch(
    files,
    /\bimport\s*\{[^}]*\bcreate(?:Secure)?Server\b[^}]*\}\s*from\s*'node:http(?:s|2)?'/g,
    (path) => {
      const folder = packageOf(path);
      if (folder === undefined || HTTP_OWNERS.includes(folder)) return undefined;
      return `only ${HTTP_OWNERS.join(', ')} may make an HTTP server`;
    },
  );
  return [...imports, ...sockets, ...listeners];
}

/** Uses of the environment. libs/testing is free: it looks for tools as a shell would. */
export function checkEnvironment(
  files: readonly SourceFile[],
  users: Readonly<Record<string, string>> = ENVIRONMENT_USERS,
): Violation[] {
  const uses = eachMatch(
    files,
    /\bprocess\.env\b(?:\s*(?:\?\.|\.|\[))?|['"]node:process['"]/g,
    (path, found) => {
      if (packageOf(path) === undefined || /^libs\/(?:runtime|testing)\//.test(path)) return undefined;
      const mayHandOn = path in users || /^apps\/[^/]+\/src\/config\.ts$/.test(path);
      if (mayHandOn && found === 'process.env') return undefined;
      return `${found} is used outside of libs/runtime`;
    },
  );
  const stale = Object.keys(users)
    .filter((path) => !files.some((file) => file.path === path && file.text.includes('process.env')))
    .map((path) => `${path}:1: is excused for using the environment, but does not`);
  return [...uses, ...stale];
}

/** `export *`, which hides what a package offers. */
export function checkExports(files: readonly SourceFile[]): Violation[] {
  return eachMatch(
    files,
    /\bexport\s+(?:type\s+)?\*/g,
    () => 'export * is not used here: name what is exported',
  );
}

/** Files that grew past what is read in one go. */
export function checkLength(files: readonly SourceFile[]): Violation[] {
  return files.flatMap(({ path, text }) => {
    const lines = text.trimEnd().split('\n').length;
    return lines > MAX_LINES
      ? [`${path}:${lines}: has ${lines} lines; at most ${MAX_LINES} are allowed`]
      : [];
  });
}

/** Names of files and folders that say nothing. */
export function checkNames(files: readonly SourceFile[]): Violation[] {
  return files.flatMap(({ path }) => {
    const vague = path.split('/').find((part) => VAGUE_NAMES.test(part));
    return vague === undefined ? [] : [`${path}:1: ${vague} does not say what is in it`];
  });
}

/** 'folder package' of every import. */
function takenDirections(files: readonly SourceFile[]): Set<string> {
  const taken = new Set<string>();
  eachImport(files, (folder, { specifier }) => {
    taken.add(`${folder} ${packageName(specifier)}`);
    return undefined;
  });
  return taken;
}

type Judge<T> = (folder: string, use: T) => string | undefined;

function eachImport(
  files: readonly SourceFile[],
  judge: Judge<{ specifier: string; path: string; isType: boolean }>,
): Violation[] {
  return files.flatMap(({ path, text }) => {
    const folder = packageOf(path);
    if (folder === undefined || !/\.[cm]?[jt]sx?$/.test(path)) return [];
    return findImports(text).flatMap(({ specifier, line, isType }) => {
      const message = judge(folder, { specifier, path, isType });
      return message === undefined ? [] : [`${path}:${line}: ${message}`];
    });
  });
}

function eachMatch(files: readonly SourceFile[], pattern: RegExp, judge: Judge<string>): Violation[] {
  return files.flatMap(({ path, text }) =>
    findInCode(text, pattern).flatMap(({ line, found }) => {
      const message = judge(path, found);
      return message === undefined ? [] : [`${path}:${line}: ${message}`];
    }),
  );
}

function packageName(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}
