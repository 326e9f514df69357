#pragma once

// The one place that knows PostgreSQL's versions. Included by pg/postgres.h only.

#if PG_VERSION_NUM < 150000
#error "pg_standin needs PostgreSQL 15 or newer"
#endif

#define STANDIN_PG_GE(major) (PG_VERSION_NUM >= (major)*10000)

extern "C" {
#include <utils/guc_tables.h>
#include <catalog/pg_class.h>
#include <storage/lock.h>
#include <tcop/pquery.h>
#include <catalog/pg_database.h>
#include <catalog/pg_extension.h>
#include <utils/acl.h>
#include <utils/regproc.h>
#include <utils/relcache.h>
#if STANDIN_PG_GE(17)
#include <utils/wait_event.h>
#endif
}

namespace standin::pg {

/// A named wait event; before 17 all of them show as "Extension" in pg_stat_activity.
inline uint32 waitEventNew([[maybe_unused]] const char* name) {
#if STANDIN_PG_GE(17)
    return WaitEventExtensionNew(name);
#else
    return PG_WAIT_EXTENSION;
#endif
}

/// All settings of the server, in an order that is PostgreSQL's.
struct SettingList {
    config_generic** items;
    int count;
};

inline SettingList settingList() {
#if STANDIN_PG_GE(16)
    SettingList list{};
    list.items = get_guc_variables(&list.count);
    return list;
#else
    return {get_guc_variables(), GetNumConfigOptions()};
#endif
}

/// A set-returning function will fill a tuplestore.
inline void materializeResult(FunctionCallInfo fcinfo) {
#if STANDIN_PG_GE(16)
    InitMaterializedSRF(fcinfo, 0);
#else
    SetSingleFuncCall(fcinfo, 0);
#endif
}

inline bool ownsDatabase(Oid database) {
#if STANDIN_PG_GE(16)
    return object_ownercheck(DatabaseRelationId, database, GetUserId());
#else
    return pg_database_ownercheck(database, GetUserId());
#endif
}

inline bool ownsExtension(Oid extension) {
#if STANDIN_PG_GE(16)
    return object_ownercheck(ExtensionRelationId, extension, GetUserId());
#else
    return pg_extension_ownercheck(extension, GetUserId());
#endif
}

inline bool ownsTable(Oid table, Oid role) {
#if STANDIN_PG_GE(16)
    return object_ownercheck(RelationRelationId, table, role);
#else
    return pg_class_ownercheck(table, role);
#endif
}

/// InvalidOid if there is none, or if it is deferrable.
inline Oid primaryKeyIndex(Relation relation) {
#if STANDIN_PG_GE(18)
    return RelationGetPrimaryKeyIndex(relation, false);
#else
    return RelationGetPrimaryKeyIndex(relation);
#endif
}

inline List* qualifiedNameList(const char* name) {
#if STANDIN_PG_GE(16)
    return stringToQualifiedNameList(name, nullptr);
#else
    return stringToQualifiedNameList(name);
#endif
}

inline bool lockHeldByMe(const LOCKTAG* tag, LOCKMODE mode) {
#if STANDIN_PG_GE(17)
    return LockHeldByMe(tag, mode, false);
#else
    return LockHeldByMe(tag, mode);
#endif
}

/// 18 runs a portal as often as it is asked to.
inline void runPortalOnce(Portal portal, DestReceiver* receiver) {
#if STANDIN_PG_GE(18)
    PortalRun(portal, FETCH_ALL, true, receiver, receiver, nullptr);
#else
    PortalRun(portal, FETCH_ALL, true, true, receiver, receiver, nullptr);
#endif
}

/// 17 replaced the memory context by a resource owner; a set that lives as long as its process needs neither.
inline WaitEventSet* waitEventSetNew(int events) {
#if STANDIN_PG_GE(17)
    return CreateWaitEventSet(nullptr, events);
#else
    return CreateWaitEventSet(TopMemoryContext, events);
#endif
}

} // namespace standin::pg
