"""``completion``: bash, zsh and fish ask this program what a command line may go on with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from absl import flags

from seed_matrace.cli.command import Command

# Each hands over the line up to the cursor and gets whole words; where there are none, file names are completed.
SCRIPTS = {
    "bash": """\
# ~/.bashrc: source <(seed-matrace completion bash)
_seed_matrace() {
  local IFS=$'\\n' line=${COMP_LINE:0:COMP_POINT}
  local word=${line##*[[:space:]]}
  COMPREPLY=($("$1" completion -- "$line" 2>/dev/null))
  if [[ $word == *=* ]]; then COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*=}"}"}"); fi # bash ends words at =
  if [[ ${COMPREPLY[0]-} == *= ]]; then compopt -o nospace; fi
}
complete -o default -F _seed_matrace seed-matrace
""",
    "zsh": """\
#compdef seed-matrace
# ~/.zshrc, behind compinit: source <(seed-matrace completion zsh)
_seed_matrace() {
  local -a found=(${(f)"$($words[1] completion -- "$LBUFFER" 2>/dev/null)"})
  if (($#found == 0)); then
    compset -P '*='
    _files
    return
  fi
  compadd -Q -S '' -- ${(M)found:#*=}
  compadd -Q -- ${found:#*=}
}
compdef _seed_matrace seed-matrace
""",
    "fish": """\
# ~/.config/fish/completions/seed-matrace.fish: seed-matrace completion fish | source
complete -c seed-matrace -a '(seed-matrace completion -- (commandline -cp | string collect))'
""",
}


def completion_command(commands: Mapping[str, Command], flags_of: Callable[[str], flags.FlagValues]) -> Command:
    """The command that knows all ``commands``, and by ``flags_of`` their flags."""

    def run(_: flags.FlagValues, arguments: list[str]) -> None:
        if len(arguments) != 1:
            raise flags.Error(f"say for which shell: seed-matrace completion {'|'.join(SCRIPTS)}")
        if arguments[0] in SCRIPTS:
            print(SCRIPTS[arguments[0]], end="")
        else:
            print(*completions(arguments[0], commands, flags_of), sep="\n")

    return Command(
        "Prints a script that lets a shell complete commands, flags, gin files, options and maps.",
        "seed-matrace completion bash",
        lambda values: None,
        run,
        arguments=f"{'|'.join(SCRIPTS)} ",
    )


def completions(line: str, commands: Mapping[str, Command], flags_of: Callable[[str], flags.FlagValues]) -> list[str]:
    """Whole words that the last one of ``line`` may become; none where it may be any file."""
    *before, last = line.split(" ")
    before = [word for word in before if word]
    if len(before) <= 1:
        found: Iterable[str] = commands
    elif before[1] not in commands:
        found = ()
    else:
        values, asked = flags_of(before[1]), before[-1].removeprefix("--")
        if last.startswith("-"):
            found = _flags(last, values)
        elif before[-1] == f"--{asked}" and asked in values and not values[asked].boolean:
            found = _values(values[asked], last)
        else:
            found = [*_arguments(commands[before[1]]), *(_gin_files() if "gin_file" in values else ())]
    return sorted(word for word in found if word.startswith(last))


def _flags(last: str, values: flags.FlagValues) -> Iterator[str]:
    name, equals, value = last.partition("=")
    if not equals:
        yield from (f"--{flag}" if values[flag].boolean else f"--{flag}=" for flag in values)
        return
    flag_name = name.lstrip("-")
    if flag_name in values:
        yield from (f"{name}={word}" for word in _values(values[flag_name], value))


def _values(flag: flags.Flag, value: str) -> Iterable[str]:
    if flag.name in ("gin_file", "gin_axis"):
        return _gin_files()
    if flag.name in ("gin_param", "grid", "tune"):
        return _bindings(value)
    if flag.name == "play":
        return _map_names()
    return getattr(flag.parser, "enum_values", None) or ()


def _bindings(value: str) -> Iterable[str]:
    """Names of options; behind that of the map or of an option with choices its values, as a shell has to be told."""
    from seed_matrace.config import OPTIONS

    name = value.partition("=")[0]
    if name == value or name not in OPTIONS:
        return (f"{name}=" for name in OPTIONS)
    words = _map_names() if name == "env.map_name" else OPTIONS[name].metadata["choices"]
    return (f"{name}=\\'{word}\\'" for word in words)


def _arguments(command: Command) -> Iterator[str]:
    """What ``Command.arguments`` spells in small letters."""
    for alternative in command.arguments.split("|"):
        word = alternative.split()[0] if alternative.split() else ""
        if word.islower():
            yield word


def _gin_files() -> list[str]:
    from seed_matrace.gin_files import gin_dir

    return [file.relative_to(gin_dir()).as_posix() for file in gin_dir().rglob("*.gin")]


def _map_names() -> Iterable[str]:
    from seed_matrace.skirmish.maps import map_names

    return map_names()
