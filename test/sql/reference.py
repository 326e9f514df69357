"""The pages of docs/reference, made from the catalog: `run.py reference` compares, `run.py reference --write` writes."""

import re
import textwrap

WIDTH = 118

# The first pattern that matches an object's name says which page it is on.
PAGES = [
    ("change-capture.md", "Change capture", r"(stat_)?cdc(_|$)"),
    ("workflows.md", "Durable workflows", r"(workflow|step|schedule|sleep|recv|await|event|value|message)"),
    ("outbox.md", "Outbox", r"(stat_)?outbox(_|$)"),
    ("server.md", "Server and control tower", r"(instance|preflight|version|stat_worker|capabilit)"),
    ("stand-in.md", "Stand-in", r""),
]

ROUTINES = """
SELECT p.proname::text, CASE p.prokind WHEN 'p' THEN 'CALL ' ELSE '' END || format('%I.%I', n.nspname, p.proname),
       regexp_replace(pg_get_function_arguments(p.oid), '::[a-z]+( with time zone| precision)?', '', 'g'),
       CASE WHEN p.prokind = 'p' THEN NULL
            WHEN p.prorettype = 'record'::regtype AND NOT p.proretset THEN 'record'
            ELSE pg_get_function_result(p.oid) END,
       obj_description(p.oid, 'pg_proc')
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'standin'
ORDER BY p.proname COLLATE "C", 3
"""

VIEWS = """
SELECT c.relname::text, obj_description(c.oid, 'pg_class')
FROM pg_class c WHERE c.relnamespace = 'standin'::regnamespace AND c.relkind = 'v' ORDER BY c.relname COLLATE "C"
"""

COLUMNS = """
SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), col_description(c.oid, a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'standin'::regnamespace AND c.relkind = 'v' AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

OPTIONS = """
SELECT object, name, type, default_value, allowed, meaning FROM standin_private.option
ORDER BY array_position(ARRAY['source', 'table', 'core', 'operation', 'rule', 'capability', 'schedule', 'relay', 'outbox_topic'], object), name
"""


def arguments(text):
    """The arguments of a signature, split at the commas that separate them."""
    parts, depth, quoted, begin = [], 0, False, 0
    for at, letter in enumerate(text):
        quoted ^= letter == "'"
        if quoted:
            continue
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append(text[begin:at].strip())
            begin = at + 1
    return [part for part in [*parts, text[begin:].strip()] if part]


def signature(name, argument_text, result):
    end = ")" + (f" → {result}" if result else "")
    line = f"{name}({argument_text}{end}"
    if len(line) <= WIDTH:
        return line
    listed = ",\n".join(f"    {argument}" for argument in arguments(argument_text))
    return f"{name}(\n{listed}\n" + "\n".join(textwrap.wrap(end, WIDTH, subsequent_indent="    "))


def plain(comment):
    """A comment on one line, with nothing that Markdown takes for HTML."""
    return " ".join((comment or "").split()).replace("<", "&lt;")


def prose(comment):
    """A comment as paragraphs: what the object does, and which errors it gives."""
    text, errors, listed = plain(comment).partition(" Errors: ")
    paragraphs = [text[:1].upper() + text[1:], (errors + listed).strip()]
    return "\n\n".join("\n".join(textwrap.wrap(p, WIDTH, break_long_words=False, break_on_hyphens=False))
                       for p in paragraphs if p)


def routine_text(rows):
    """One heading a name, one block for each of its signatures."""
    entries = {}
    for name, qualified, argument_text, result, comment in rows:
        entries.setdefault(name, []).append(f"```\n{signature(qualified, argument_text, result)}\n```\n\n{prose(comment)}")
    return [f"### {name}\n\n" + "\n\n".join(texts) for name, texts in entries.items()]


def view_text(name, comment, columns):
    rows = [f"| `{column}` | {kind} | {plain(said).replace('|', chr(92) + '|')} |" for _, column, kind, said in columns]
    return "\n".join([f"### {name}", "", prose(comment), "", "| column | type | what |", "|---|---|---|", *rows])


def options_page(rows):
    """All options by object, as the catalogue has them: what is allowed is "a | b", a range, or "~ pattern"."""
    def row(option, kind, default, allowed, meaning):
        cells = f"`{option}`", kind, default, allowed and f"`{allowed}`".replace("`~ ", "matches `"), meaning
        return "| " + " | ".join(plain(cell).replace("|", "\\|") for cell in cells) + " |"
    parts = ["# Reference: Options", "[All pages](README.md). Made from the catalogue of options."]
    for kind in dict.fromkeys(row[0] for row in rows):
        parts += [f"## {kind}", "\n".join(["| option | type | default | allowed | what |", "|---|---|---|---|---|",
                                           *[row(*rest) for found, *rest in rows if found == kind]])]
    return "\n\n".join(parts) + "\n"


def page_of(name):
    return next(page for page, _, pattern in PAGES if re.match(pattern, name))


def generate(server, dbname):
    """File name → text, of all pages and their index."""
    routines, views, columns, options = (server.query(query, dbname=dbname) for query in (ROUTINES, VIEWS, COLUMNS, OPTIONS))
    pages, index = {}, []
    for page, title, _ in PAGES:
        made = routine_text([row for row in routines if page_of(row[0]) == page])
        shown = [view_text(name, comment, [column for column in columns if column[0] == name])
                 for name, comment in views if page_of(name) == page]
        pages[page] = "\n\n".join([f"# Reference: {title}", "[All pages](README.md). Made from the catalog's comments.",
                                   "## Functions and procedures", *made, "## Views", *shown]) + "\n"
        index.append(f"- [{title}]({page}): {len(made)} functions and procedures, {len(shown)} views")
    pages["options.md"] = options_page(options)
    index.append(f"- [Options](options.md): {len(options)}")
    pages["README.md"] = "\n".join([
        "# Reference", "",
        "Every public object of schema `standin`. Times are `interval`, amounts `numeric`, payloads `jsonb`.",
        "These pages are made from the catalog's comments: `test/sql/run.py reference --write` writes them.", "", *index]) + "\n"
    return pages


def check(server, folder, write):
    """The exit code: 0 when the folder holds the reference as generated."""
    server.query("CREATE DATABASE reference")
    server.query("CREATE EXTENSION pg_standin", dbname="reference")
    pages = generate(server, "reference")
    if write:
        folder.mkdir(exist_ok=True)
        for name, text in pages.items():
            (folder / name).write_text(text)
        return 0
    present = {path.name: path.read_text() for path in folder.glob("*.md")}
    stale = sorted(name for name in pages.keys() | present.keys() if pages.get(name) != present.get(name))
    if stale:
        print(f"docs/reference is stale ({', '.join(stale)}): run test/sql/run.py reference --write")
    return 1 if stale else 0
