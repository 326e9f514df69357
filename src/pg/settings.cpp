#include "pg/settings.h"

#include <cstring>

#include "pg/guard.h"
#include "pg/user_code.h"

extern "C" {
#include <catalog/namespace.h>
#include <mb/pg_wchar.h>
#include <parser/parse_expr.h>
#include <utils/array.h>
#include <utils/bytea.h>
#include <utils/float.h>
#include <utils/guc_tables.h>
#include <utils/rls.h>
#include <utils/xml.h>
}

namespace standin::pg {

namespace {

bool isPinned = false;

struct Setting {
    const char* name;
    const char* value;
};

/// Of every process of the product, as PostgreSQL's autovacuum pins its own.
constexpr Setting pinned[] = {
    {"default_transaction_read_only", "off"},
    {"default_transaction_isolation", "read committed"},
    {"default_transaction_deferrable", "off"},
    {"statement_timeout", "0"},
    {"transaction_timeout", "0"}, // a server before 17 does not know it
    {"lock_timeout", lockPatience},
    {"idle_in_transaction_session_timeout", "0"},
    {"session_replication_role", "origin"},
    {"row_security", "on"},
    {"exit_on_error", "off"},
    {"DateStyle", "ISO, MDY"},
    {"IntervalStyle", "postgres"},
    {"extra_float_digits", "1"},
    {"bytea_output", "hex"},
    {"xmloption", "content"},
    {"standard_conforming_strings", "on"},
    {"backslash_quote", "safe_encoding"},
    {"array_nulls", "on"},
    {"transform_null_equals", "off"},
    {"quote_all_identifiers", "off"},
    {"zero_damaged_pages", "off"},
    {"ignore_checksum_failure", "off"},
};

/// What a statement's meaning and the texts it makes depend on, with a cheap look whether the session differs.
struct FormSetting {
    Setting setting;
    bool (*differs)();
};

constexpr const char* searchPath = "pg_catalog, pg_temp";

constexpr FormSetting forms[] = {
    {{"search_path", searchPath}, [] { return strcmp(namespace_search_path, searchPath) != 0; }},
    {{"DateStyle", "ISO, MDY"}, [] { return DateStyle != USE_ISO_DATES || DateOrder != DATEORDER_MDY; }},
    {{"IntervalStyle", "postgres"}, [] { return IntervalStyle != INTSTYLE_POSTGRES; }},
    {{"extra_float_digits", "1"}, [] { return extra_float_digits < 1; }},
    {{"bytea_output", "hex"}, [] { return bytea_output != BYTEA_OUTPUT_HEX; }},
    {{"xmloption", "content"}, [] { return xmloption != XMLOPTION_CONTENT; }},
    {{"standard_conforming_strings", "on"}, [] { return !standard_conforming_strings; }},
    {{"array_nulls", "on"}, [] { return !Array_nulls; }},
    {{"transform_null_equals", "off"}, [] { return Transform_null_equals; }},
    {{"quote_all_identifiers", "off"}, [] { return quote_all_identifiers; }},
    {{"row_security", "on"}, [] { return !row_security; }},
    // The bound that a role has for its own locks is not meant for the product; in a session it is the caller's wish.
    {{"lock_timeout", "0"}, [] { return process() == Process::Role && LockTimeout != 0; }},
};

bool isOfDatabaseOrRole(GucSource source) {
    return source == PGC_S_GLOBAL || source == PGC_S_DATABASE || source == PGC_S_USER || source == PGC_S_DATABASE_USER;
}

/// A transaction may still set it when it has begun.
bool isChangeable(const config_generic& setting) {
    return setting.context == PGC_USERSET || setting.context == PGC_SUSET;
}

template <class F> void forEachSetting(F&& f) {
    const SettingList settings = settingList();
    for (int i = 0; i < settings.count; ++i)
        f(*settings.items[i]);
}

} // namespace

ServerSettings::ServerSettings() {
    forEachSetting([this](const config_generic& setting) {
        if (!isChangeable(setting))
            return;
        const char* value = call([&] { return GetConfigOption(setting.name, true, false); });
        if (value)
            values_.emplace(setting.name, value);
    });
}

void ServerSettings::pin() const {
    forEachSetting([this](const config_generic& setting) {
        const auto value = values_.find(setting.name);
        if (value != values_.end() && isOfDatabaseOrRole(setting.source))
            pinSetting(setting.name, value->second.c_str());
    });
    for (const Setting& setting : pinned)
        if (call([&] { return GetConfigOption(setting.name, true, false); }))
            pinSetting(setting.name, setting.value);
    if (OidIsValid(MyDatabaseId))
        pinSetting("client_encoding", GetDatabaseEncodingName());
    isPinned = true;
}

void pinSetting(const char* name, const char* value) {
    call([=] { SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE); });
}

void setInScope(const char* name, const char* value) {
    call([=] { set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false); });
}

void resetSettings() {
    if (isPinned)
        call(ResetAllOptions);
}

void beginAsOwn() {
    XactReadOnly = false;
    XactIsoLevel = XACT_READ_COMMITTED;
    XactDeferrable = false;
}

int pinForms() {
    const int level = NewGUCNestLevel();
    for (const FormSetting& form : forms)
        if (form.differs())
            setInScope(form.setting.name, form.setting.value);
    return level;
}

} // namespace standin::pg
