"""upgrade_sql.py OLD NEW TABLES OUTPUT: writes the upgrade from one install script to the next.

The tables that changed are altered by hand, in TABLES; what there follows the line "-- At the end:" runs when everything new is
there. The rest follows from the two install scripts, statement by
statement: what is new is created, what changed is replaced, or dropped and made again where its form changed, what is
gone is dropped. A view is never dropped while the next version has it: users' views may stand on it. It is emptied first,
so that nothing of ours is in its way, and replaced in the end; its columns stay where they are, new ones follow them. Comments, grants and the final DO block (owners, rights, pg_dump) are repeated: they come to the same."""

import pathlib
import re
import sys

TOKEN = re.compile(r"--[^\n]*|'(?:[^']|'')*'|(\$\w*\$).*?\1|;|[^-'$;]+|.", re.S)
CREATE = re.compile(r"CREATE (?:UNIQUE |CONSTRAINT )?(FUNCTION|PROCEDURE|VIEW|TABLE|INDEX|TRIGGER|SEQUENCE|TYPE|DOMAIN|SCHEMA|FOREIGN DATA WRAPPER)\s+"
                    r"(?:(?:IF NOT EXISTS )?(ON )?([\w.]+))")
REPEATED = ("COMMENT ", "GRANT ", "REVOKE ", "DO ")


def statements(script):
    """The script's statements in order, without comments between them."""
    found, text = [], ""
    for token in TOKEN.finditer(script):
        if token[0].startswith("--") and not text.strip():
            continue
        if token[0] == ";":
            found.append(text.strip())
            text = ""
        else:
            text += token[0]
    assert not text.strip(), text
    return [one for one in found if not one.startswith("SET LOCAL")]


def split_arguments(text):
    """At the commas outside of brackets and quotes."""
    parts, depth = [""], 0
    for token in re.finditer(r"'(?:[^']|'')*'|.", text, re.S):
        depth += (token[0] in "([") - (token[0] in ")]")
        if token[0] == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += token[0]
    return [" ".join(part.split()) for part in parts if part.strip()]


# The same columns and no query: depends on types only, and views that read it go on.
EMPTY = """DO $$
DECLARE
    emptied record;
BEGIN
    FOR emptied IN
        SELECT v.name, string_agg(format('NULL::%s%s AS %I', format_type(a.atttypid, a.atttypmod),
                   CASE WHEN a.attcollation NOT IN (0, t.typcollation) THEN ' COLLATE ' || a.attcollation::regcollation ELSE '' END, a.attname),
                   ', ' ORDER BY a.attnum) AS columns
        FROM (VALUES {names}) v (name) JOIN pg_attribute a ON a.attrelid = v.name::regclass AND a.attnum > 0
        JOIN pg_type t ON t.oid = a.atttypid GROUP BY v.name
    LOOP
        EXECUTE format('CREATE OR REPLACE VIEW %s AS SELECT %s WHERE false', emptied.name, emptied.columns);
    END LOOP;
END $$;"""


class Thing:
    """One CREATE statement."""

    def __init__(self, text):
        match = CREATE.match(text)
        assert match, f"a kind of statement that upgrade_sql.py does not know: {text[:80]}"
        self.text, self.kind, self.name = text, match[1], match[3]
        self.routine = self.kind in ("FUNCTION", "PROCEDURE")
        if self.kind == "TRIGGER":
            self.name += " ON " + re.search(r" ON ([\w.]+)", text)[1]
        if self.routine:
            self.arguments, self.returns = self.signature()

    def signature(self):
        start, depth, quoted = self.text.index("("), 0, False
        for position in range(start, len(self.text)):
            quoted ^= self.text[position] == "'"
            depth += 0 if quoted else (self.text[position] == "(") - (self.text[position] == ")")
            if depth == 0:
                break
        arguments = split_arguments(self.text[start + 1:position])
        returns = re.search(r"RETURNS\s+(.*?)\s+(?:LANGUAGE|AS)\b", self.text[position:], re.S)
        return arguments, " ".join(returns[1].split()) if returns and self.kind == "FUNCTION" else ""

    @property
    def key(self):
        """What it is replaced by: for overloads, with the arguments."""
        return (self.kind, self.name)

    def drop(self):
        if not self.routine:
            assert self.kind == "VIEW", f"drop {self.kind} {self.name} by hand"
            return f"DROP VIEW {self.name};"
        arguments = ", ".join(re.sub(r"\s+(?:DEFAULT|=)\s.*", "", one) for one in self.arguments)
        return f"DROP {self.kind} {self.name}({arguments});"

    def replaceable_by(self, new):
        """As CREATE OR REPLACE does it: the same arguments and result; defaults may be added, not taken away."""
        return self.routine and (self.arguments, self.returns) == (new.arguments, new.returns)


