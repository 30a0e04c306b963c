/**
 * What calls need of undici: a connection, and requests over it. All of undici, with `fetch`, caches and WebSockets, would
 * take each process 6 MB more.
 */
import type { Dispatcher } from 'undici';
import request from 'undici/lib/api/api-request.js';
import buildConnector from 'undici/lib/core/connect.js';
import Client from 'undici/lib/dispatcher/client.js';

// As undici itself does where all of it is loaded.
Object.assign(Client.prototype, { request });

export { buildConnector, Client, type Dispatcher };
