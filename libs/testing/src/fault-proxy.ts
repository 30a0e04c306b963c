/**
 * A TCP proxy on loopback whose faults are data and may change while it runs: delays, black holes, refusals, resets,
 * cuts at any byte, and replies of Redis that are lost after the command was executed. Nothing of it is random, and
 * it counts what it did, so that tests wait on facts.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createLane, type Lane, type LaneFaults, resetSocket } from './fault-lane.ts';
import { freePort } from './free-port.ts';
import { createReplyTap, type DropRule, type ReplyDrop } from './reply-drop.ts';

export type HowToCut = 'fin' | 'rst';

export type ProxyFaults = {
  /** New connections: none is accepted (ECONNREFUSED), or each is reset once made. Others live on. */
  refuse?: 'refused' | 'reset';
  toTarget?: LaneFaults;
  toClient?: LaneFaults;
  /** How a fault cuts; default `rst`. */
  cutBy?: HowToCut;
  /** Needs `protocol: 'redis'`. */
  dropReply?: ReplyDrop;
};

/** What happened since the proxy was started. */
type ProxyCounters = {
  accepted: number;
  /** Reset at once; what was refused by a closed door is not seen. */
  refused: number;
  /** Connections that the proxy cut. */
  cuts: number;
  droppedReplies: number;
  bytesToTarget: number;
  bytesToClient: number;
  bytesSwallowed: number;
};

export type FaultProxy = {
  readonly port: number;
  /** An address of the proxy, such as `url('ws', '/ws')`; default is `redis://host:port`. */
  url(scheme?: string, path?: string): string;
  /** Replaces all faults, for new connections and those that are there; resolves when they are in force. */
  set(faults: ProxyFaults): Promise<void>;
  /** No faults from now on. Connections that are cut, half-closed or have lost bytes stay so. */
  reset(): Promise<void>;
  /** Connections that are open and not cut. */
  connections(): number;
  /** Cuts all connections on both sides; returns how many. */
  cutAll(how: HowToCut): number;
  counters(): Readonly<ProxyCounters>;
  /** Resolves when the counters fit, now or later. */
  until(fits: (counters: Readonly<ProxyCounters>) => boolean): Promise<void>;
  /** Resolves when the proxy has cut so many connections (default 1) since it was started. */
  untilCut(count?: number): Promise<void>;
  /** Closes the door and every connection. Idempotent. */
  close(): Promise<void>;
};

export type FaultProxyOptions = {
  target: { host?: string; port: number };
  /** `redis`: commands and replies are passed on whole, and told apart. */
  protocol?: 'redis';
};

type Connection = { set(faults: ProxyFaults): void; cut(how: HowToCut): void };

const HOST = '127.0.0.1';

