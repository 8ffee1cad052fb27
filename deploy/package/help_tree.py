"""What a program's --help says, as a tree of commands: man pages and completions are made of it."""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

COMMANDS_MAX = 200  # of one program: a help that names itself as a subcommand must not go on for ever


@dataclass
class Item:
    """An option (names with dashes) or a positional."""

    names: list
    value: str = ""  # what the help calls it: TEXT, UINT:INT in [1 - 32]
    choices: list = field(default_factory=list)
    default: str = ""
    notes: str = ""  # REQUIRED, Needs: ..., (Env:...)
    text: str = ""

    @property
    def is_option(self):
        return self.names[0].startswith("-")


@dataclass
class Command:
    words: list  # the program's name, then its subcommands
    text: str = ""  # what stands before the usage
    usage: str = ""
    groups: list = field(default_factory=list)  # (title, items)
    commands: list = field(default_factory=list)
    summaries: dict = field(default_factory=dict)  # subcommand -> its line

    @property
    def items(self):
        return [item for _, items in self.groups for item in items]

    def walk(self):
        yield self
        for command in self.commands:
            yield from command.walk()


_HEADER = re.compile(r"^(\S.*):$")
_CONTINUED = re.compile(r"^ {10,}(\S.*)$")
_ITEM = re.compile(r"^ {1,4}(\S.*?)(?: {2,}(\S.*))?$")
_VALUE = re.compile(r"^(?P<value>[A-Z][A-Z_]*(?::[A-Z]+ in \[.*?\])?)"
                    r"(?::?\{(?P<choices>[^}]*)\})?(?:=(?P<default>\S*)| \[(?P<later>[^\]]*)\])?"
                    r"(?: \.\.\.)?(?: |$)(?P<rest>.*)$")


def read_item(head, text):
    names, _, rest = head.partition(" ")
    item = Item(names.split(","), text=text)
    rest = rest.strip().removeprefix("[").removesuffix("]") if not item.is_option else rest.strip()
    if match := _VALUE.match(rest):
        item.value = match["value"]
        item.choices = (match["choices"] or "").split(",") if match["choices"] else []
        item.default = match["default"] or match["later"] or ""  # CLI11 2.4 has it in brackets
        rest = match["rest"]
    item.notes = rest.strip()
    return item


def parse(words, help_text, program):
    """The command that `help_text` describes; its subcommands have only their summary."""
    command = Command(words)
    before, marker, after = help_text.partition("\nUsage: ")
    if not marker:
        raise ValueError(f"the help of {' '.join(words)} has no usage")
    command.text = before.strip("\n")
    lines = after.split("\n")
    command.usage = lines[0].replace(str(program), words[0])
    title, rows = None, []
    groups = []
    for line in lines[1:]:
        line = re.sub(r"^( +-\w), +--", r"\1,--", line)
        if match := _HEADER.match(line):
            title, rows = match.group(1), []
            groups.append((title, rows))
        elif (match := _CONTINUED.match(line)) and rows:
            rows[-1][1] = (rows[-1][1] + " " + match.group(1)).strip()
        elif (match := _ITEM.match(line)) and title:
            rows.append([match.group(1), match.group(2) or ""])
        elif line.strip():
            raise ValueError(f"the help of {' '.join(words)} has a line that is neither header nor "
                             f"item: {line!r}")
    for title, rows in groups:
        if title.lower() == "subcommands":
            command.summaries = {head.split()[0]: text for head, text in rows}
        else:
            command.groups.append((title, [read_item(head, text) for head, text in rows]))
    return command


def read(program):
    """The whole tree of a program, by asking it."""
    program = Path(program)
    asked = 0

    def ask(words):
        nonlocal asked
        asked += 1
        if asked > COMMANDS_MAX:
            raise ValueError(f"{program} has more than {COMMANDS_MAX} commands")
        done = subprocess.run([program, *words[1:], "--help"], capture_output=True, text=True,
                              check=True, env={"PATH": "/usr/bin", "LC_ALL": "C.UTF-8"})
        command = parse(words, done.stdout, program)
        command.commands = [ask([*words, name]) for name in command.summaries]
        return command

    return ask([program.name])
