/**
 * What an execution sees of the file system: all that there is, save some folders that seem empty and some files that seem
 * empty. It is made by mounts in a mount namespace of its own, which what runs there has no right to undo.
 */

export type View = {
  /** Folders and files. What is not there is left out. */
  readonly hidden: readonly string[];
  /** Of these and what lies below hidden ones the following are there all the same. */
  readonly shown: readonly string[];
  /** Likewise, but nothing can be written there. */
  readonly readOnly: readonly string[];
};

type Numbers = {
  readonly mount: number;
  readonly prctl: number;
  readonly capget: number;
  readonly capset: number;
};

const NUMBERS: Partial<Record<NodeJS.Architecture, Numbers>> = {
  x64: { mount: 165, prctl: 157, capget: 125, capset: 126 },
  arm64: { mount: 40, prctl: 167, capget: 90, capset: 91 },
};
/**
 * What root's programs may go on doing, as in a usual container, by number: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID,
 * SETUID, SETPCAP, NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, AUDIT_WRITE, SETFCAP. None undoes a mount, or leaves a namespace.
 */
const KEPT_BY_ROOT = [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 29, 31].reduce((mask, bit) => mask + 2 ** bit, 0);

/** The exit code when the view could not be made. */
export const VIEW_FAILED = 125;

/** Perl that reads the arguments of `viewArguments` into %of: lists of paths by the letter that stands before them. */
export const READ_VIEW = `
my %of;
while (defined(my $word = shift @ARGV)) {
  last if $word eq '--';
  push @{$of{substr($word, 0, 1)}}, substr($word, 1);
}
`;

/**
 * A program for perl: makes the view that the arguments up to `--` describe, gives up the rights that this takes, and
 * becomes the command that follows; no right is won by that, which would undo that it ends with unshare. What is shown is opened before anything is hidden, so that it can be found. Perl,
 * because it can make system calls, is quick to start, and is found on nearly every machine.
 */
const script = ({ mount, prctl, capget, capset }: Numbers) => `
use strict;
my ($none, $bind, $recursive, $path_only) = (0, 4096, 16384, 2097152);
my @at;
${READ_VIEW}
sub must {
  my ($result, $what) = @_;
  return if $result == 0;
  print STDERR "cc-executor cannot make the sandbox ($what: $!)\\n";
  exit ${VIEW_FAILED};
}
sub sorted { return sort { length $a <=> length $b } @{$of{$_[0]} || []} }
sub attach {
  my ($file, $target) = @_;
  my ($source, $flags) = ("/proc/self/fd/" . fileno($file), $bind | $recursive);
  must(syscall(${mount}, $source, $target, $none, $flags, $none), $target);
}
sub folders {
  my ($path) = @_;
  return if -d $path;
  folders($1) if $path =~ m{^(.+)/[^/]+$};
  mkdir $path, 0700;
}
sysopen(my $empty, '/dev/null', $path_only) or must(1, '/dev/null');
for my $path (sorted('s'), sorted('r')) {
  my $file;
  push @at, [$path, $file] if sysopen($file, $path, $path_only);
}
for my $path (sorted('h')) {
  my ($type, $options) = ('tmpfs', 'mode=0700,size=1m');
  if (-d $path) { must(syscall(${mount}, $type, $path, $type, 6, $options), $path) }
  elsif (-e $path) { attach($empty, $path) }
}
for (@at) {
  my ($path, $file) = @$_;
  if (-d $file) { folders($path) }
  elsif (!-e $path) { folders($1) if $path =~ m{^(.+)/[^/]+$}; open(my $new, '>', $path) }
  attach($file, $path);
}
for my $path (sorted('r')) {
  my $attributes = pack('Q4', 1, 0, 0, 0);
  must(syscall(442, -100, $path, 32768, $attributes, length $attributes), $path) if -e $path;
}
chdir $of{c}[0] or must(1, $of{c}[0]);
my $kept = $> == 0 ? ${KEPT_BY_ROOT} : 0;
$_ < 32 and $kept >> $_ & 1 or syscall(${prctl}, 24, $_, 0, 0, 0) for 0 .. 63;
syscall(${prctl}, 47, 4, 0, 0, 0);
my ($header, $now) = (pack('Ll', 0x20080522, 0), pack('L6', (0) x 6));
must(syscall(${capget}, $header, $now), 'capget');
$kept &= (unpack('L6', $now))[1];
my $then = pack('L6', $kept, $kept, 0, 0, 0, 0);
must(syscall(${capset}, $header, $then), 'capset');
exec { $ARGV[0] } @ARGV;
exit 127;
`;

/** Perl's arguments, which those of `viewArguments` follow; undefined on a processor whose system calls are not known. */
export function viewProgram(): readonly string[] | undefined {
  const numbers = NUMBERS[process.arch];
  return numbers === undefined ? undefined : ['-e', script(numbers), '--'];
}

/** Describes a view, and where in it to begin, to that program; the command follows. */
export function viewArguments({ cwd, hidden, shown, readOnly }: View & { cwd: string }): string[] {
  return [
    `c${cwd}`,
    ...hidden.map((path) => `h${path}`),
    ...shown.map((path) => `s${path}`),
    ...readOnly.map((path) => `r${path}`),
    '--',
  ];
}
