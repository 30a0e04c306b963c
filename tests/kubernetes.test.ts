/**
 * The Kubernetes manifests fit their schemas (types and values by kubernetes-models' validators, unknown names by the
 * compiler, over the same package's types), and keep what the compose stack promises.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readKeyFile } from '@cc-executor/identity';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { settings as claudeApi } from '../apps/claude-api/src/config.ts';
import { settings as dashboard } from '../apps/dashboard/src/config.ts';
import { settings as gateway } from '../apps/gateway/src/config.ts';
import { settings as worker } from '../apps/worker/src/config.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const folder = join(root, 'deploy/kubernetes');

type Container = {
  env?: { name: string; value?: string }[];
  image: string;
  resources: { requests: object; limits: { memory: string } };
  securityContext: object;
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
  livenessProbe: { httpGet?: { path: string } };
  readinessProbe: { httpGet?: { path: string } };
};
type PodSpec = {
  automountServiceAccountToken: boolean;
  containers: [Container];
  securityContext: object;
  terminationGracePeriodSeconds: number;
  volumes: { name: string; secret?: { secretName: string } }[];
};
// Manifests are read as whatever they are; the validators say whether that is right.
type Manifest = {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  // biome-ignore lint/suspicious/noExplicitAny: every kind has a shape of its own
  spec?: any;
  stringData?: Record<string, string>;
  data?: Record<string, string>;
};

function readManifests(path: string): Manifest[] {
  return parseAllDocuments(readFileSync(join(folder, path), 'utf8')).map((document) => {
    expect(document.errors, path).toEqual([]);
    return document.toJS() as Manifest;
  });
}

const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.yaml'))
  .sort();
const kustomization = readManifests('kustomization.yaml')[0] as Manifest & {
  resources: string[];
  images: { name: string }[];
};
const manifests = files.filter((file) => file !== 'kustomization.yaml').flatMap(readManifests);

function find(kind: string, name: string): Manifest {
  const found = manifests.find((each) => each.kind === kind && each.metadata.name === name);
  if (!found) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

const podOf = (kind: string, name: string) => find(kind, name).spec.template.spec as PodSpec;
const apps = { gateway, worker, 'claude-api': claudeApi, dashboard };
const workloads: [string, PodSpec][] = [
  ['redis', podOf('StatefulSet', 'redis')],
  ...Object.keys(apps).map((name): [string, PodSpec] => [name, podOf('Deployment', name)]),
];

/** Where the package has the schema of a kind. */
function moduleOf({ apiVersion, kind }: Manifest): string {
  const owner = apiVersion.startsWith('keda.sh/') ? '@kubernetes-models/keda' : 'kubernetes-models';
  return `${owner}/${apiVersion}/${kind}`;
}

/** Compiles manifests as literals of their types; returns the errors. */
function compile(checked: readonly Manifest[]): string {
  mkdirSync(join(root, '.cache'), { recursive: true });
  const scratch = mkdtempSync(join(root, '.cache/kubernetes-'));
  onTestFinished(() => rmSync(scratch, { recursive: true, force: true }));
  const lines = checked.flatMap((manifest, index) => [
    `import type { I${manifest.kind} as T${index} } from '${moduleOf(manifest)}';`,
    `export const m${index}: T${index} = ${JSON.stringify(manifest)};`,
  ]);
  writeFileSync(join(scratch, 'manifests.ts'), lines.join('\n'));
  const compilerOptions = { module: 'nodenext', strict: true, skipLibCheck: true, noEmit: true, types: [] };
  writeFileSync(join(scratch, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['manifests.ts'] }));
  const { stdout, error } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', scratch],
    {
      encoding: 'utf8',
    },
  );
  if (error) throw error;
  return stdout;
}

