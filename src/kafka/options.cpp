#include "kafka/options.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>

#include "base/error.h"
#include "kafka/registry.h"

namespace standin::kafka {

namespace {

struct Rule {
    std::string_view name;
    OptionPlace place;
    bool superuser = false; ///< acts as the server's operating system user: reads its files, uses its Kerberos ticket
    bool ours = false;      ///< none of librdkafka's: it never sees it
    bool producer = false;  ///< a consumer of librdkafka would log that it ignores it
};

constexpr auto server = OptionPlace::Server;
constexpr auto mapping = OptionPlace::UserMapping;

// Options that load code (plugin.library.paths, ssl.engine.location, sasl.kerberos.kinit.cmd) are for nobody.
constexpr std::array rules{
    Rule{"bootstrap.servers", server},
    Rule{"client.id", server},
    Rule{"client.rack", server},
    Rule{"security.protocol", server},
    Rule{"sasl.mechanism", server},
    Rule{"sasl.mechanisms", server},
    Rule{"sasl.kerberos.service.name", server, true},
    Rule{"sasl.kerberos.principal", server, true},
    Rule{"sasl.kerberos.keytab", server, true},
    Rule{"ssl.ca.pem", server},
    Rule{"ssl.ca.location", server, true},
    Rule{"ssl.certificate.pem", server},
    Rule{"ssl.certificate.location", server, true},
    Rule{"ssl.key.location", server, true},
    Rule{"ssl.keystore.location", server, true},
    Rule{"ssl.crl.location", server, true},
    Rule{"ssl.cipher.suites", server},
    Rule{"ssl.curves.list", server},
    Rule{"ssl.sigalgs.list", server},
    Rule{"ssl.endpoint.identification.algorithm", server},
    Rule{"enable.ssl.certificate.verification", server},
    Rule{"broker.address.family", server},
    Rule{"broker.address.ttl", server},
    Rule{"socket.timeout.ms", server},
    Rule{"socket.connection.setup.timeout.ms", server},
    Rule{"socket.keepalive.enable", server},
    Rule{"socket.receive.buffer.bytes", server},
    Rule{"reconnect.backoff.ms", server},
    Rule{"reconnect.backoff.max.ms", server},
    Rule{"metadata.max.age.ms", server},
    Rule{"topic.metadata.refresh.interval.ms", server},
    Rule{"receive.message.max.bytes", server},
    Rule{"fetch.min.bytes", server},
    Rule{"fetch.max.bytes", server},
    Rule{"fetch.message.max.bytes", server},
    Rule{"queued.min.messages", server},
    Rule{"check.crcs", server},
    Rule{"compression.type", server, false, false, true},
    Rule{"linger.ms", server, false, false, true},
    Rule{"batch.size", server, false, false, true},
    Rule{"message.max.bytes", server, false, false, true},
    Rule{"transaction.timeout.ms", server, false, false, true},
    Rule{"queue.buffering.max.kbytes", server, false, false, true},
    Rule{"schema.registry.url", server},
    Rule{"schema.registry.ssl.ca.pem", server},
    Rule{"schema.registry.timeout.ms", server},
    Rule{"schema.registry.basic.auth.user.info", mapping},
    Rule{"sasl.username", mapping},
    Rule{"sasl.password", mapping},
    Rule{"ssl.key.pem", mapping},
    Rule{"ssl.key.password", mapping},
    Rule{"ssl.keystore.password", mapping},
    Rule{"cdc.hash.key", mapping, false, true},
};

size_t editDistance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j)
        row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
            diagonal = above;
        }
    }
    return row[b.size()];
}

std::string hintFor(OptionPlace place, std::string_view name) {
    const Rule* nearest = nullptr;
    size_t distance = name.size() / 2 + 1;
    for (const Rule& rule : rules)
        if (const size_t to = editDistance(name, rule.name); to < distance) {
            distance = to;
            nearest = &rule;
        }
    if (nearest)
        return "Perhaps you meant the option \"" + std::string(nearest->name) + "\".";
    std::string hint = "Options are librdkafka properties and the schema registry's; allowed here are: ";
    for (const Rule& rule : rules)
        if (rule.place == place)
            hint.append(rule.name).append(", ");
    hint.resize(hint.size() - 2);
    return hint + ".";
}

