/** Shells that a completion script is written for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

export type Shell = (typeof SHELLS)[number];

/** What can stand in one place of the command line; empty: anything, nothing is offered. */
export interface Completed {
  readonly words?: readonly string[];
  /** Endings of the files that fit, besides folders on the way to them; empty: all files. */
  readonly files?: readonly string[];
  readonly folders?: boolean;
  /** `name=` of the params of the recipes on the line. */
  readonly params?: boolean;
}

export interface CompletedCommand {
  readonly name: string;
  readonly description: string;
  readonly operand: Completed;
  /** `value`: null for a flag. */
  readonly options: readonly {
    readonly name: string;
    readonly description: string;
    readonly value: Completed | null;
  }[];
}

export function scriptFor(shell: Shell, commands: readonly CompletedCommand[]): string {
  const sorted = [...commands].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { bash, zsh, fish }[shell](sorted);
}

const names = (commands: readonly CompletedCommand[]) => commands.map(({ name }) => name).join(" ");

/** Options that take a value, with the command they belong to. */
function valued(commands: readonly CompletedCommand[]) {
  return commands.flatMap(({ name: command, options }) =>
    options.flatMap(({ name, value }) => (value ? [{ command, name, value }] : [])),
  );
}

function bash(commands: readonly CompletedCommand[]): string {
  const values = valued(commands).map(
    ({ command, name, value }) => `    "${command} ${name}") ${bashAction(value)}; return ;;`,
  );
  const options = commands.map(
    ({ name, options }) => `      ${name}) _ctx_words "${options.map((option) => option.name).join(" ")} --help" ;;`,
  );
  const operands = commands.map(({ name, operand }) => `    ${name}) ${bashAction(operand)} ;;`);
  return `# Completion of ctx for bash. In ~/.bashrc: source <(ctx completion bash)

_ctx_words() {
  COMPREPLY=($(compgen -W "$1" -- "$current"))
}

# Files with one of the endings, and folders on the way to them; without endings all files.
_ctx_files() {
  local ending
  compopt -o filenames 2>/dev/null
  [[ $# -eq 0 ]] && { mapfile -t COMPREPLY < <(compgen -f -- "$current"); return; }
  mapfile -t COMPREPLY < <(
    compgen -d -- "$current"
    for ending in "$@"; do compgen -f -X "!*.$ending" -- "$current"; done
  )
}

_ctx_folders() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -d -- "$current")
}

# name= for each param of the recipes on the line.
_ctx_params() {
  local word names=
  compopt -o nospace 2>/dev/null
  for word in "\${COMP_WORDS[@]}"; do
    [[ $word == *.ctx && -f $word ]] &&
      names+=" $(sed -n 's/^[[:space:]]*param[[:space:]]\\{1,\\}\\([A-Za-z_][A-Za-z0-9_]*\\).*/\\1=/p' "$word")"
  done
  _ctx_words "$names"
}

_ctx() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} command= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ \${COMP_WORDS[i]} == -* ]] || { command=\${COMP_WORDS[i]}; break; }
  done
  if [[ -z $command ]]; then
    _ctx_words "${names(commands)} --help --version --debug"
    return
  fi
  case "$command $previous" in
${values.join("\n")}
  esac
  if [[ $current == -* ]]; then
    case $command in
${options.join("\n")}
    esac
    return
  fi
  case $command in
${operands.join("\n")}
  esac
}

complete -F _ctx ctx
`;
}

function bashAction({ words, files, folders, params }: Completed): string {
  if (words) return `_ctx_words "${words.join(" ")}"`;
  if (files) return ["_ctx_files", ...files].join(" ");
  if (folders) return "_ctx_folders";
  return params ? "_ctx_params" : ":";
}

function zsh(commands: readonly CompletedCommand[]): string {
  const text = (words: string) => words.replace(/([[\]:\\])/g, "\\$1").replace(/'/g, "'\\''");
  const cases = commands.map(({ name, operand, options }) => {
    const specs = options.map(({ name, description, value }) => {
      const repeated = name === "--set" ? "*" : "";
      const taken = value ? `:value:${zshAction(value)}` : "";
      return `        '${repeated}${name}[${text(description)}]${taken}' \\`;
    });
    return [`      ${name})`, "        _arguments \\", ...specs, `        '*:argument:${zshAction(operand)}' ;;`].join(
      "\n",
    );
  });
  return `#compdef ctx
# Completion of ctx for zsh: ctx completion zsh > "\${fpath[1]}/_ctx"

# name= for each param of the recipes on the line.
_ctx_params() {
  local word
  local -a params
  for word in $words; do
    [[ $word == *.ctx && -f $word ]] &&
      params+=(\${(f)"$(sed -n 's/^[[:space:]]*param[[:space:]]\\{1,\\}\\([A-Za-z_][A-Za-z0-9_]*\\).*/\\1=/p' $word)"})
  done
  compadd -S '' -- $params
}

_ctx() {
  local -a commands
  commands=(
${commands.map(({ name, description }) => `    '${name}:${text(description)}'`).join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join("\n")}
  esac
}

if [[ $funcstack[1] == _ctx ]]; then
  _ctx "$@"
else
  compdef _ctx ctx
fi
`;
}

function zshAction({ words, files, folders, params }: Completed): string {
  if (words) return `(${words.join(" ")})`;
  if (files) return files.length === 0 ? "_files" : `_files -g "*.(${files.join("|")})"`;
  if (folders) return "_files -/";
  return params ? "_ctx_params" : " ";
}

function fish(commands: readonly CompletedCommand[]): string {
  const quoted = (words: string) => `'${words.replace(/\\/g, "\\\\").replace(/'/g, "\\'")}'`;
  const within = (name: string) => `complete -c ctx -n '__fish_seen_subcommand_from ${name}'`;
  const lines = commands.flatMap(({ name, description, operand, options }) => [
    `complete -c ctx -n __fish_use_subcommand -f -a ${name} -d ${quoted(description)}`,
    ...options.map(({ name: option, description, value }) => {
      const taken = value ? ` ${fishAction(value, "-x", "-r")}` : "";
      return `${within(name)} -l ${option.slice(2)}${taken} -d ${quoted(description)}`;
    }),
    ...(Object.keys(operand).length > 0 ? [`${within(name)} ${fishAction(operand, "-f", "-F")}`] : []),
  ]);
  return `# Completion of ctx for fish: ctx completion fish > ~/.config/fish/completions/ctx.fish

# name= for each param of the recipes on the line.
function __ctx_params
    for word in (commandline -opc)
        if string match -q '*.ctx' -- $word; and test -f $word
            sed -n 's/^[[:space:]]*param[[:space:]]\\{1,\\}\\([A-Za-z_][A-Za-z0-9_]*\\).*/\\1=/p' $word
        end
    end
end

# Files with one of the endings, and folders on the way to them.
function __ctx_files
    set -l begun (commandline -ct)
    for ending in $argv
        for file in $begun*.$ending
            echo $file
        end
    end
    __fish_complete_directories $begun
end

${lines.join("\n")}
`;
}

/** @param alone what says that only these fit; @param any that files fit too */
function fishAction({ words, files, folders, params }: Completed, alone: string, any: string): string {
  if (words) return `${alone} -a '${words.join(" ")}'`;
  if (files && files.length > 0) return `${alone} -a '(__ctx_files ${files.join(" ")})'`;
  if (files) return any;
  if (folders) return `${alone} -a '(__fish_complete_directories)'`;
  return params ? `${alone} -a '(__ctx_params)'` : alone;
}
