/**
 * Writes the documentation that follows from the code: docs/configuration.md, docs/schema/*.json, docs/openapi.json,
 * docs/asyncapi.json, docs/sdk.md and what the gateway's page of it is made of, the tables of options, and the messages
 * as plain TypeScript.
 * With --check it writes nothing, names the files that differ and exits with 1.
 */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generateConfiguration } from './configuration.ts';
import { compareFiles, type GeneratedFiles, writeFiles } from './files.ts';
import { generateOptionTables } from './options.ts';
import { generateReference } from './reference.ts';
import { generateSchemas } from './schemas.ts';
import { generateTypeScript } from './typescript.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

const typeScript = generateTypeScript();
const files: GeneratedFiles = {
  contents: new Map([
    ...(await generateConfiguration(root)),
    ...generateSchemas(),
    ...generateOptionTables(root),
    ...typeScript,
    ...generateReference(root, typeScript),
  ]),
  ownedFolders: ['docs/schema', 'libs/protocol/src/generated', 'apps/gateway/src/doors/http/generated'],
};

const differing = compareFiles(root, files);
if (!process.argv.includes('--check')) {
  writeFiles(root, files, differing);
  for (const file of differing) console.log(`written: ${relative(process.cwd(), root + file)}`);
} else if (differing.length > 0) {
  for (const file of differing) console.error(`differs from the code: ${file}`);
  console.error('Run `npm run generate` and commit what it writes.');
  process.exitCode = 1;
}
