#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace standin::kafka {

/// HTTP GET by libcurl, one at a time. The caller does the waiting, so that its latch is honoured throughout: nothing
/// blocks in here, not even a name server that does not answer.
class HttpClient {
public:
    struct Options {
        std::string userInfo; ///< user:password, or empty
        std::string caPem;    ///< instead of the system's certificate authorities, or empty
        std::chrono::milliseconds timeout{};
        bool operator==(const Options&) const = default;
    };

    struct Answer {
        long status = 0;
        std::string body;
    };

    /// Sleeps until the descriptor is readable or the time is over, or earlier; false if the request is to be given up.
    using Wait = std::function<bool(int descriptor, std::chrono::milliseconds timeout)>;

    explicit HttpClient(Options options);
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    /// Follows no redirect, takes no proxy from the environment. Nothing if it was given up; throws Error (08006) if no
    /// answer came whole and in time.
    std::optional<Answer> get(const std::string& url, const Wait& wait);

private:
    struct Transfer;
    struct Engine;

    bool drive(const Wait& wait);

    Options options_;
    std::unique_ptr<Engine> engine_;
};

/// What is in the way of using the text as a base URL of HTTP; nothing if it may be used.
std::optional<std::string> complaintAboutUrl(const std::string& url);

/// The text as one part of a URL's path.
std::string urlEscape(const std::string& text);

} // namespace standin::kafka
