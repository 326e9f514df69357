#include "pg/user_code.h"

#include <unordered_map>
#include <utility>

#include "pg/owner.h"

extern "C" {
#include <access/genam.h>
#include <access/htup_details.h>
#include <access/table.h>
#include <access/transam.h>
#include <catalog/pg_authid.h>
#include <catalog/pg_namespace_d.h>
#include <catalog/pg_proc.h>
#include <tcop/utility.h>
#include <utils/inval.h>
}

namespace standin::pg {

namespace {

Process kind = Process::Session; // of this process

constexpr const char* productRoles[] = {ownerRole,         nobodyRole,          "standin_app",  "standin_operator",
                                        "standin_approver", "standin_auditor", "standin_admin"};

/// PostgreSQL code. Membership counts whether or not it is inherited: SET ROLE, or ADMIN OPTION, is enough.
bool reachesSuperuser(Oid role) {
    const Relation roles = table_open(AuthIdRelationId, AccessShareLock);
    const SysScanDesc scan = systable_beginscan(roles, InvalidOid, false, nullptr, 0, nullptr);
    bool reaches = false;
    while (!reaches) {
        const HeapTuple tuple = systable_getnext(scan);
        if (!HeapTupleIsValid(tuple))
            break;
        const auto* form = reinterpret_cast<Form_pg_authid>(GETSTRUCT(tuple));
        reaches = form->rolsuper && is_member_of_role_nosuper(role, form->oid);
    }
    systable_endscan(scan);
    table_close(roles, AccessShareLock);
    return reaches;
}

/// PostgreSQL code.
bool isPrivileged(Oid role) {
    for (const char* name : productRoles)
        if (role == get_role_oid(name, true))
            return true;
    const Oid owner = get_role_oid(ownerRole, true);
    return (OidIsValid(owner) && is_member_of_role_nosuper(role, owner)) || reachesSuperuser(role);
}

uint64_t roleChanges = 1;

void onRoleChange(Datum, int, uint32) { ++roleChanges; }

} // namespace

void setProcess(Process value) { kind = value; }

Process process() { return kind; }

bool isBuiltIn(Oid type) {
    return OidIsValid(type) && type < FirstNormalObjectId && call([type] {
               const HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
               if (!HeapTupleIsValid(tuple))
                   return false;
               const Oid schema = reinterpret_cast<Form_pg_type>(GETSTRUCT(tuple))->typnamespace;
               ReleaseSysCache(tuple);
               return schema == PG_CATALOG_NAMESPACE;
           });
}

bool mayRunUserCode(Oid role) {
    // Asked for each record that has expressions; a change of any role voids all answers.
    static auto& answers = *new std::unordered_map<Oid, bool>();
    static uint64_t answersOf = 0;
    if (answersOf == 0)
        call([] {
            CacheRegisterSyscacheCallback(AUTHOID, onRoleChange, 0);
            CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, onRoleChange, 0);
        });
    if (answersOf != roleChanges)
        answers.clear();
    answersOf = roleChanges;
    if (const auto known = answers.find(role); known != answers.end())
        return known->second;
    const bool may = call([role] { return !isPrivileged(role); });
    answers.emplace(role, may); // a change in between has risen roleChanges
    return may;
}

void requireUserRole(Oid role, const std::string& what) {
    if (mayRunUserCode(role))
        return;
    const std::string name = call([role] { return GetUserNameFromId(role, false); });
    throw Error("42501", what + " role \"" + name + "\"",
                "It is a superuser or a role of pg_standin, or a member of a role that is one.",
                "Name another role, or give what runs as its owner to one: ALTER ... OWNER TO.");
}

std::string nameOfActor(Oid caller) {
    const Oid actor = process() == Process::Product ? caller : GetSessionUserId();
    return call([actor] { return GetUserNameFromId(actor, false); });
}

#ifdef STANDIN_ASSERTIONS
namespace {

needs_fmgr_hook_type needsEarlierHook = nullptr;
fmgr_hook_type earlierHook = nullptr;

/// PostgreSQL code. Procedures are called by their users only, and may commit.
bool isUserFunction(Oid function) {
    const Oid owner = function < FirstNormalObjectId ? InvalidOid : get_role_oid(ownerRole, true);
    if (!OidIsValid(owner))
        return false;
    const HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        return false;
    const auto* form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    const bool isUsers = form->proowner != owner && form->prokind != PROKIND_PROCEDURE;
    ReleaseSysCache(tuple);
    return isUsers;
}

bool needsHook(Oid function) { return isUserFunction(function) || (needsEarlierHook && needsEarlierHook(function)); }

/// Who has SET ROLE standin_owner in a session of his own calls what he likes.
bool isForbidden(Oid role) {
    if (role == get_role_oid(ownerRole, true))
        return kind != Process::Session || GetOuterUserId() != role;
    return kind != Process::Session && superuser_arg(role);
}

void onFunction(FmgrHookEventType event, FmgrInfo* function, Datum* argument) {
    if (event == FHET_START && isUserFunction(function->fn_oid) && isForbidden(GetUserId()))
        ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR),
                errmsg_internal("user code would run with the product's rights: function %s as role %s",
                                get_func_name(function->fn_oid), GetUserNameFromId(GetUserId(), false)));
    if (earlierHook && (!needsEarlierHook || needsEarlierHook(function->fn_oid)))
        earlierHook(event, function, argument);
}

void onTransactionEvent(XactEvent event, void*) {
    if (event != XACT_EVENT_PRE_COMMIT || kind == Process::Session)
        return;
    const Oid nobody = get_role_oid(nobodyRole, true);
    const Oid expected = kind == Process::Role ? GetOuterUserId() : OidIsValid(nobody) ? nobody : GetUserId();
    if (GetUserId() != expected)
        ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR),
                errmsg_internal("a process of the product would commit as role %s",
                                GetUserNameFromId(GetUserId(), false)));
}

} // namespace

void initUserCodeAssertion() {
    needsEarlierHook = std::exchange(needs_fmgr_hook, needsHook);
    earlierHook = std::exchange(fmgr_hook, onFunction);
    RegisterXactCallback(onTransactionEvent, nullptr);
}
#else
void initUserCodeAssertion() {}
#endif

namespace {

ProcessUtility_hook_type earlierUtilityHook = nullptr;
bool defersItself = false;

/// PostgreSQL code.
void onUtility(PlannedStmt* planned, const char* query, bool readOnlyTree, ProcessUtilityContext context,
               ParamListInfo parameters, QueryEnvironment* environment, DestReceiver* destination,
               QueryCompletion* completion) {
    if (IsA(planned->utilityStmt, ConstraintsSetStmt) &&
        castNode(ConstraintsSetStmt, planned->utilityStmt)->deferred && process() == Process::Product &&
        !std::exchange(defersItself, false))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("constraints cannot be deferred in a worker of pg_standin"),
                        errdetail("What is deferred beyond a table's turn would run under the role of another table.")));
    auto* next = earlierUtilityHook ? earlierUtilityHook : standard_ProcessUtility;
    next(planned, query, readOnlyTree, context, parameters, environment, destination, completion);
}

} // namespace

void deferConstraints() {
    defersItself = true; // for the one statement, which runs nothing else
    call([] { SPI_execute("SET CONSTRAINTS ALL DEFERRED", false, 0); });
}

void initDeferralGuard() { earlierUtilityHook = std::exchange(ProcessUtility_hook, onUtility); }

} // namespace standin::pg
