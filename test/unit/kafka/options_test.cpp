#include <gtest/gtest.h>

#include "base/error.h"
#include "kafka/options.h"

namespace standin::kafka {
namespace {

/// SQLSTATE, message and hint of the refusal; empty if the option is taken.
std::string refusal(OptionPlace place, const std::string& name, const std::string& value, bool superuser = false) {
    try {
        validateOption(place, name, value, superuser);
        return {};
    } catch (const Error& error) {
        return error.sqlstate() + " " + error.what() + " " + error.detail() + " " + error.hint();
    }
}

TEST(KafkaOptions, EveryPropertyOfTheListIsOneOfTheLibrary) {
    for (const auto& [name, value] : Properties{{"bootstrap.servers", "a:1,b:2"},
                                                {"security.protocol", "SASL_SSL"},
                                                {"sasl.mechanism", "SCRAM-SHA-512"},
                                                {"sasl.mechanisms", "PLAIN"},
                                                {"ssl.ca.pem", "-----BEGIN CERTIFICATE-----"},
                                                {"client.id", "bank"},
                                                {"socket.timeout.ms", "1000"},
                                                {"reconnect.backoff.max.ms", "1000"},
                                                {"check.crcs", "true"},
                                                {"ssl.endpoint.identification.algorithm", "https"},
                                                {"fetch.message.max.bytes", "1048576"}})
        EXPECT_EQ(refusal(OptionPlace::Server, name, value), "") << name;
    for (const char* name :
         {"sasl.username", "sasl.password", "ssl.key.pem", "ssl.key.password", "ssl.keystore.password"})
        EXPECT_EQ(refusal(OptionPlace::UserMapping, name, "x"), "") << name;
}

TEST(KafkaOptions, AMisspeltOneNamesItsNeighbour) {
    EXPECT_NE(refusal(OptionPlace::Server, "bootstrap.server", "a:1").find("\"bootstrap.servers\""), std::string::npos);
    EXPECT_NE(refusal(OptionPlace::UserMapping, "sasl.pasword", "x").find("\"sasl.password\""), std::string::npos);
    EXPECT_EQ(refusal(OptionPlace::Server, "bootstrap.server", "a:1").substr(0, 5), "HV00D");
}

TEST(KafkaOptions, SecretsAndTheRestDoNotMix) {
    EXPECT_EQ(refusal(OptionPlace::Server, "sasl.password", "x", true).substr(0, 5), "HV00D");
    EXPECT_EQ(refusal(OptionPlace::UserMapping, "bootstrap.servers", "x", true).substr(0, 5), "HV00D");
}

TEST(KafkaOptions, WhatReadsFilesIsForSuperusersAndWhatLoadsCodeForNobody) {
    for (const char* name : {"ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.keystore.location",
                             "ssl.crl.location", "sasl.kerberos.keytab"}) {
        EXPECT_EQ(refusal(OptionPlace::Server, name, "/etc/passwd").substr(0, 5), "42501") << name;
        EXPECT_EQ(refusal(OptionPlace::Server, name, "/etc/passwd", true), "") << name;
    }
    for (const char* name :
         {"plugin.library.paths", "ssl.engine.location", "sasl.kerberos.kinit.cmd", "auto.offset.reset",
          "enable.auto.commit", "isolation.level", "group.id", "debug", "log_level", "fetch.wait.max.ms"})
        EXPECT_EQ(refusal(OptionPlace::Server, name, "x", true).substr(0, 5), "HV00D") << name;
}

TEST(KafkaOptions, KerberosIsForSuperusers) {
    for (const char* name : {"sasl.mechanism", "sasl.mechanisms"}) {
        EXPECT_EQ(refusal(OptionPlace::Server, name, "GSSAPI").substr(0, 5), "42501") << name;
        EXPECT_EQ(refusal(OptionPlace::Server, name, "PLAIN,GSSAPI").substr(0, 5), "42501") << name;
    }
    EXPECT_EQ(refusal(OptionPlace::Server, "sasl.kerberos.principal", "bank").substr(0, 5), "42501");
    EXPECT_EQ(refusal(OptionPlace::Server, "sasl.kerberos.service.name", "kafka").substr(0, 5), "42501");
    EXPECT_EQ(refusal(OptionPlace::Server, "sasl.kerberos.principal", "bank/host@REALM.EXAMPLE", true), "");
}

TEST(KafkaOptions, NothingBecomesAShellCommand) {
    for (const char* value : {"x; touch /tmp/seen", "$(id)", "`id`", "a b", "a\nb", "a\"b", "a|b", "a&b", "a>b"}) {
        EXPECT_EQ(refusal(OptionPlace::Server, "sasl.kerberos.principal", value, true).substr(0, 5), "22023") << value;
        Properties stored{{"sasl.kerberos.principal", value}};
        EXPECT_THROW(secure(stored), Error) << value;
    }
}

TEST(KafkaOptions, NobodysChoiceIsNotKerberos) {
    Properties none{{"security.protocol", "sasl_ssl"}};
    secure(none);
    EXPECT_EQ(none.back(), (std::pair<std::string, std::string>{"sasl.mechanism", "PLAIN"}));
    Properties named{{"sasl.mechanisms", "SCRAM-SHA-256"}};
    secure(named);
    EXPECT_EQ(named.size(), 1u);
}

TEST(KafkaOptions, AnImpossibleValueIsRefusedAndASecretNotRepeated) {
    EXPECT_EQ(refusal(OptionPlace::Server, "security.protocol", "tls").substr(0, 5), "22023");
    EXPECT_EQ(refusal(OptionPlace::Server, "socket.timeout.ms", "soon").substr(0, 5), "22023");
    const std::string secret = refusal(OptionPlace::UserMapping, "ssl.keystore.password", std::string(10, 's'));
    EXPECT_EQ(secret.find("ssssssssss"), std::string::npos);
}

TEST(KafkaOptions, BrokersMustBeNamed) {
    EXPECT_THROW(validateServerOptions({{"client.id", "x"}}), Error);
    EXPECT_THROW(validateServerOptions({{"bootstrap.servers", ""}}), Error);
    EXPECT_NO_THROW(validateServerOptions({{"bootstrap.servers", "a:1"}}));
}

} // namespace
} // namespace standin::kafka
