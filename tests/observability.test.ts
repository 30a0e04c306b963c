/**
 * What operators look at fits what the apps register: the table of docs/operations.md, the alert rules, and every panel
 * of the dashboard name only metrics and labels that exist. promtool, where it is on PATH, checks and runs the rules.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { terminalTypes } from '@cc-executor/protocol';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { labelNamesIn, metricNamesIn } from './observability/promql.ts';
import { firstScrapes, registeredMetrics, seriesNames } from './observability/registered-metrics.ts';

const root = new URL('../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');

const RULES = 'deploy/observability/prometheus/alerts.yml';
const CONFIG = 'deploy/observability/prometheus/prometheus.yml';
const DASHBOARDS = 'deploy/observability/grafana/dashboards';
/** Series of Prometheus' own. */
const OF_PROMETHEUS = ['up', 'ALERTS'];
/** Labels that Prometheus gives, or that are a histogram's. */
const GIVEN_LABELS = ['job', 'instance', 'le', 'alertstate'];

type Rule = {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string };
};
type Panel = {
  id: number;
  title: string;
  type: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string; legendFormat?: string }[];
};

const rules = (parse(read(RULES)) as { groups: { rules: Rule[] }[] }).groups.flatMap(({ rules }) => rules);
const panels = readdirSync(new URL(DASHBOARDS, root)).flatMap(
  (file) => (JSON.parse(read(`${DASHBOARDS}/${file}`)) as { panels: Panel[] }).panels,
);
/** Grafana's variables stand where PromQL wants a duration. */
const expressions = [
  ...rules.map(({ expr }) => expr),
  ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
].map((expr) => expr.replaceAll('$__rate_interval', '1m'));

const operations = read('docs/operations.md');

describe('docs/operations.md', () => {
  test('its table lists every metric that is registered, as it is registered, and no other', () => {
    const rows = operations
      .split('\n')
      .filter((line) => line.startsWith('| `cc_executor_'))
      .sort();
    const expected = registeredMetrics().map(({ name, type, labels, roles, help }) => {
      const from = roles.length === 4 ? 'all' : roles.join(', ');
      return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${from} | ${help} |`;
    });
    expect(rows).toEqual(expected.sort());
  });

  test('it says of every alert what to do, and of no other', () => {
    const runbook = operations.slice(operations.indexOf('\n## Alerts'), operations.indexOf('\n## Logs'));
    const headings = [...runbook.matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
    expect(headings).toEqual(rules.map(({ alert }) => alert));
  });
});

describe('metrics', () => {
  test('names have our prefix, and counters alone end in _total', () => {
    for (const { name, type } of registeredMetrics()) {
      expect(name).toMatch(/^cc_executor_[a-z_]+$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
    }
  });
});

describe('alert rules and dashboard', () => {
  test('name only series that the apps show', async () => {
    const known = new Set([...(await seriesNames()), ...OF_PROMETHEUS]);
    const used = expressions.flatMap(metricNamesIn);
    expect(used.length).toBeGreaterThan(40);
    expect(used.filter((name) => !known.has(name))).toEqual([]);
  });

  test('name only labels that our metrics have, or that Prometheus gives', () => {
    const known = new Set([...registeredMetrics().flatMap(({ labels }) => labels), ...GIVEN_LABELS]);
    expect(expressions.flatMap(labelNamesIn).filter((name) => !known.has(name))).toEqual([]);
  });

  test('name only outcomes that an attempt can have, and of all endings none is left out', () => {
    const lists = expressions.flatMap((expr) => [...expr.matchAll(/\boutcome=~?"([\w|]+)"/g)]);
    const named = lists.map(([, list = '']) => list.split('|'));
    const known = [...terminalTypes, 'lost', 'handed_back', 'not_begun'];
    for (const outcome of named.flat()) expect(known).toContain(outcome);
    expect(named).toContainEqual(terminalTypes);
  });

  test('a name that nobody registers would be found', async () => {
    const known = await seriesNames();
    const [name = ''] = metricNamesIn('sum(rate(cc_executor_gateway_jobs_acepted_total[5m]))');
    expect(name).toBe('cc_executor_gateway_jobs_acepted_total');
    expect(known.has(name)).toBe(false);
    expect(() => metricNamesIn('sum(rate(x[5m])')).toThrow('not PromQL');
  });

  test('every alert has a severity and one sentence for people', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { alert, labels, annotations } of rules) {
      expect(['critical', 'warning', 'info'], alert).toContain(labels.severity);
      expect(annotations.summary, alert).toMatch(/\.$/);
    }
  });

  test('what an alert counts is shown from the start: of a series that begins with its first time, that one is not seen', async () => {
    const shown = await firstScrapes();
    const counted = rules.flatMap(({ expr }) => [...expr.matchAll(/(\w+_total)\{(\w+="\w+")\}/g)]);
    expect(counted.length).toBeGreaterThan(3);
    for (const [selector, name, label] of counted) {
      expect(shown, selector).toMatch(new RegExp(`^${name}\\{.*${label}.*\\} 0$`, 'm'));
    }
  });

  test('panels have ids of their own, lie within the grid and do not overlap', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Set<string>();
    for (const { title, gridPos } of panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x},${y}`), title).toBe(false);
          taken.add(`${x},${y}`);
        }
      }
    }
  });
});

