"""Completions of bash and zsh from a program's tree of commands.

Both walk the words that stand there to the command that they name, and offer its subcommands, its
options and those of the commands above it, the choices of an option's value, or files.
"""

import re


def _quote(text):
    return "'" + text.replace("'", "'\\''") + "'"


def _identifier(tree):
    return "_" + re.sub(r"\W", "_", tree.words[0])


def _options(tree, command):
    """Options of a command and of those above it, its own first."""
    above = {tuple(each.words): each for each in tree.walk()}
    chain = [above[tuple(command.words[:length])] for length in range(len(command.words), 0, -1)]
    options = {}
    for each in chain:
        for item in each.items:
            if item.is_option:
                options.setdefault(item.names[-1], item)
    return list(options.values())


def _paths(tree):
    """Patterns of `command word` that go one command deeper."""
    return [" ".join(command.words) for command in tree.walk() if len(command.words) > 1]


def _valued(command_options):
    return [item for item in command_options if item.value or item.choices]


def _takes_files(command):
    return not command.commands and any(not item.is_option for item in command.items)


def _rows(tree):
    for command in tree.walk():
        yield command, " ".join(command.words), _options(tree, command)


def bash(tree):
    name, function = tree.words[0], _identifier(tree)
    deeper = "|".join(f'"{path}"' for path in _paths(tree))
    out = [f"# bash completion of {name}; made from its --help.",
           f"{function}() {{",
           "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}",
           f"  local command={name} words= values= files= i",
           "  # An equals sign is a word of its own here.",
           "  if [ \"$current\" = = ]; then current=",
           "  elif [ \"$previous\" = = ]; then previous=${COMP_WORDS[COMP_CWORD - 2]}; fi"]
    if deeper:
        out += ["  for ((i = 1; i < COMP_CWORD; i++)); do",
                "    case \"$command ${COMP_WORDS[i]}\" in",
                f"      {deeper}) command+=\" ${{COMP_WORDS[i]}}\" ;;",
                "    esac",
                "  done"]
    out.append("  case $command in")
    for command, path, options in _rows(tree):
        words = [each.words[-1] for each in command.commands]
        words += [name for item in options for name in item.names if name.startswith("--")]
        out.append(f"    {_quote(path)})")
        out.append(f"      words={_quote(' '.join(words))}")
        if _takes_files(command):
            out.append("      files=yes")
        out.append("      case $previous in")
        for item in _valued(options):
            names = "|".join(item.names)
            out.append(f"        {names}) values={_quote(' '.join(item.choices) or '*')} ;;")
        out += ["      esac ;;"]
    out += ["  esac",
            "  case $values in",
            "    '') [[ $current == -* || -z $files ]] ||",
            "      { compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); return; }",
            "      mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\") ;;",
            "    '*') compopt -o filenames",
            "      mapfile -t COMPREPLY < <(compgen -f -- \"$current\") ;;",
            "    *) mapfile -t COMPREPLY < <(compgen -W \"$values\" -- \"$current\") ;;",
            "  esac",
            "}",
            f"complete -F {function} {name}", ""]
    return "\n".join(out)


def _described(name, text):
    return _quote(name.replace(":", "\\:") + ":" + text.replace("\n", " "))


def zsh(tree):
    name = tree.words[0]
    deeper = "|".join(f'"{path}"' for path in _paths(tree))
    out = [f"#compdef {name}",
           f"# zsh completion of {name}; made from its --help.",
           "local -a commands options choices",
           f"local command={name} files=",
           "integer i"]
    if deeper:
        out += ["for ((i = 2; i < CURRENT; i++)); do",
                "  case \"$command ${words[i]}\" in",
                f"    {deeper}) command+=\" ${{words[i]}}\" ;;",
                "  esac",
                "done"]
    out.append("case $command in")
    for command, path, options in _rows(tree):
        out.append(f"  {_quote(path)})")
        if command.commands:
            rows = [_described(each.words[-1], command.summaries[each.words[-1]])
                    for each in command.commands]
            out.append("    commands=(" + " ".join(rows) + ")")
        rows = [_described(item.names[-1], item.text) for item in options]
        out.append("    options=(" + " ".join(rows) + ")")
        if _takes_files(command):
            out.append("    files=yes")
        out.append("    case ${words[CURRENT - 1]} in")
        for item in _valued(options):
            names = "|".join(item.names)
            what = f"choices=({' '.join(_quote(each) for each in item.choices)})" \
                if item.choices else "files=only"
            out.append(f"      {names}) {what} ;;")
        out.append("    esac ;;")
    out += ["esac",
            "if (( ${#choices} )); then compadd -a choices; return; fi",
            "if [[ $files == only ]]; then _files; return; fi",
            "if [[ $PREFIX == -* ]]; then _describe -o option options; return; fi",
            "(( ${#commands} )) && _describe command commands",
            "[[ -n $files ]] && _files",
            "return 0", ""]
    return "\n".join(out)
