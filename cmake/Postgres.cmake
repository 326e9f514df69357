# Asks pg_config where the server's headers, library and extension directories are.
function(pg_config_query flag variable)
    execute_process(COMMAND ${PG_CONFIG} --${flag} OUTPUT_VARIABLE answer OUTPUT_STRIP_TRAILING_WHITESPACE
                    COMMAND_ERROR_IS_FATAL ANY)
    set(${variable} ${answer} PARENT_SCOPE)
endfunction()

pg_config_query(version PG_VERSION)
pg_config_query(includedir-server PG_INCLUDEDIR_SERVER)
pg_config_query(pkglibdir PG_PKGLIBDIR)
pg_config_query(sharedir PG_SHAREDIR)
pg_config_query(bindir PG_BINDIR)

string(REGEX MATCH "[0-9]+" PG_MAJOR ${PG_VERSION})
if(PG_MAJOR LESS 15)
    message(FATAL_ERROR "pg_standin needs PostgreSQL 15 or newer, ${PG_CONFIG} is ${PG_VERSION}")
endif()