def things(script):
    """Overloads are told apart by their place among their namesakes."""
    found, seen = {}, {}
    for text in script:
        if text.startswith("CREATE "):
            thing = Thing(text)
            seen[thing.key] = seen.get(thing.key, 0) + 1
            found[(*thing.key, seen[thing.key])] = thing
    return found


def columns(table):
    return set(re.findall(r"^    ([a-z_]+) ", table, re.M))


def check_by_hand(old, new, by_hand):
    """A table that changed in a way which the hand-written part does not know of is an error, not a wrong upgrade."""
    for key, was in old.items():
        if was.kind not in ("VIEW", "FUNCTION", "PROCEDURE") and (key not in new or new[key].text != was.text):
            assert uses(by_hand, was.name), f"{was.kind} {was.name} changed, and {sys.argv[3]} does not speak of it"
        if was.kind == "TABLE" and key in new:
            for name in columns(new[key].text) ^ columns(was.text):
                assert uses(by_hand, name), f"column {name} of {was.name} changed, and {sys.argv[3]} does not speak of it"


def uses(text, name):
    return re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text)


def upgrade(old_script, new_script, by_hand):
    old, new = things(statements(old_script)), things(statements(new_script))
    new_by_text = {thing.text: key for key, thing in new.items()}
    gone = [key for key in old if key not in new or not (old[key].text == new[key].text or old[key].replaceable_by(new[key]))]
    check_by_hand(old, new, by_hand)
    by_hand, _, at_the_end = by_hand.partition("\n-- At the end:\n")
    gone = [key for key in gone if old[key].kind in ("VIEW", "FUNCTION", "PROCEDURE")]
    grew = True
    while grew:  # views hold on to what they read
        dependents = [key for key, thing in old.items() if thing.kind == "VIEW" and key not in gone
                      and any(uses(thing.text, old[one].name) for one in gone)]
        gone += dependents
        grew = bool(dependents)
    out = ["\\echo Use \"ALTER EXTENSION pg_standin UPDATE\" to load this file. \\quit",
           "-- Written by cmake/upgrade_sql.py from the two install scripts and sql/upgrade.",
           "SET LOCAL search_path = pg_catalog, pg_temp;", ""]
    kept = [old[key].name for key in old if key in gone and old[key].kind == "VIEW" and key in new]
    out += [EMPTY.replace("{names}", ", ".join(f"('{name}')" for name in kept))] if kept else []
    out += [old[key].drop() for key in reversed([key for key in old if key in gone and old[key].kind == "VIEW" and key not in new])]
    out += [old[key].drop() for key in old if key in gone and old[key].kind != "VIEW"]
    out += ["", by_hand.strip(), ""]
    known = set(statements(old_script))
    for text in statements(new_script):
        key = new_by_text.get(text)
        if text.startswith(REPEATED) or not (key or text in known):
            out.append(text + ";")
        elif key and key in old and key not in gone:
            if old[key].text != text and new[key].routine:
                out.append(re.sub(r"^CREATE ", "CREATE OR REPLACE ", text) + ";")
        elif key:
            out.append((text if key not in old or new[key].kind != "VIEW" else re.sub(r"^CREATE ", "CREATE OR REPLACE ", text)) + ";")
    out += [at_the_end.strip()] if at_the_end else []
    return "\n".join(out) + "\n"


def main():
    old, new, tables, output = map(pathlib.Path, sys.argv[1:])
    output.write_text(upgrade(old.read_text(), new.read_text(), tables.read_text()))


main()
