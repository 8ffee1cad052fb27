"""Man pages: of a program from its tree of commands, of a guide from its Markdown."""

import os
import re
import time


def escape(text):
    """Text as roff prints it: no line is a request, and dashes are those that one can type."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.split("\n"))


def head(name, section, epoch, version, title):
    date = time.strftime("%Y-%m-%d", time.gmtime(epoch))
    return (f'.\\" Made from the program or the guide itself; see deploy/package.\n'
            f'.TH {name.upper().replace("-", chr(92) + "-")} {section} "{date}" "Bulkhead {version}" '
            f'"Bulkhead"\n.SH NAME\n{escape(name)} \\- {escape(title)}\n')


def bold(text):
    return f"\\fB{escape(text)}\\fR"


def item_lines(item):
    """A name with its value, then its text, bounds, default and conditions as sentences."""
    value, _, bounds = item.value.partition(" in ")
    value = "|".join(item.choices) or value.partition(":")[0]
    sentences = [item.text]
    if bounds:
        sentences.append(f"Between {bounds.strip('[]').replace(' - ', ' and ')}")
    if item.default:
        sentences.append(f"Default: {item.default}")
    if item.notes:
        sentences.append(f"({item.notes.strip('()')})")
    text = " ".join(each if each.endswith((".", ")")) else each + "." for each in sentences if each)
    names = ", ".join(bold(name) for name in item.names)
    if value and item.is_option:
        names += f" \\fI{escape(value)}\\fR"
    return f".TP\n{names}\n{escape(text) or chr(92) + '&'}\n"


def description(text):
    """Paragraphs; indented lines stay as they are."""
    out = []
    for block in re.split(r"\n\n", text):
        rows = block.split("\n")
        plain = [row for row in rows if not row.startswith("  ")]
        fixed = [row for row in rows if row.startswith("  ")]
        if plain:
            out.append(".PP\n" + "\n".join(escape(row) for row in plain) + "\n")
        if fixed:
            out.append(".PP\n.nf\n" + "\n".join(escape(row) for row in fixed) + "\n.fi\n")
    return "".join(out)


def exit_codes(text):
    """The text without its sentence on exit codes, and these as (number, meaning)."""
    match = re.search(r"Exit codes: (.*?)\.\s*$", text, re.S)
    if not match:
        return text, []
    codes = re.split(r", (?=\d+ )", " ".join(match.group(1).split()))
    return text[:match.start()].rstrip("\n"), [code.partition(" ")[::2] for code in codes]


def first_sentence(text):
    line = text.split("\n")[0]
    sentence = re.split(r"\.(?: |$)|: ", line)[0]
    sentence = sentence.removeprefix("The ").strip()
    proper = sentence.startswith("Bulkhead") or sentence[:2].isupper()
    return sentence if proper else sentence[:1].lower() + sentence[1:]


def _see_also(pages):
    rows = [f".BR {escape(name)} ({section}){',' if at + 1 < len(pages) else ''}"
            for at, (name, section) in enumerate(pages)]
    return ".SH SEE ALSO\n" + "\n".join(rows) + "\n"


def of_program(tree, section, epoch, version, see_also):
    text, codes = exit_codes(tree.text)
    out = [head(tree.words[0], section, epoch, version, first_sentence(text)), ".SH SYNOPSIS\n"]
    usage = tree.usage.removeprefix(tree.words[0]).strip()
    out.append(f".B {escape(tree.words[0])}\n{escape(usage)}\n.SH DESCRIPTION\n{description(text)}")
    for title, items in tree.groups:
        out.append(f".SH {escape(title.upper())}\n" + "".join(item_lines(item) for item in items))
    commands = list(tree.walk())[1:]
    if commands:
        out.append(".SH COMMANDS\n")
    for command in commands:
        words = " ".join(command.words[1:])
        usage = command.usage.removeprefix(tree.words[0]).strip().removeprefix(words).strip()
        out.append(f".SS {escape(words)} {escape(usage)}\n{description(command.text)}")
        out += [item_lines(item) for item in command.items if "--help" not in item.names]
    if codes:
        out.append(".SH EXIT STATUS\n")
        out += [f".TP\n.B {code}\n{escape(meaning)}\n" for code, meaning in codes]
    if see_also:
        out.append(_see_also(see_also))
    return "".join(out)


def _spans(text):
    """Code, emphasis and links of one paragraph."""
    text = re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]*\)", r"\1", text)
    parts = re.split(r"(`[^`]+`|\*\*[^*]+\*\*)", text)
    out = []
    for part in parts:
        if part.startswith("`") and part.endswith("`") and len(part) > 1:
            out.append(bold(part[1:-1]))
        elif part.startswith("**") and part.endswith("**") and len(part) > 4:
            out.append(bold(part[2:-2]))
        else:
            out.append(escape(part))
    return "".join(out)


def _table(rows):
    cells = [[_spans(cell.strip()) for cell in row.strip().strip("|").split("|")] for row in rows]
    title, body = cells[0], cells[2:]
    columns = "l" + " lx" * (len(title) - 1)
    blocks = [columns.replace("l", "lb", 1).replace(" lx", " lbx"), columns + "."]
    lines = ["T{\n" + "\nT}\tT{\n".join(row) + "\nT}" for row in [title, *body]]
    # Cells are narrow: words are not spread over them.
    return (".na\n.TS\nallbox;\n" + "\n".join(blocks) + "\n" + "\n".join(lines) + "\n.TE\n.ad\n")


def _with_references(markdown, folder, pages):
    """Links to what is a man page too, as its name and section; a reader of pages has no file pair.md."""
    def reference(match):
        text, target = match.group(1), match.group(2)
        page = pages.get(os.path.normpath(os.path.join(folder, target))) if target else None
        if page is None:
            return text
        return page if text == os.path.basename(target) else f"{text} ({page})"
    return re.sub(r"\[([^\]]+)\]\((?!https?:)([^)#\s]*)(?:#[^)]*)?\)", reference, markdown)


def of_guide(markdown, name, section, epoch, version, see_also, title, folder="", pages=None):
    """The Markdown that the guides use: headings, paragraphs, lists, tables and blocks of code. `pages` are
    the man pages of files, whose links are relative to the guide's folder."""
    markdown = _with_references(markdown, folder, pages or {})
    lines = re.sub(r"<!--.*?-->\n?", "", markdown).split("\n")  # marks of what is generated
    out = [head(name, section, epoch, version, title)]
    has_table = any(line.startswith("|") for line in lines)
    if has_table:
        out.insert(0, "'\\\" t\n")
    out.append(".SH DESCRIPTION\n")
    at = 1  # after the title
    while at < len(lines):
        line = lines[at]
        if line.startswith("```"):
            end = next(i for i in range(at + 1, len(lines)) if lines[i].startswith("```"))
            out.append(".PP\n.nf\n" + "\n".join(escape(row) or "\\&" for row in lines[at + 1:end]) +
                       "\n.fi\n")
            at = end + 1
        elif line.startswith("|"):
            end = next((i for i in range(at, len(lines)) if not lines[i].startswith("|")), len(lines))
            out.append(_table(lines[at:end]))
            at = end
        elif match := re.match(r"(#{2,}) (.*)", line):
            level = "SH" if len(match.group(1)) == 2 else "SS"
            heading = match.group(2).upper() if level == "SH" else match.group(2)
            out.append(f".{level} {_spans(heading)}\n")
            at += 1
        elif not line.strip():
            at += 1
        else:
            item = re.match(r"(?:[-*]|\d+\.) +(.*)", line)
            block = [item.group(1) if item else line]
            at += 1
            while at < len(lines) and lines[at].strip() and not re.match(
                    r"```|\||#{2,} |(?:[-*]|\d+\.) ", lines[at]):
                block.append(lines[at].strip())
                at += 1
            out.append((".IP \\(bu 2\n" if item else ".PP\n") + _spans(" ".join(block)) + "\n")
    if see_also:
        out.append(_see_also(see_also))
    return "".join(out)
