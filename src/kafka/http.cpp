#include "kafka/http.h"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/error.h"
#include "kafka/wakeup.h"

namespace standin::kafka {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr size_t maxBody = 16 << 20;
constexpr auto maxConnect = 3000ms; ///< a dead one of several servers must not use up the time of all
constexpr auto maxSleep = 1000ms;

template <class T> void set(CURL* easy, CURLoption option, T value) {
    if (const CURLcode code = curl_easy_setopt(easy, option, value); code != CURLE_OK)
        throw Error("58000", std::string("libcurl does not take an option: ") + curl_easy_strerror(code));
}

} // namespace

/// What libcurl wants awaited, as one descriptor: it names its sockets and a time.
struct HttpClient::Engine {
    CURLM* multi = nullptr;
    int epoll = -1;
    std::optional<Clock::time_point> due;
    int running = 0;

    Engine() {
        const SignalMask mask;
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(multi = curl_multi_init()))
            throw Error("58000", "could not initialise libcurl");
        epoll = epoll_create1(EPOLL_CLOEXEC);
        if (epoll < 0) {
            curl_multi_cleanup(multi);
            throw Error("53000", "could not create an epoll descriptor");
        }
        curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, onSocket);
        curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
        curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, onTimer);
        curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
    }

    ~Engine() {
        const SignalMask mask;
        curl_multi_cleanup(multi);
        close(epoll);
    }

    void act(curl_socket_t socket, int events) {
        const SignalMask mask; // a name is looked up in a thread
        curl_multi_socket_action(multi, socket, events, &running);
    }

    static int onSocket(CURL*, curl_socket_t socket, int what, void* self, void*) noexcept {
        const int epoll = static_cast<Engine*>(self)->epoll;
        epoll_event event{};
        event.data.fd = socket;
        event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
        if (what == CURL_POLL_REMOVE)
            epoll_ctl(epoll, EPOLL_CTL_DEL, socket, nullptr);
        else if (epoll_ctl(epoll, EPOLL_CTL_MOD, socket, &event) != 0)
            epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
        return 0;
    }

    static int onTimer(CURLM*, long milliseconds, void* self) noexcept {
        auto& due = static_cast<Engine*>(self)->due;
        if (milliseconds < 0)
            due.reset();
        else
            due = Clock::now() + std::chrono::milliseconds(milliseconds);
        return 0;
    }
};

/// One request; its handle is out of the engine whatever happens.
struct HttpClient::Transfer {
    Engine& engine;
    CURL* easy;
    curl_slist* headers = nullptr;
    std::string body;
    char reason[CURL_ERROR_SIZE] = "";

    explicit Transfer(Engine& into) : engine(into), easy(curl_easy_init()) {
        if (!easy)
            throw Error("53200", "out of memory for an HTTP request");
    }

    ~Transfer() {
        const SignalMask mask;
        curl_multi_remove_handle(engine.multi, easy);
        curl_easy_cleanup(easy);
        curl_slist_free_all(headers);
    }

