/** Stand-ins for programs that a machine may have: shell scripts in a folder that can be a PATH. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Puts a program there, and returns its file. */
export function writeProgram(folder: string, name: string, script: string, mode = 0o755): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode });
  return file;
}

/** What a Redis server answers to --version. */
export function versionScript(version: string, says = 'Redis'): string {
  return `echo "${says} server v=${version} sha=00000000:0 malloc=libc bits=64 build=1"`;
}

/**
 * An apt-get that notes its calls in `calls` beside it, and knows the named server only, and a dpkg that unpacks what
 * "was downloaded": a server that runs `server`.
 */
export function writeTools(
  folder: string,
  { known = 'redis-server', server = versionScript('7.0.15'), update = ':' } = {},
): void {
  writeProgram(
    folder,
    'apt-get',
    `for each in "$@"; do last=$each; case $each in Dir::Cache=*) cache=\${each#*=} ;; esac; done
echo "$last" >>"${folder}/calls"
if [ "$last" = update ]; then ${update}; exit; fi
if [ "$last" != "${known}" ]; then echo "E: Unable to locate package $last" >&2; exit 100; fi
echo "$last" >"$cache/archives/\${last}_1_all.deb"`,
  );
  writeProgram(
    folder,
    'dpkg',
    `/bin/mkdir -p "$3/usr/bin"
/bin/cat >"$3/usr/bin/${known}" <<'END'
#!/bin/sh
${server}
END
/bin/chmod +x "$3/usr/bin/${known}"`,
  );
}
