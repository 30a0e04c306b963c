/**
 * The way out of claude-api's network, as an HTTP proxy: what Claude Code and its tools reach is the internet, and no
 * private, link-local or otherwise special address, such as a cloud's metadata service or a neighbour's router. Names are
 * resolved here, once, and the address that was judged is the one that is connected to.
 *
 *   EGRESS_PORTS=80,443         the only ports
 *   EGRESS_ALLOW=host:port,…    reached whatever their address and port are
 */
import { lookup } from 'node:dns/promises';
import { createServer, request as httpRequest } from 'node:http';
import { BlockList, connect, isIP } from 'node:net';

const PORT = Number(process.env.EGRESS_PORT ?? 3128);
const CONNECT_MS = 10_000;
/** A model may think for long before its first word. */
const IDLE_MS = 15 * 60_000;
const MAX_CONNECTIONS = 1_000;

const ports = listOf(process.env.EGRESS_PORTS ?? '80,443').map(Number);
const allowed = new Set(listOf(process.env.EGRESS_ALLOW ?? ''));

/** Of IPv4 what the registry of special purposes (RFC 6890) holds, and multicast; of IPv6 what is not global unicast. */
const special = makeList('ipv4', [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15'],
  ...['198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
]);
const global6 = makeList('ipv6', ['2000::/3']);
// The third holds IPv4 addresses, private ones too.
const special6 = makeList('ipv6', ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']);

const server = createServer({ requestTimeout: 0 }, (request, response) => {
  if (request.url?.startsWith('/')) return void response.end('ok\n');
  void forward(request, response).catch((error) => refuse(request, response, error));
});
server.on('connect', (request, socket, head) => {
  socket.on('error', () => socket.destroy());
  void tunnel(request, socket, head).catch((error) => {
    report(request.url, error);
    const { status, line } = answerOf(error);
    socket.end(`HTTP/1.1 ${status}\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n${line}`);
  });
});
server.maxConnections = MAX_CONNECTIONS;
server.listen(PORT, process.env.EGRESS_HOST ?? '0.0.0.0', () => {
  process.stdout.write(`${JSON.stringify({ event: 'ready', port: server.address().port })}\n`);
});
for (const name of ['SIGTERM', 'SIGINT']) process.on(name, () => process.exit(0));

/** What is said on both sides is not looked at: it is encrypted, mostly. */
async function tunnel({ url }, socket, head) {
  const upstream = await open(url, 443);
  if (socket.destroyed) return void upstream.destroy();
  socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
  if (head.length > 0) upstream.write(head);
  for (const [one, other] of [
    [socket, upstream],
    [upstream, socket],
  ]) {
    one.setTimeout(IDLE_MS, () => one.destroy());
    // Who has come to its end leaves the other to send what it still has.
    one.on('close', (hadError) => {
      if (hadError || !one.readableEnded) other.destroy();
    });
    one.pipe(other);
  }
}

async function forward(request, response) {
  const url = new URL(request.url);
  if (url.protocol !== 'http:') throw denied(`${url.protocol}//… goes through CONNECT`);
  const upstream = await open(url.host, 80);
  upstream.setTimeout(IDLE_MS, () => upstream.destroy());
  const { 'proxy-connection': _, 'proxy-authorization': __, connection: ___, ...headers } = request.headers;
  const onward = httpRequest(
    {
      createConnection: () => upstream,
      method: request.method,
      path: url.pathname + url.search,
      headers: { ...headers, host: url.host, connection: 'close' },
    },
    (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    },
  );
  onward.on('error', (error) => refuse(request, response, error));
  response.on('close', () => upstream.destroy());
  request.pipe(onward);
}

/** Connects to the first address that answers, of those that may be reached. */
async function open(authority, defaultPort) {
  const { hostname, port } = parse(authority, defaultPort);
  const isAllowed = allowed.has(`${hostname}:${port}`);
  if (!isAllowed && !ports.includes(port)) throw denied(`port ${port} is none of EGRESS_PORTS`);
  const addresses = await lookup(hostname, { all: true });
  const reachable = addresses.filter(({ address }) => isAllowed || isPublic(address));
  if (reachable.length === 0) throw denied(`${hostname} has no public address`);
  let fault;
  for (const { address } of reachable) {
    try {
      return await dial(address, port);
    } catch (error) {
      fault = error;
    }
  }
  throw fault;
}

function dial(host, port) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: CONNECT_MS, allowHalfOpen: true });
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.off('error', reject);
      socket.on('error', () => socket.destroy());
      resolve(socket);
    });
    socket.once('error', reject);
    socket.once('timeout', () => socket.destroy(new Error(`no connection within ${CONNECT_MS} ms`)));
  });
}

/** In the form in which EGRESS_ALLOW has it; other spellings of an address become the usual one. */
function parse(authority, defaultPort) {
  const url = `http://${authority}`;
  if (!URL.canParse(url)) throw denied('the target cannot be read');
  const { hostname, port } = new URL(url);
  // A URL leaves out its own default.
  const written = /:(\d+)$/.exec(authority)?.[1];
  return { hostname: hostname.replace(/^\[|\]$/g, ''), port: Number(port || written || defaultPort) };
}

function isPublic(address) {
  if (isIP(address) === 4) return !special.check(address, 'ipv4');
  return global6.check(address, 'ipv6') && !special6.check(address, 'ipv6');
}

function makeList(family, subnets) {
  const list = new BlockList();
  for (const [address, bits] of subnets.map((subnet) => subnet.split('/'))) {
    list.addSubnet(address, Number(bits), family);
  }
  return list;
}

function listOf(text) {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function denied(message) {
  return Object.assign(new Error(message), { isDenied: true });
}

function answerOf(error) {
  const status = error.isDenied ? '403 Forbidden' : '502 Bad Gateway';
  return { status, line: `the way out (egress): ${error.message}\n` };
}

function refuse(request, response, error) {
  report(URL.canParse(request.url) ? new URL(request.url).host : undefined, error);
  if (response.headersSent) return void response.destroy();
  const { status, line } = answerOf(error);
  response.writeHead(Number(status.slice(0, 3)), { 'content-type': 'text/plain' }).end(line);
}

/** The target without a path, which may hold a secret. */
function report(target, error) {
  const event = error.isDenied ? 'refused' : 'unreachable';
  process.stdout.write(`${JSON.stringify({ event, target, reason: error.message })}\n`);
}
