/** One address in front of several gateways, as a load balancer is: each connection goes to the next that answers. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type Balancer = { port: number; close(): Promise<void> };

/** Starts it; `ports` are on loopback. */
export async function startBalancer(ports: readonly number[]): Promise<Balancer> {
  const sockets = new Set<Socket>();
  let next = 0;

  const server = createServer((client) => {
    keep(client);
    void dial(ports.length).then((target) => {
      if (!target) return client.destroy();
      keep(target);
      client.pipe(target).pipe(client);
      client.once('close', () => target.destroy());
      target.once('close', () => client.destroy());
    });
  });

  function keep(socket: Socket): void {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // 'close' follows, and ends the other side.
    socket.on('error', () => {});
  }

  async function dial(tries: number): Promise<Socket | undefined> {
    if (tries === 0) return undefined;
    const socket = connect(ports[next % ports.length]!, '127.0.0.1');
    next += 1;
    try {
      await once(socket, 'connect');
      return socket;
    } catch {
      // Nobody there: the next one.
      return dial(tries - 1);
    }
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