/// Of a hash's key; shorter ones could be tried out.
constexpr size_t minimumKeyLength = 16;

void checkOwnValue(const std::string& name, const std::string& value) {
    if (value.size() < minimumKeyLength)
        throw Error("22023", "invalid value for option \"" + name + "\"",
                    "It has fewer than " + std::to_string(minimumKeyLength) + " characters.",
                    "Make one with: openssl rand -hex 32.");
}

bool isMechanism(std::string_view name) { return name == "sasl.mechanism" || name == "sasl.mechanisms"; }

/// librdkafka then runs kinit.
bool usesKerberos(std::string_view name, std::string_view value) {
    return isMechanism(name) && value.find("GSSAPI") != std::string_view::npos;
}

/// librdkafka puts these values into a command for a shell.
bool isShellWord(std::string_view name, std::string_view value) {
    return !name.starts_with("sasl.kerberos.") || std::all_of(value.begin(), value.end(), [](unsigned char c) {
        return std::isalnum(c) || std::string_view("._/@-:+").find(static_cast<char>(c)) != std::string_view::npos;
    });
}

void checkValue(const Rule& rule, const std::string& name, const std::string& value) {
    if (isRegistryOption(name))
        return validateRegistryOption(name, value);
    if (rule.ours)
        return checkOwnValue(name, value);
    if (!isShellWord(name, value))
        throw Error("22023", "invalid value for option \"" + name + "\"", "It becomes part of a command.",
                    "Use letters, digits and . _ / @ - : + only.");
    const std::unique_ptr<rd_kafka_conf_t, decltype(&rd_kafka_conf_destroy)> conf(rd_kafka_conf_new(),
                                                                                  rd_kafka_conf_destroy);
    char reason[512] = "";
    if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), reason, sizeof(reason)) == RD_KAFKA_CONF_OK)
        return;
    // A secret's value must not reach the log by way of the error.
    throw Error("22023", "invalid value for option \"" + name + "\"", rule.place == mapping ? "" : reason);
}

} // namespace

void validateOption(OptionPlace place, const std::string& name, const std::string& value, bool superuser) {
    const auto rule = std::find_if(rules.begin(), rules.end(), [&](const Rule& known) { return known.name == name; });
    if (rule == rules.end())
        throw Error("HV00D", "invalid option \"" + name + "\"", {}, hintFor(place, name));
    if (rule->place != place)
        throw Error(
            "HV00D",
            "option \"" + name + "\" does not belong " + (place == server ? "in a server" : "in a user mapping"), {},
            rule->place == mapping
                ? "Secrets go into CREATE USER MAPPING FOR standin_owner, where others cannot read them."
                : "Give it in CREATE SERVER or ALTER SERVER.");
    if ((rule->superuser || usesKerberos(name, value)) && !superuser)
        throw Error("42501", "permission denied to set option \"" + name + "\"",
                    "It makes the server act as its operating system user, with its files or its Kerberos ticket.",
                    "Let a superuser set it, give contents as PEM in an option that ends in \".pem\", or use another "
                    "mechanism (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512).");
    checkValue(*rule, name, value);
}

bool isLibraryOption(std::string_view name) {
    return std::none_of(rules.begin(), rules.end(), [&](const Rule& rule) { return rule.ours && rule.name == name; });
}

bool isProducerOption(std::string_view name) {
    return std::any_of(rules.begin(), rules.end(),
                       [&](const Rule& rule) { return rule.producer && rule.name == name; });
}

void secure(Properties& properties) {
    for (const auto& [name, value] : properties)
        if (!isShellWord(name, value))
            throw Error("22023", "invalid value for option \"" + name + "\"", "It becomes part of a command.");
    const auto named = [](const auto& property) { return isMechanism(property.first) && !property.second.empty(); };
    if (std::none_of(properties.begin(), properties.end(), named))
        properties.emplace_back("sasl.mechanism", "PLAIN"); // librdkafka's own choice is Kerberos
}

void validateServerOptions(const Properties& options) {
    for (const auto& [name, value] : options)
        if (name == "bootstrap.servers" && !value.empty())
            return;
    throw Error("HV00D", "option \"bootstrap.servers\" is missing", {},
                "Name the brokers: OPTIONS (\"bootstrap.servers\" 'host:9092').");
}

} // namespace standin::kafka
