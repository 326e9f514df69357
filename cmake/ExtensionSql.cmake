# The install script is the concatenation of sql/order.txt. The committed copy in extension/ is the release artefact:
# `make sql` rewrites it, and the test `install_script_is_current` fails while it is stale.
file(STRINGS ${CMAKE_SOURCE_DIR}/sql/order.txt SQL_PARTS REGEX "^[^#]")
list(TRANSFORM SQL_PARTS PREPEND ${CMAKE_SOURCE_DIR}/)
set(INSTALL_SQL pg_standin--${PROJECT_VERSION}.sql)
set(GENERATED_SQL ${CMAKE_BINARY_DIR}/extension/${INSTALL_SQL})

list(JOIN SQL_PARTS "|" SQL_PARTS_JOINED)
set(CONCATENATE_SQL ${CMAKE_COMMAND} "-DPARTS=${SQL_PARTS_JOINED}" -DROOT=${CMAKE_SOURCE_DIR})
add_custom_command(OUTPUT ${GENERATED_SQL}
    COMMAND ${CONCATENATE_SQL} -DOUTPUT=${GENERATED_SQL} -P ${CMAKE_SOURCE_DIR}/cmake/concatenate_sql.cmake
    DEPENDS ${SQL_PARTS} ${CMAKE_SOURCE_DIR}/cmake/concatenate_sql.cmake ${CMAKE_SOURCE_DIR}/sql/order.txt VERBATIM)
add_custom_target(extension_sql ALL DEPENDS ${GENERATED_SQL})

# The upgrade from the version before: the tables by hand in sql/upgrade, the rest from the two install scripts.
set(PREVIOUS_VERSION 0.2.0)
set(UPGRADE_STEP ${PREVIOUS_VERSION}--${PROJECT_VERSION})
set(WRITE_UPGRADE_SQL /usr/bin/python3 ${CMAKE_SOURCE_DIR}/cmake/upgrade_sql.py
    ${CMAKE_SOURCE_DIR}/extension/pg_standin--${PREVIOUS_VERSION}.sql ${GENERATED_SQL}
    ${CMAKE_SOURCE_DIR}/sql/upgrade/${UPGRADE_STEP}.sql)
add_custom_target(sql
    COMMAND ${CMAKE_COMMAND} -E copy ${GENERATED_SQL} ${CMAKE_SOURCE_DIR}/extension/${INSTALL_SQL}
    COMMAND ${WRITE_UPGRADE_SQL} ${CMAKE_SOURCE_DIR}/extension/pg_standin--${UPGRADE_STEP}.sql
    DEPENDS ${GENERATED_SQL} VERBATIM)
configure_file(extension/pg_standin.control.in extension/pg_standin.control @ONLY)

# Earlier versions can still be installed: a dump of one names it.
file(GLOB RELEASED_SQL CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/extension/pg_standin--*.sql)
list(REMOVE_ITEM RELEASED_SQL ${CMAKE_SOURCE_DIR}/extension/${INSTALL_SQL})
install(FILES ${CMAKE_BINARY_DIR}/extension/pg_standin.control ${GENERATED_SQL} ${RELEASED_SQL}
        DESTINATION ${PG_SHAREDIR}/extension)
