/** One compose project: the stack under a name of its own, on ports of its own. */
import { randomBytes } from 'node:crypto';
import { freePort } from '@cc-executor/testing';
import { docker, list } from './docker.ts';

export type ProjectSettings = {
  name: string;
  gatewayPort: number;
  dashboardPort: number;
  env: Record<string, string>;
};

type Scale = { worker?: number; gateway?: number; 'claude-api'?: number };

export type Container = { id: string; name: string; service: string; state: string; health: string };

export type Project = ProjectSettings & {
  /** Of the images that it runs. */
  imageTag: string;
  /** URL of the native door; takes the place of a stack's in the doors of the end-to-end tests. */
  url(): string;
  dialectUrl(): string;
  /** Runs `docker compose …` for this project. */
  compose(...args: string[]): Promise<string>;
  /** Brings everything up, once for each service unless told otherwise, and waits until it is healthy. */
  up(scale?: Scale): Promise<void>;
  /** What runs of a service, or has ended; by number. */
  containers(service?: string): Promise<Container[]>;
  /** The only container of a service. */
  container(service: string): Promise<Container>;
  /** The lines of a container's log that are JSON. */
  logs(container: Container): Promise<Record<string, unknown>[]>;
  /** Removes everything but the images. */
  remove(): Promise<void>;
  /** Removes the images that bear its name. */
  removeImages(): Promise<void>;
  /** Containers, networks and volumes that are there. */
  leftovers(): Promise<string[]>;
};

/** New names and free ports; `env` goes before what tests have for defaults. */
export async function chooseSettings(env: Record<string, string> = {}): Promise<ProjectSettings> {
  const name = `cc-executor-test-${randomBytes(4).toString('hex')}`;
  const [gatewayPort, dashboardPort] = await Promise.all([freePort(), freePort()]);
  return {
    name,
    gatewayPort,
    dashboardPort,
    env: {
      JOB_LEASE_MS: '3s',
      GATEWAY_HEARTBEAT_MS: '1s',
      SERVICE_REPORT_MS: '1s',
      // Of what has started nothing waits for it, and to be asked costs more than all else that a quiet stack does.
      HEALTH_INTERVAL: '1m',
      ...env,
    },
  };
}

export function openProject(settings: ProjectSettings): Project {
  const { name, gatewayPort, dashboardPort } = settings;
  const env = {
    IMAGE_TAG: name,
    ...settings.env,
    GATEWAY_PORT: String(gatewayPort),
    DASHBOARD_PORT: String(dashboardPort),
  };
  const compose = (...args: string[]) => docker(['compose', '--project-name', name, ...args], { env });
  const ours = `label=com.docker.compose.project=${name}`;

  async function containers(service?: string): Promise<Container[]> {
    const rows = await list('ps', '--all', '--no-trunc', '--filter', ours);
    return rows
      .map((row) => ({
        id: row.ID ?? '',
        name: row.Names ?? '',
        service: /com\.docker\.compose\.service=([^,]*)/.exec(row.Labels ?? '')?.[1] ?? '',
        state: row.State ?? '',
        health: /\((?:health: )?(\w+)\)/.exec(row.Status ?? '')?.[1] ?? 'none',
      }))
      .filter((container) => service === undefined || container.service === service)
      .sort((one, other) => one.name.localeCompare(other.name, 'en', { numeric: true }));
  }

  return {
    ...settings,
    imageTag: env.IMAGE_TAG,
    url: () => `ws://127.0.0.1:${gatewayPort}/ws`,
    dialectUrl: () => `ws://127.0.0.1:${gatewayPort}/ws/mcp`,
    compose,
    async up(scale = {}) {
      const scales = Object.entries(scale).flatMap(([service, count]) => ['--scale', `${service}=${count}`]);
      await compose('up', '--detach', '--wait', '--wait-timeout', '180', ...scales);
    },
    containers,
    async container(service) {
      const [first, ...more] = await containers(service);
      if (!first || more.length > 0) throw new Error(`${service}: not one container, but ${more.length + 1}`);
      return first;
    },
    async logs({ id }) {
      const text = await docker(['logs', id]);
      return text
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line));
    },
    async remove() {
      await compose('down', '--volumes', '--remove-orphans', '--timeout', '10');
    },
    async removeImages() {
      const images = await list('images', '--filter', `reference=cc-executor-*:${name}`);
      const tags = images.map(({ Repository, Tag }) => `${Repository}:${Tag}`);
      if (tags.length > 0) await docker(['image', 'rm', ...tags]);
    },
    async leftovers() {
      const found = await Promise.all([
        list('ps', '--all', '--filter', ours),
        list('network', 'ls', '--filter', ours),
        list('volume', 'ls', '--filter', ours),
      ]);
      return found.flat().map(({ Names, Name }) => Names ?? Name ?? '');
    },
  };
}