describe('schemas', () => {
  test.each(manifests.map((manifest) => [`${manifest.kind} ${manifest.metadata.name}`, manifest] as const))(
    '%s is valid',
    async (_name, manifest) => {
      const kinds = (await import(moduleOf(manifest))) as Record<
        string,
        new (
          data: object,
        ) => { validate(): void }
      >;
      const { apiVersion: _apiVersion, kind, ...data } = manifest;
      const Kind = kinds[kind]!;
      expect(() => new Kind(data).validate()).not.toThrow();
    },
  );

  test('no manifest has a name that its type does not know', { timeout: 60_000 }, () => {
    expect(compile(manifests)).toBe('');
  });

  test('a misspelt name would be found', { timeout: 60_000 }, () => {
    const wrong = structuredClone(find('Deployment', 'gateway'));
    wrong.spec.template.spec.terminationGracePeriod = 5;
    expect(compile([wrong])).toContain(`'"terminationGracePeriod"' does not exist`);
  });
});

describe('kustomization', () => {
  test('has every file but the template of the secrets and what is optional', () => {
    const expected = files.filter(
      (file) => !file.startsWith('optional/') && !/^(kustomization|secrets\.example)\.yaml$/.test(file),
    );
    expect([...kustomization.resources].sort()).toEqual(expected);
  });

  test('gives every image of ours its release', () => {
    const ours = workloads.map(([, pod]) => pod.containers[0].image).filter((image) => image !== 'redis:8');
    expect(kustomization.images.map(({ name }) => name).sort()).toEqual(ours.sort());
  });
});

describe.each(workloads)('%s', (name, pod) => {
  const container = pod.containers[0];

  test('runs with nothing that it does not need', () => {
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container.resources.limits.memory).toMatch(/Mi|Gi/);
    expect(container.resources.requests).toHaveProperty('cpu');
  });

  test('gets its secrets as read-only files, from secrets that the template has', () => {
    for (const { name: volume, secret } of pod.volumes) {
      if (!secret) continue;
      const mount = container.volumeMounts.find((each) => each.name === volume);
      expect(mount?.readOnly).toBe(true);
      for (const { name: variable, value } of container.env ?? []) {
        if (!variable.endsWith('_FILE') || !value?.startsWith(`${mount?.mountPath}/`)) continue;
        const key = value.slice(mount!.mountPath.length + 1);
        expect(Object.keys(find('Secret', secret.secretName).stringData ?? {})).toContain(key);
      }
    }
    expect(pod.volumes.some(({ secret }) => secret !== undefined)).toBe(true);
  });

  test('is asked by probes of its own', () => {
    if (name === 'redis') return expect(JSON.stringify(container.livenessProbe)).toContain('PONG');
    expect(container.livenessProbe.httpGet?.path).toBe('/health');
    expect(container.readinessProbe.httpGet?.path).toBe('/ready');
  });
});

/** What no setting says, for Claude Code and its tools read it themselves. */
const FOR_CLAUDE_CODE = ['CLAUDE_CONFIG_DIR', 'HOME'];

