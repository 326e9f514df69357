"""The SQL reference of the README, made from the catalog: `run.py reference` compares, `run.py reference --write` writes."""

QUERY = """
SELECT CASE kind WHEN 'view' THEN format('- **`%s`**: %s', name, comment)
                 ELSE format('- **`%s`**%s: %s', name, ' → `' || result || '`', comment) END
FROM (
    SELECT 1 AS part, 'routine' AS kind, p.proname::text AS sort,
           CASE p.prokind WHEN 'p' THEN 'CALL ' ELSE '' END || format('%I.%I(%s)', n.nspname, p.proname, 
               regexp_replace(pg_get_function_arguments(p.oid), '::[a-z]+( with time zone| precision)?', '', 'g')) AS name,
           CASE WHEN p.prokind = 'p' THEN NULL
                WHEN p.prorettype = 'record'::regtype AND NOT p.proretset THEN 'record'
                ELSE pg_get_function_result(p.oid) END AS result,
           obj_description(p.oid, 'pg_proc') AS comment
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'standin'
    UNION ALL
    SELECT 2, 'view', c.relname, format('standin.%I', c.relname), NULL, obj_description(c.oid, 'pg_class')
    FROM pg_class c WHERE c.relnamespace = 'standin'::regnamespace AND c.relkind = 'v'
) o
WHERE part = %s ORDER BY sort COLLATE "C", name
"""

BEGIN, END = "<!-- reference: begin -->", "<!-- reference: end -->"


def generate(server, dbname):
    parts = []
    for title, part in (("### Functions and procedures", 1), ("### Views", 2)):
        rows = server.query(QUERY.replace("part = %s", f"part = {part}"), dbname=dbname)
        parts.append("\n".join([title, ""] + [" ".join(row[0].split()) for row in rows]))
    return f"{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}"


def check(server, readme, write):
    """The exit code: 0 when the README holds the reference as generated."""
    server.query("CREATE DATABASE reference")
    server.query("CREATE EXTENSION pg_standin", dbname="reference")
    text = readme.read_text()
    begin, end = text.index(BEGIN), text.index(END) + len(END)
    current = text[:begin] + generate(server, "reference") + text[end:]
    if write:
        readme.write_text(current)
    elif current != text:
        print("the README's SQL reference is stale: run test/sql/run.py reference --write")
        return 1
    return 0