describe('Prometheus', () => {
  test('asks every kind of service that has metrics, by the name and port that the stack gives it', () => {
    const { scrape_configs: jobs } = parse(read(CONFIG)) as {
      scrape_configs: {
        job_name: string;
        dns_sd_configs?: { names: string[]; type: string; port: number }[];
      }[];
    };
    const found = jobs.flatMap(({ job_name, dns_sd_configs: [sd] = [] }) =>
      sd ? [[job_name, sd.names, sd.type, sd.port]] : [],
    );
    expect(found).toEqual([
      ['gateway', ['gateway'], 'A', 8003],
      ['worker', ['worker'], 'A', 8002],
      ['claude-api', ['claude-api'], 'A', 8000],
    ]);
  });

  test('promtool takes configuration and rules, and the rules do what their tests say', (context) => {
    const folder = new URL('deploy/observability/prometheus/', root);
    const run = (...args: string[]) => spawnSync('promtool', args, { cwd: folder, encoding: 'utf8' });
    if (run('--version').error) context.skip('promtool is not on PATH (Debian: apt-get install prometheus)');
    for (const args of [
      ['check', 'config', 'prometheus.yml'],
      ['check', 'rules', 'alerts.yml'],
      ['test', 'rules', 'alerts.test.yml'],
    ]) {
      const { status, stdout, stderr } = run(...args);
      expect(status, stdout + stderr).toBe(0);
    }
  });
});

describe('docker-compose.observability.yml', () => {
  type Compose = {
    services?: Record<string, { image: string; ports?: string[]; networks?: string[]; volumes?: string[] }>;
    networks?: Record<string, unknown>;
  };
  const merge = { merge: true };
  const compose = parse(read('docker-compose.observability.yml'), merge) as Compose;
  const services = Object.entries(compose.services ?? {});

  test('pins its images and publishes on loopback unless told otherwise', () => {
    for (const [name, { image, ports = [] }] of services) {
      expect(image, name).toMatch(/:\$\{[A-Z_]+:-v?\d+\.\d+\.\d+\}$/);
      for (const port of ports)
        expect(port, name).toMatch(/^\$\{OBSERVABILITY_BIND_ADDRESS:-127\.0\.0\.1\}:/);
    }
  });

  test('mounts only what is there', () => {
    const mounts = services.flatMap(([, { volumes = [] }]) =>
      volumes.filter((each) => each.startsWith('./')),
    );
    expect(mounts.length).toBeGreaterThan(0);
    for (const mount of mounts) expect(existsSync(new URL(mount.split(':')[0]!, root)), mount).toBe(true);
  });

  test('uses only networks that it or the stack declares', (context) => {
    if (!existsSync(new URL('docker-compose.yml', root))) context.skip('there is no docker-compose.yml');
    const base = parse(read('docker-compose.yml'), merge) as Compose;
    const known = { ...base.networks, ...compose.networks };
    for (const [name, { networks = [] }] of services) {
      for (const network of networks) expect(Object.keys(known), name).toContain(network);
    }
  });
});