    void prepare(const std::string& url, const Options& options) {
        headers = curl_slist_append(headers, "Accept: application/vnd.schemaregistry.v1+json, application/json");
        set(easy, CURLOPT_URL, url.c_str());
        set(easy, CURLOPT_HTTPHEADER, headers);
        set(easy, CURLOPT_USERAGENT, "pg_standin");
        set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
        // Nothing of the operating system's user or of his environment: no proxy, no .netrc; and no way to elsewhere.
        set(easy, CURLOPT_PROXY, "");
        set(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
        set(easy, CURLOPT_FOLLOWLOCATION, 0L);
        set(easy, CURLOPT_NOSIGNAL, 1L);
        set(easy, CURLOPT_QUICK_EXIT, 1L); // a thread that waits for a name server is left to itself
        set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
        set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::min(options.timeout, maxConnect).count()));
        set(easy, CURLOPT_ERRORBUFFER, reason);
        set(easy, CURLOPT_WRITEFUNCTION, onBody);
        set(easy, CURLOPT_WRITEDATA, this);
        if (!options.userInfo.empty()) {
            set(easy, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
            set(easy, CURLOPT_USERPWD, options.userInfo.c_str());
        }
        if (options.caPem.empty())
            return;
        curl_blob pem{const_cast<char*>(options.caPem.data()), options.caPem.size(), CURL_BLOB_COPY};
        set(easy, CURLOPT_CAINFO, static_cast<const char*>(nullptr));
        set(easy, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
        set(easy, CURLOPT_CAINFO_BLOB, &pem);
    }

    static size_t onBody(const char* data, size_t size, size_t count, void* self) noexcept {
        try {
            std::string& body = static_cast<Transfer*>(self)->body;
            if (size * count > maxBody - body.size())
                return 0;
            body.append(data, size * count);
            return size * count;
        } catch (...) {
            return 0;
        }
    }
};

HttpClient::HttpClient(Options options) : options_(std::move(options)), engine_(std::make_unique<Engine>()) {}

HttpClient::~HttpClient() = default;

std::optional<HttpClient::Answer> HttpClient::get(const std::string& url, const Wait& wait) {
    Transfer transfer(*engine_);
    transfer.prepare(url, options_);
    {
        const SignalMask mask;
        curl_multi_add_handle(engine_->multi, transfer.easy);
    }
    engine_->act(CURL_SOCKET_TIMEOUT, 0);
    if (!drive(wait))
        return std::nullopt;
    int left = 0;
    const CURLMsg* message = curl_multi_info_read(engine_->multi, &left);
    const CURLcode code = message ? message->data.result : CURLE_GOT_NOTHING;
    if (code == CURLE_WRITE_ERROR)
        throw Error("08006", "the answer is larger than " + std::to_string(maxBody >> 20) + " MB");
    if (code != CURLE_OK)
        throw Error("08006", transfer.reason[0] ? transfer.reason : curl_easy_strerror(code));
    Answer answer;
    curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &answer.status);
    answer.body = std::move(transfer.body);
    return answer;
}

bool HttpClient::drive(const Wait& wait) {
    while (engine_->running > 0) {
        auto left = std::chrono::duration_cast<std::chrono::milliseconds>(maxSleep);
        if (engine_->due)
            left = std::clamp(std::chrono::ceil<std::chrono::milliseconds>(*engine_->due - Clock::now()), 0ms, left);
        if (!wait(engine_->epoll, left))
            return false;
        epoll_event events[8];
        const int ready = epoll_wait(engine_->epoll, events, 8, 0);
        for (int i = 0; i < ready; ++i)
            engine_->act(events[i].data.fd, (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                                                (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                                                (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0));
        if (engine_->due && *engine_->due <= Clock::now()) {
            engine_->due.reset();
            engine_->act(CURL_SOCKET_TIMEOUT, 0);
        }
    }
    return true;
}

std::optional<std::string> complaintAboutUrl(const std::string& url) {
    const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), curl_url_cleanup);
    const auto has = [&](CURLUPart part) {
        char* text = nullptr;
        const bool found = curl_url_get(parsed.get(), part, &text, 0) == CURLUE_OK;
        curl_free(text);
        return found;
    };
    if (!url.starts_with("http://") && !url.starts_with("https://"))
        return "It does not begin with http:// or https://.";
    if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK || !has(CURLUPART_HOST))
        return "It is no URL.";
    if (has(CURLUPART_USER) || has(CURLUPART_PASSWORD))
        return "It contains a user or a password.";
    if (has(CURLUPART_QUERY) || has(CURLUPART_FRAGMENT))
        return "It has a query or a fragment.";
    return std::nullopt;
}

std::string urlEscape(const std::string& text) {
    const std::unique_ptr<char, decltype(&curl_free)> escaped(
        curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size())), curl_free);
    if (!escaped)
        throw Error("53200", "out of memory for a URL");
    return escaped.get();
}

} // namespace standin::kafka
