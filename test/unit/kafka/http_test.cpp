#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "kafka/http.h"
#include "kafka/registry.h"

namespace standin::kafka {
namespace {

using namespace std::chrono_literals;

bool patient(int descriptor, std::chrono::milliseconds timeout) {
    pollfd one{descriptor, POLLIN, 0};
    poll(&one, 1, static_cast<int>(timeout.count()));
    return true;
}

/// Takes one connection, reads a request, sends what it was told to, and closes; or keeps it open and says nothing.
class OneAnswer {
public:
    explicit OneAnswer(std::string answer) : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(address);
        EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(listen(listener_, 8), 0);
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
        if (!answer.empty())
            thread_ = std::thread([this, answer] { serve(answer); });
    }

    ~OneAnswer() {
        if (thread_.joinable())
            thread_.join();
        close(listener_);
    }

    std::string url;
    std::string request;

private:
    void serve(const std::string& answer) {
        const int client = accept(listener_, nullptr, nullptr);
        char text[4096];
        while (request.find("\r\n\r\n") == std::string::npos) {
            const ssize_t got = read(client, text, sizeof(text));
            if (got <= 0)
                break;
            request.append(text, static_cast<size_t>(got));
        }
        for (size_t sent = 0; sent < answer.size();) {
            const ssize_t now = send(client, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
            if (now <= 0)
                break;
            sent += static_cast<size_t>(now);
        }
        close(client);
    }

    int listener_;
    std::thread thread_;
};

std::string stateOf(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.sqlstate();
    }
    return "";
}

TEST(HttpClient, AnswersAsTheyAre) {
    OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    HttpClient client({"user:pass:word", "", 5s});
    const auto answer = client.get(server.url + "/a", patient);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "hello");
    EXPECT_NE(server.request.find("GET /a HTTP/1.1"), std::string::npos);
    EXPECT_NE(server.request.find("Authorization: Basic dXNlcjpwYXNzOndvcmQ="), std::string::npos);
}

TEST(HttpClient, NoRedirectIsFollowed) {
    OneAnswer server("HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(HttpClient({"", "", 5s}).get(server.url, patient)->status, 302);
}

/// Nor its user's .netrc, for whose password the environment's HOME would be enough.
TEST(HttpClient, TheEnvironmentNamesNoProxy) {
    const char* const names[] = {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"};
    for (const char* name : names)
        setenv(name, "http://127.0.0.1:1", 1);
    OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    EXPECT_EQ(HttpClient({"", "", 5s}).get(server.url, patient)->body, "ok");
    EXPECT_EQ(server.request.find("Authorization"), std::string::npos);
    for (const char* name : names)
        unsetenv(name);
}

TEST(HttpClient, WhatIsCutOffIsNoAnswer) {
    OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
    EXPECT_EQ(stateOf([&] { HttpClient({"", "", 5s}).get(server.url, patient); }), "08006");
    OneAnswer nonsense("hello\r\n\r\n");
    EXPECT_EQ(stateOf([&] { HttpClient({"", "", 5s}).get(nonsense.url, patient); }), "08006");
    EXPECT_EQ(stateOf([&] { HttpClient({"", "", 5s}).get("http://127.0.0.1:1", patient); }), "08006");
}

TEST(HttpClient, AnswersHaveABound) {
    OneAnswer server("HTTP/1.1 200 OK\r\n\r\n" + std::string(40 << 20, 'x'));
    EXPECT_EQ(stateOf([&] { HttpClient({"", "", 30s}).get(server.url, patient); }), "08006");
}

TEST(HttpClient, TimeIsBoundAndTheCallerMayGiveUp) {
    OneAnswer silent("");
    HttpClient client({"", "", 200ms});
    EXPECT_EQ(stateOf([&] { client.get(silent.url, patient); }), "08006");
    int asked = 0;
    EXPECT_FALSE(
        HttpClient({"", "", 300s}).get(silent.url, [&](int, std::chrono::milliseconds) { return ++asked < 3; }));
    OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    EXPECT_EQ(client.get(server.url, patient)->body, "ok"); // the same client goes on
}

/// The thread that looks up a name must never run PostgreSQL's handlers.
TEST(HttpClient, ItsThreadsBlockEverySignal) {
    HttpClient client({"", "", 2s});
    int checked = 0;
    for (int i = 0; i < 200 && checked == 0; ++i)
        (void)stateOf([&] {
            client.get("http://name" + std::to_string(i) + ".invalid/", [&](int descriptor, auto timeout) {
                for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
                    std::ifstream status(task.path() / "status");
                    for (std::string line; std::getline(status, line);)
                        if (line.starts_with("SigBlk:") && task.path().filename() != std::to_string(getpid())) {
                            const auto blocked = std::stoull(line.substr(7), nullptr, 16);
                            EXPECT_TRUE(blocked >> (SIGTERM - 1) & 1) << line;
                            EXPECT_TRUE(blocked >> (SIGUSR1 - 1) & 1) << line;
                            ++checked;
                        }
                }
                return patient(descriptor, timeout);
            });
        });
    EXPECT_GT(checked, 0);
}

TEST(SchemaRegistry, TellsARecordsFaultFromTheWorlds) {
    const auto ask = [](const std::string& status, const std::string& body) {
        OneAnswer server("HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                         body);
        return stateOf([&] { SchemaRegistry({{"schema.registry.url", server.url + "/"}}).schema(7, patient); });
    };
    EXPECT_EQ(ask("200 OK", R"({"schema":"\"int\""})"), "");
    EXPECT_EQ(ask("404 Not Found", R"({"error_code":40403,"message":"Schema not found"})"), "22023");
    EXPECT_EQ(ask("200 OK", R"({"schema":"x","schemaType":"PROTOBUF"})"), "22023");
    EXPECT_EQ(ask("404 Not Found", "<html>"), "08P01");
    EXPECT_EQ(ask("200 OK", "{}"), "08P01");
    EXPECT_EQ(ask("200 OK", "<html>"), "08P01");
    EXPECT_EQ(ask("302 Found", ""), "08P01");
    EXPECT_EQ(ask("401 Unauthorized", ""), "28000");
    EXPECT_EQ(ask("500 Internal Server Error", R"({"error_code":50001})"), "08006");
    EXPECT_EQ(ask("503 Unavailable", ""), "08006");
}

} // namespace
} // namespace standin::kafka
