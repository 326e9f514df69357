-- A loan is paid out in three steps by an application worker. Run as a superuser in a database with the extension.
CREATE ROLE lending LOGIN IN ROLE standin_app;
CREATE TABLE loan (id text PRIMARY KEY, state text NOT NULL, score integer);
GRANT SELECT, INSERT, UPDATE ON loan TO lending;
SELECT standin.workflow_define('loan');      -- no procedure: application workers claim it
