/** Node's HTTP. Imported, it would bring along all that stands behind its exports, Node's own undici first of all: 7 MB in every service. */
export const http = process.getBuiltinModule('node:http');
export const https = process.getBuiltinModule('node:https');