describe('apps', () => {
  test.each(Object.entries(apps))(
    '%s is given only settings that it has, with values that it takes',
    (name, settings) => {
      const known = new Map(Object.values(settings).map((each) => [each.env, each]));
      const fromMap = Object.entries(find('ConfigMap', 'cc-executor').data ?? {});
      const own = (podOf('Deployment', name).containers[0].env ?? []).map(
        ({ name: variable, value }) => [variable, value ?? ''] as const,
      );
      for (const [variable, value] of own) {
        if (name === 'claude-api' && FOR_CLAUDE_CODE.includes(variable)) continue;
        const isSecret = known.get(variable.replace(/_FILE$/, ''))?.secret === true;
        if (isSecret && variable.endsWith('_FILE')) continue;
        const setting = known.get(variable);
        expect(setting, variable).toBeDefined();
        expect(setting?.schema.safeParse(value).success, `${variable}=${value}`).toBe(true);
      }
      for (const [variable, value] of fromMap) {
        const setting = known.get(variable);
        if (setting) expect(setting.schema.safeParse(value).success, `${variable}=${value}`).toBe(true);
      }
    },
  );

  test('gateways and the dashboard ask alike, by keys that a secret may have', () => {
    expect(find('ConfigMap', 'cc-executor').data?.AUTH_MODE).toBe('none');
    for (const app of ['gateway', 'dashboard']) {
      const own = podOf('Deployment', app).containers[0].env?.map(({ name }) => name);
      expect(own, app).not.toContain('AUTH_MODE');
    }
    // As a pod's user finds it: root's, and of a group that it is in.
    expect(podOf('Deployment', 'gateway').volumes).toContainEqual({
      name: 'keys',
      secret: { secretName: 'cc-executor-keys', optional: true, defaultMode: 0o440 },
    });
    expect(podOf('Deployment', 'gateway').securityContext).toHaveProperty('fsGroup');
    const example = find('Secret', 'cc-executor-keys').stringData?.['keys.json'];
    const file = join(mkdtempSync(join(tmpdir(), 'keys-')), 'keys.json');
    onTestFinished(() => rmSync(dirname(file), { recursive: true }));
    writeFileSync(file, example ?? '', { mode: 0o600 });
    expect(readKeyFile(file).keys).toEqual([]);
  });

  test('are given time to drain: longer than they take for it', () => {
    const seconds = (app: string, variable: string) => {
      const text = podOf('Deployment', app).containers[0].env?.find((each) => each.name === variable)?.value;
      const [, count, unit] = /^(\d+)(s|m)$/.exec(text ?? '') ?? [];
      return Number(count) * (unit === 'm' ? 60 : 1);
    };
    const grace = (app: string) => podOf('Deployment', app).terminationGracePeriodSeconds;
    const pause = (app: string) =>
      find('Deployment', app).spec.template.spec.containers[0].lifecycle.preStop.sleep.seconds;
    expect(grace('gateway')).toBeGreaterThan(
      pause('gateway') + seconds('gateway', 'GATEWAY_DRAIN_GRACE_MS') + 5,
    );
    expect(grace('worker')).toBeGreaterThan(seconds('worker', 'WORKER_DRAIN_GRACE_MS') + 15);
    const stop = 2 * 3 + 10;
    expect(grace('claude-api')).toBeGreaterThan(
      pause('claude-api') + seconds('claude-api', 'CLAUDE_DRAIN_MS') + stop,
    );
  });

  test('are not evicted all at once', () => {
    for (const app of ['gateway', 'worker', 'claude-api']) {
      expect(find('PodDisruptionBudget', app).spec.maxUnavailable).toBe(1);
      expect(find('Deployment', app).spec.replicas).toBeGreaterThan(1);
    }
  });
});

describe('network', () => {
  const policies = manifests.filter(({ kind }) => kind === 'NetworkPolicy');
  const peersOf = (name: string) => JSON.stringify(find('NetworkPolicy', name).spec);

  test('everything is denied that no policy allows', () => {
    expect(find('NetworkPolicy', 'deny-all').spec).toEqual({
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
    });
  });

  test('claude-api is reached by gateways and workers alone, and by Prometheus', () => {
    const reaching = policies.filter(
      ({ spec }) => JSON.stringify(spec.podSelector).includes('claude-api') && spec.ingress,
    );
    expect(reaching.map(({ metadata }) => metadata.name).sort()).toEqual(['claude-api', 'metrics']);
    expect(find('NetworkPolicy', 'claude-api').spec.ingress).toEqual([
      {
        from: [
          {
            podSelector: {
              matchExpressions: [
                { key: 'app.kubernetes.io/name', operator: 'In', values: ['gateway', 'worker'] },
              ],
            },
          },
        ],
        ports: [{ protocol: 'TCP', port: 8000 }],
      },
    ]);
    expect(peersOf('metrics')).toContain('prometheus');
  });

  test('Redis is reached by gateway, worker and dashboard alone', () => {
    expect(find('NetworkPolicy', 'redis').spec.ingress[0].from[0].podSelector.matchExpressions).toEqual([
      { key: 'app.kubernetes.io/name', operator: 'In', values: ['gateway', 'worker', 'dashboard'] },
    ]);
    expect(peersOf('claude-api')).not.toContain('redis');
  });

  test("claude-api's name gives the addresses of all its replicas", () => {
    expect(find('Service', 'claude-api').spec.clusterIP).toBe('None');
  });
});
