/** Parts of undici that its types know only by the names under which all of it exports them. */
declare module 'undici/lib/dispatcher/client.js' {
  import { Client } from 'undici';

  export default Client;
}

declare module 'undici/lib/core/connect.js' {
  import { buildConnector } from 'undici';

  export default buildConnector;
}

declare module 'undici/lib/api/api-request.js' {
  import type { Client } from 'undici';

  const request: Client['request'];
  export default request;
}
