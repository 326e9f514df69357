#pragma once

// The one way PostgreSQL headers enter C++. Include it after C++ and library headers: PostgreSQL's macros (gettext,
// snprintf, Min, ERROR, foreach...) collide with theirs.
#include <libintl.h> // a server built without it has macros of these names

#include <climits>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

extern "C" {
#include <postgres.h>

#include <access/xact.h>
#include <access/xlog.h>
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <fmgr.h>
#include <funcapi.h>
#include <miscadmin.h>
#include <pgstat.h>
#include <storage/ipc.h>
#include <storage/latch.h>
#include <storage/lwlock.h>
#include <storage/proc.h>
#include <storage/shmem.h>
#include <utils/acl.h>
#include <utils/builtins.h>
#include <utils/guc.h>
#include <utils/lsyscache.h>
#include <utils/memutils.h>
#include <utils/snapmgr.h>
#include <utils/syscache.h>
#include <utils/timestamp.h>
}

#include "pg/compat.h"
