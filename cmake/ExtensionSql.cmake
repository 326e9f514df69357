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
add_custom_target(sql COMMAND ${CMAKE_COMMAND} -E copy ${GENERATED_SQL} ${CMAKE_SOURCE_DIR}/extension/${INSTALL_SQL}
                  DEPENDS ${GENERATED_SQL} VERBATIM)
configure_file(extension/pg_standin.control.in extension/pg_standin.control @ONLY)

file(GLOB UPGRADE_SQL CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/extension/pg_standin--*--*.sql)
install(FILES ${CMAKE_BINARY_DIR}/extension/pg_standin.control ${GENERATED_SQL} ${UPGRADE_SQL}
        DESTINATION ${PG_SHAREDIR}/extension)
