/** What claude-api, and with it what Claude Code runs, reaches of the world: nothing directly, through egress what is public. */
import { expect, onTestFinished, test } from 'vitest';
import { docker } from './support/docker.ts';
import { useStack } from './support/stack.ts';

const stack = useStack();

const inClaudeApi = async (script: string) =>
  JSON.parse(await docker(['exec', (await stack().container('claude-api')).id, 'node', '-e', script]));

/** Which of these can be connected to, within two seconds. */
const reachable = (targets: readonly [string, number][]): Promise<string[]> =>
  inClaudeApi(`
    const dial = ([host, port]) => new Promise((resolve) => {
      const socket = require('net').connect({ host, port, timeout: 2000 });
      socket.on('connect', () => (socket.destroy(), resolve(host)));
      for (const end of ['error', 'timeout']) socket.on(end, () => (socket.destroy(), resolve()));
    });
    Promise.all(${JSON.stringify(targets)}.map(dial)).then((all) => console.log(JSON.stringify(all.filter(Boolean))));`);

/** What egress answers to a request for a tunnel: the status, and the beginning of what comes through it. */
const tunnels = (targets: readonly string[]): Promise<Record<string, string>> =>
  inClaudeApi(`
    const proxy = new URL(process.env.HTTPS_PROXY);
    const ask = (target) => new Promise((resolve) => {
      let text = '';
      const socket = require('net').connect({ host: proxy.hostname, port: Number(proxy.port), timeout: 5000 });
      socket.on('data', (data) => (text += data)).on('timeout', () => socket.destroy());
      socket.on('error', () => {}).on('close', () => resolve([target, text]));
      socket.write('CONNECT ' + target + ' HTTP/1.1\\r\\n\\r\\nGET / HTTP/1.0\\r\\n\\r\\n');
    });
    Promise.all(${JSON.stringify(targets)}.map(ask)).then((all) => console.log(JSON.stringify(Object.fromEntries(all))));`);

/** The addresses that this machine has in the networks of claude-api, or would have. */
async function hostAddresses(): Promise<string[]> {
  const names = ['upstream', 'outward', 'internet', 'edge'].map((name) => `${stack().name}_${name}`);
  const format = '{{range .IPAM.Config}}{{.Gateway}} {{.Subnet}}{{end}}';
  const lines = (await docker(['network', 'inspect', '--format', format, ...names])).trim().split('\n');
  return lines.map((line) => {
    const [gateway, subnet = ''] = line.split(' ');
    return gateway || subnet.replace(/\.0\/\d+$/, '.1');
  });
}

/** Something that listens on this machine itself, on all of its addresses. */
async function listenOnHost(): Promise<number> {
  const script =
    "const s = require('net').createServer((c) => c.end()).listen(0, () => console.log(s.address().port))";
  const name = `${stack().name}-on-host`;
  await docker([
    'run',
    '--detach',
    '--name',
    name,
    '--network',
    'host',
    '--init',
    'node:26-trixie-slim',
    'node',
    '-e',
    script,
  ]);
  onTestFinished(() => docker(['rm', '--force', name]).then(() => {}));
  for (;;) {
    const port = Number(await docker(['logs', name]));
    if (port > 0) return port;
  }
}

test('claude-api reaches nothing directly: no public address, no private one, not this machine', async () => {
  const port = await listenOnHost();
  const targets: [string, number][] = [
    ...(await hostAddresses()).map((address): [string, number] => [address, port]),
    ['1.1.1.1', 443],
    ['169.254.169.254', 80],
    ['172.17.0.1', port],
    ['host.docker.internal', port],
    ['redis', 6379],
    ['gateway', 8003],
  ];
  expect(await reachable(targets)).toEqual([]);
  expect(await reachable([['egress', 3128]])).toEqual(['egress']);
});

test('nor does egress for it, by address or by name', async () => {
  const port = await listenOnHost();
  const hosts = [...(await hostAddresses()), '169.254.169.254', '127.0.0.1', '[::1]', 'localhost', 'egress'];
  const targets = hosts.flatMap((host) => [`${host}:443`, `${host}:${port}`]);
  const answers = await tunnels(targets);
  expect(Object.keys(answers)).toHaveLength(targets.length);
  expect(Object.entries(answers).filter(([, answer]) => !answer.startsWith('HTTP/1.1 403 '))).toEqual([]);
});

test('a public address is reached through egress', async () => {
  // There may be no internet here: a network of our own with a public range stands for it.
  const name = `${stack().name}-public`;
  const address = '11.11.11.2';
  await docker(['network', 'create', '--subnet', '11.11.11.0/24', name]);
  const { id } = await stack().container('egress');
  onTestFinished(async () => {
    await docker(['rm', '--force', name]);
    await docker(['network', 'disconnect', name, id]);
    await docker(['network', 'rm', name]);
  });
  const script = "require('http').createServer((q, r) => r.end('public')).listen(443)";
  await docker([
    ...['run', '--detach', '--name', name, '--network', name, '--ip', address, '--init'],
    ...['node:26-trixie-slim', 'node', '-e', script],
  ]);
  await docker(['network', 'connect', name, id]);
  const target = `${address}:443`;
  await expect
    .poll(async () => (await tunnels([target]))[target], { timeout: 20_000 })
    .toMatch(/^HTTP\/1\.1 200 Connection established\r\n\r\nHTTP\/1\.1 200 OK.*public$/s);
  expect(await reachable([[address, 443]])).toEqual([]);
});

test('nobody else gets out', async () => {
  for (const service of ['worker', 'gateway', 'redis']) {
    const { id } = await stack().container(service);
    const routes = await docker(['exec', id, 'cat', '/proc/net/route']);
    expect(
      routes.split('\n').filter((line) => line.split('\t')[1] === '00000000'),
      service,
    ).toEqual([]);
  }
});
