/**
 * Completion scripts, made from the commands themselves. In each a function walks from word to word to the command that is
 * meant, passing over what options take; there it offers commands, options after a dash, and an option's choices.
 * Where there is nothing to offer the shell completes files.
 */
import type { Command, Option } from 'commander';

export type Shell = 'bash' | 'zsh' | 'fish';

type Word = { word: string; description: string };

/** A command by its path, such as `batch run`; that of the program is empty. */
type Place = {
  path: string;
  commands: Word[];
  /** What its arguments may be. */
  names: string[];
  options: (Word & { takesValue: boolean; choices: string[] })[];
};

/** The script for a shell to read. */
export function completionFor(shell: Shell, program: Command): string {
  const places = placesOf(program);
  if (shell === 'fish') return fishScript(program.name(), places);
  const script = bashScript(program.name(), places);
  return shell === 'zsh' ? `autoload -U +X bashcompinit && bashcompinit\n${script}` : script;
}

function placesOf(command: Command, path = ''): Place[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command);
  const place: Place = {
    path,
    commands: commands.map((sub) => ({ word: sub.name(), description: sub.description() })),
    names: command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices),
    options: help.visibleOptions(command).flatMap(describeOption),
  };
  return [place, ...commands.flatMap((sub) => placesOf(sub, join(path, sub.name())))];
}

function describeOption(option: Option): Place['options'] {
  const { short, long, description, required, optional, argChoices: choices = [] } = option;
  const takesValue = required || optional;
  return [short, long].flatMap((word) => (word ? [{ word, description, takesValue, choices }] : []));
}

function join(path: string, word: string): string {
  return path === '' ? word : `${path} ${word}`;
}

/** Each option that takes something, and each command below another, with the path in front. */
function steps(places: Place[]) {
  const valued = places.flatMap(({ path, options }) =>
    options
      .filter(({ takesValue }) => takesValue)
      .map(({ word, choices }) => ({ step: `${path} ${word}`, choices })),
  );
  const commands = places.flatMap(({ path, commands }) => commands.map(({ word }) => `${path} ${word}`));
  return { valued, commands };
}

/** Names that are special to zsh (`path`, `words`, `options`) are no variables here. */
function bashScript(name: string, places: Place[]): string {
  const fn = `_${name.replaceAll('-', '_')}`;
  const { valued, commands } = steps(places);
  const choices = valued.filter((option) => option.choices.length > 0);
  return `${fn}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" place='' value='' offered='' flags='' word
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:$((COMP_CWORD - 1))}"; do
    if [[ -n $value ]]; then value=''; continue; fi
    case "$place $word" in
      ${valued.map(({ step }) => quote(step)).join('|')}) value="$place $word" ;;
      ${commands.map(quote).join('|')}) place="\${place:+$place }$word" ;;
    esac
  done
  if [[ -n $value ]]; then
    case "$value" in
${choices.map((option) => `      ${quote(option.step)}) offered=${quote(option.choices.join(' '))} ;;`).join('\n')}
    esac
  else
    case "$place" in
${places.map((place) => `      ${quote(place.path)}) offered=${quote(namesOf(place))}; flags=${quote(optionsOf(place))} ;;`).join('\n')}
    esac
    if [[ $current == -* ]]; then offered="$flags"; fi
  fi
  COMPREPLY=($(compgen -W "$offered" -- "$current"))
}
complete -o default -F ${fn} ${name}
`;
}

function namesOf({ commands, names }: Place): string {
  return [...commands.map(({ word }) => word), ...names].join(' ');
}

function optionsOf({ options }: Place): string {
  return options.map(({ word }) => word).join(' ');
}

function fishScript(name: string, places: Place[]): string {
  const fn = `__${name.replaceAll('-', '_')}_at`;
  const { valued, commands } = steps(places);
  const lines = places.flatMap(({ path, commands, names, options }) => {
    const begin = `complete -c ${name} -n ${fishQuote(`${fn} ${fishQuote(path)}`)}`;
    return [
      ...commands.map(({ word, description }) => `${begin} -f -a ${word} -d ${fishQuote(description)}`),
      ...names.map((word) => `${begin} -f -a ${word}`),
      ...options.map(({ word, description, takesValue, choices }) => {
        const flag = word.startsWith('--') ? `-l ${word.slice(2)}` : `-s ${word.slice(1)}`;
        const values = choices.length > 0 ? ` -x -a ${quote(choices.join(' '))}` : takesValue ? ' -r' : '';
        return `${begin} ${flag}${values} -d ${fishQuote(description)}`;
      }),
    ];
  });
  return `function ${fn}
  set -l path ''
  set -l value ''
  for word in (commandline -opc)[2..-1]
    if test -n "$value"
      set value ''
      continue
    end
    switch "$path $word"
      case ${valued.map(({ step }) => quote(step)).join(' ')}
        set value 1
      case ${commands.map(quote).join(' ')}
        set path (string trim "$path $word")
    end
  end
  test "$path" = "$argv[1]"
end
${lines.join('\n')}
`;
}

/** For bash and zsh, where nothing within quotes has a meaning. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function fishQuote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