/** Starts the proxy, without faults, on a free port. */
export async function startFaultProxy({ target, protocol }: FaultProxyOptions): Promise<FaultProxy> {
  const connections = new Set<Connection>();
  const sockets = new Set<Socket>();
  const watchers = new Set<() => void>();
  let faults: ProxyFaults = {};
  let rule: DropRule | undefined;
  let closing: Promise<void> | undefined;
  const counters: ProxyCounters = {
    ...{ accepted: 0, refused: 0, cuts: 0, droppedReplies: 0 },
    ...{ bytesToTarget: 0, bytesToClient: 0, bytesSwallowed: 0 },
  };

  function count(name: keyof ProxyCounters, by = 1): void {
    counters[name] += by;
    for (const look of watchers) look();
  }

  function keep(socket: Socket): void {
    sockets.add(socket.setNoDelay());
    socket.on('close', () => sockets.delete(socket));
  }

  function accept(client: Socket): void {
    keep(client);
    if (faults.refuse) {
      client.on('error', () => {
        // The client may be gone before it is refused.
      });
      resetSocket(client);
      count('refused');
      return;
    }
    const upstream = connect({ host: HOST, ...target, allowHalfOpen: true });
    keep(upstream);
    join(client, upstream);
    count('accepted');
  }

  function join(client: Socket, upstream: Socket): void {
    const tap =
      protocol === 'redis'
        ? createReplyTap(
            () => rule,
            () => count('droppedReplies'),
          )
        : undefined;
    const lane = (source: Socket, sink: Socket, toward: 'bytesToTarget' | 'bytesToClient'): Lane =>
      createLane({
        source,
        sink,
        tap: (bytes) => {
          if (!tap) return [bytes];
          return toward === 'bytesToTarget' ? tap.commands(bytes) : tap.replies(bytes);
        },
        onForwarded: (bytes) => count(toward, bytes),
        onSwallowed: (bytes) => count('bytesSwallowed', bytes),
        onCut: () => connection.cut(faults.cutBy ?? 'rst'),
      });
    const toTarget = lane(client, upstream, 'bytesToTarget');
    const toClient = lane(upstream, client, 'bytesToClient');
    const connection: Connection = {
      set(next) {
        toTarget.set(next.toTarget ?? {});
        toClient.set(next.toClient ?? {});
      },
      cut(how) {
        if (!connections.delete(connection)) return;
        toTarget.stop();
        toClient.stop();
        for (const socket of [client, upstream]) cutSocket(socket, how);
        count('cuts');
      },
    };
    connections.add(connection);
    connection.set(faults);
    let open = 2;
    for (const socket of [client, upstream]) {
      socket.on('close', () => {
        open -= 1;
        if (open > 0) return;
        toTarget.stop();
        toClient.stop();
        connections.delete(connection);
      });
    }
  }

  async function listen(port: number): Promise<Server> {
    const server = createServer({ allowHalfOpen: true }, accept).listen(port, HOST);
    await once(server, 'listening');
    return server;
  }

  const port = await freePort();
  let door: Server | undefined = await listen(port);
  let doorWork: Promise<void> = Promise.resolve();

  /** Opens or closes the door, one after the other: a port can be opened again only when it was closed. */
  function moveDoor(): Promise<void> {
    const work = doorWork.then(async () => {
      const wanted = faults.refuse !== 'refused' && closing === undefined;
      if (wanted) door ??= await listen(port);
      else {
        door?.close();
        door = undefined;
      }
    });
    doorWork = work.catch(() => {
      // Whoever asked for it is told; the next move tries anew.
    });
    return work;
  }

  async function set(next: ProxyFaults): Promise<void> {
    if (next.dropReply && protocol !== 'redis') throw new Error("dropReply needs protocol: 'redis'");
    faults = next;
    rule = next.dropReply && { drop: next.dropReply, executed: 0 };
    for (const connection of [...connections]) connection.set(next);
    await moveDoor();
  }

  function until(fits: (counters: Readonly<ProxyCounters>) => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => {
      if (!fits(counters)) return;
      watchers.delete(look);
      resolve();
    };
    watchers.add(look);
    look();
    return promise;
  }

  async function shutDown(): Promise<void> {
    await moveDoor();
    const gone = [...sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of sockets) socket.destroy();
    await Promise.all(gone);
  }

  return {
    port,
    url: (scheme = 'redis', path = '') => `${scheme}://${HOST}:${port}${path}`,
    set,
    reset: () => set({}),
    connections: () => connections.size,
    cutAll(how) {
      const open = [...connections];
      for (const connection of open) connection.cut(how);
      return open.length;
    },
    counters: () => ({ ...counters }),
    until,
    untilCut: (cuts = 1) => until((counted) => counted.cuts >= cuts),
    close: () => {
      closing ??= Promise.resolve().then(shutDown);
      return closing;
    },
  };
}

/** A FIN needs the socket to be read on: closing it with bytes unread would send a RST. */
function cutSocket(socket: Socket, how: HowToCut): void {
  if (socket.destroyed) return;
  if (how === 'rst') resetSocket(socket);
  else socket.end();
}
