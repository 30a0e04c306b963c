/** client → gateway: name, address, port, HTTP, readiness, WebSocket; and what the gateway knows of the others. */
import { ClientError, createClient } from '@cc-executor/client';
import { type ServicesAnswer, servicesAnswerSchema } from '@cc-executor/fleet';
import { tokenOptions } from '../config.ts';
import { describeError } from '../describe-error.ts';
import { judgeClock } from './clock.ts';
import { type Finding, fail, ok, skip } from './finding.ts';
import { below, checkHttp } from './http-checks.ts';
import { get, type HttpAnswer } from './network.ts';

const SUBJECT = 'client → gateway';
const CONNECT_MS = 5_000;
const SERVICES_MS = 5_000;

export type GatewayCheck = {
  findings: Finding[];
  services: ServicesAnswer | undefined;
  /** Versions met, by who has them. */
  versions: Record<string, string>;
  isConnected: boolean;
};

export async function checkGateway(url: string): Promise<GatewayCheck> {
  const base = httpBase(url);
  const { findings, answers, address } = await checkHttp({
    subject: SUBJECT,
    base,
    target: 'gateway',
    service: 'gateway',
  });
  if (address === undefined) return { findings, services: undefined, versions: {}, isConnected: false };
  const [door, listing] = await Promise.all([
    openDoor(url),
    get(below(base, '/services'), address, SERVICES_MS),
  ]);
  const services = servicesAnswerSchema.safeParse(listing.body).data;
  const [answer] = answers;
  return {
    findings: [
      ...findings,
      door,
      ...(answer === undefined ? [] : checkClock(answer)),
      ...(services === undefined ? [withoutServices(listing)] : []),
    ],
    services,
    versions: typeof answer?.body?.version === 'string' ? { gateway: answer.body.version } : {},
    isConnected: door.level === 'ok',
  };
}

/** `ws://host/cce/ws` is answered for at `http://host/cce`. */
function httpBase(url: string): URL {
  const base = new URL(url);
  base.protocol = base.protocol === 'wss:' ? 'https:' : 'http:';
  base.pathname = base.pathname.replace(/\/ws\/?$/, '');
  base.search = '';
  return base;
}

async function openDoor(url: string): Promise<Finding> {
  const from = performance.now();
  const client = createClient({ url, ...tokenOptions(url), connectTimeoutMs: CONNECT_MS });
  try {
    const { version } = await client.connect();
    const latencyMs = Math.round((performance.now() - from) * 10) / 10;
    return ok(SUBJECT, `WebSocket at ${new URL(url).pathname}: connected, protocol ${version}`, latencyMs);
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    return fail(
      SUBJECT,
      `HTTP works, but no WebSocket at ${new URL(url).pathname}: ${describeError(error).message.split('\n')[0]}`,
      'Does the path end in /ws, and does the proxy in between pass WebSocket upgrades on?',
    );
  } finally {
    await client.close();
  }
}

/** How far the gateway's clock is from this machine's. */
function checkClock({ body, latencyMs }: HttpAnswer): Finding[] {
  const { time } = (body?.system ?? {}) as { time?: number };
  if (typeof time !== 'number') return [];
  return [judgeClock('client, gateway', Math.round(time - (Date.now() - latencyMs / 2)), 'the gateway')];
}

function withoutServices({ statusCode, code }: HttpAnswer): Finding {
  const why =
    statusCode === 404
      ? 'a proxy in front keeps it back, or the gateway is too old; a doctor in its container knows more'
      : `no list (${code ?? `HTTP ${statusCode}`})`;
  return skip('gateways, workers', `what they see is not known: ${why}`);
}
