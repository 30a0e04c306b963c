/** Writes text to an HTTP response with backpressure; to one whose caller has gone it writes nothing. */
import type { ServerResponse } from 'node:http';

export type ResponseWriter = {
  /** Undefined when there is room for more; otherwise a promise until there is, or until the caller has gone. */
  write(text: string): Promise<void> | undefined;
  /** Ends the response in good order. */
  end(text: string): void;
  /** Writes, then cuts the connection, so that the caller sees an incomplete response. */
  breakOff(text: string): void;
};

/** Sends the headers at once. */
export function openResponse(response: ServerResponse, contentType: string): ResponseWriter {
  response.writeHead(200, {
    'content-type': contentType,
    'cache-control': 'no-store',
    // Proxies such as nginx would otherwise collect the stream.
    'x-accel-buffering': 'no',
  });
  return {
    write(text) {
      if (response.destroyed || response.write(text)) return undefined;
      return untilRoom(response);
    },
    end(text) {
      if (!response.destroyed) response.end(text);
    },
    breakOff(text) {
      if (!response.destroyed) response.write(text, () => response.destroy());
    },
  };
}

function untilRoom(response: ServerResponse): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = () => {
    response.off('drain', done);
    response.off('close', done);
    resolve();
  };
  response.on('drain', done);
  response.on('close', done);
  return promise;
}
