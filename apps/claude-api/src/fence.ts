/**
 * Where nothing can be mounted, Landlock takes the view's place: what is hidden can be neither read nor changed, and nothing
 * can be made in it; its names are still to be seen. Landlock knows only what is allowed, below whole folders. So nothing
 * new can be made beside what is hidden, and that is hidden only where nobody would miss it.
 */
import { accessSync, constants, existsSync, readdirSync, realpathSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { READ_VIEW, type View } from './view.ts';

/** All that Linux 6.12 can forbid with files, but to list a folder (8), which would take `ls /` away, too. */
const ALL = 0x7ff7;
/** Of these, what there is for a file: to execute, write, read and truncate it. */
const OF_FILES = 0x4007;
/** To execute and to read. */
const READING = 0x0005;

/**
 * Perl that fences itself in, with all that it starts, as the arguments of `viewArguments` say; no signal leaves it, and
 * nothing outside is looked into. It needs no right but that no privileges can be won any more.
 */
export const FENCE = `
${READ_VIEW}
my (%hidden, %above);
for my $path (@{$of{h} || []}) {
  $hidden{$path} = 1;
  $above{$path || '/'} = 1 while $path =~ s{/[^/]*$}{};
}
my $scopes = pack('Q3', %hidden ? ${ALL} : 0, 0, 3);
my $rules = syscall(444, $scopes, length $scopes, 0);
sub must { $_[0] == 0 and return; print STDERR "cc-executor cannot make the sandbox ($_[1]: $!)\\n"; exit 125 }
sub allow {
  my ($path, $access) = @_;
  # Where a link leads to is allowed, or not, where it is.
  return if -l $path || !sysopen(my $file, $path, 2097152);
  my $rule = pack('Ql', -d $file ? $access : $access & ${OF_FILES}, fileno $file);
  must(syscall(445, $rules, 1, $rule, 0), $path);
}
must($rules < 0, 'landlock');
for my $folder (grep { !$hidden{$_} } keys %above) {
  opendir(my $list, $folder) or next;
  for my $name (grep { !/^\\.\\.?$/ } readdir $list) {
    my $path = $folder eq '/' ? "/$name" : "$folder/$name";
    allow($path, ${ALL}) unless $above{$path} || $hidden{$path};
  }
}
if (%hidden) {
  allow($_, ${ALL}) for @{$of{s} || []};
  allow($_, ${READING}) for @{$of{r} || []};
}
must(syscall(446, $rules, 0), 'landlock');
`;

const answers = new Map<string, boolean>();

/** Whether what has this path can be hidden so. */
export function isFenceable(path: string): boolean {
  const real = realPath(path);
  const folder = dirname(real);
  // Asked once: an execution must not change what the next one is kept from.
  const answer = answers.get(real) ?? mayBeClosed(folder, real);
  answers.set(real, answer);
  return answer && (folder === '/' || isFenceable(folder));
}

/** Of a view what can be had so. */
export function fencedView({ hidden, shown, readOnly }: View): View {
  return {
    hidden: hidden.filter(isFenceable).map(realPath),
    shown: shown.map(realPath),
    readOnly: readOnly.map(realPath),
  };
}

/** Whether nobody misses it when nothing new can be made in a folder, beside this path. */
function mayBeClosed(folder: string, path: string): boolean {
  if (!existsSync(folder)) return true;
  // Else what is in it could not be allowed one by one.
  if (!allows(folder, constants.R_OK)) return false;
  if (!allows(folder, constants.W_OK)) return true;
  const isShared = ['/tmp', '/var/tmp', tmpdir(), homedir()].map(realPath).includes(folder);
  return !isShared && readdirSync(folder).every((name) => join(folder, name) === path);
}

function allows(folder: string, mode: number): boolean {
  try {
    accessSync(folder, mode);
    return true;
  } catch {
    // Not for us, or it lies on a file system that is read-only.
    return false;
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // It is not there yet.
    return path;
  }
}
