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
# 15 is tested whole, 16 and 18 by `make test PG=...`; 17 lies between them, and is not tested. What another one
# changed is not known.
set(PG_KNOWN 15 16 17 18)
if(NOT PG_MAJOR IN_LIST PG_KNOWN)
    list(JOIN PG_KNOWN ", " known)
    message(FATAL_ERROR "${PG_CONFIG} is of ${PG_VERSION}; pg_standin is built for PostgreSQL ${known}")
endif()
