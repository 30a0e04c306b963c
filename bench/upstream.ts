/** An upstream for benchmarks: answers with `chunks` lines of text deltas, `paceMs` apart (0: as fast as it can). */
import { createServer } from 'node:http';

const [chunks = '1000', paceMs = '0'] = process.argv.slice(2);
const total = Number(chunks);
const line = `${JSON.stringify({
  type: 'stream_event',
  event: { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'x'.repeat(50) } },
})}\n`;

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.end('{}');
    return;
  }
  request.resume();
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.write('{"type":"start","execution_id":"bench","engine":"bench"}\n');
  let sent = 0;
  const end = () => {
    response.write('{"type":"result","subtype":"success","is_error":false}\n');
    response.end('{"type":"complete","execution_id":"bench","status":"success","exit_code":0}\n');
  };
  if (Number(paceMs) > 0) {
    const timer = setInterval(() => {
      response.write(line);
      sent += 1;
      if (sent < total) return;
      clearInterval(timer);
      end();
    }, Number(paceMs));
    return;
  }
  const pump = () => {
    while (sent < total) {
      sent += 1;
      if (!response.write(line)) {
        response.once('drain', pump);
        return;
      }
    }
    end();
  };
  pump();
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as { port: number }).port}\n`);
});
