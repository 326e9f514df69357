#include "standin/connector/host_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

namespace standin::core {

namespace {

bool isOneAddress(const std::string& host) {
    in6_addr buffer;
    return (!host.empty() && (host.front() == '/' || host.front() == '@')) ||
           inet_pton(AF_INET, host.c_str(), &buffer) == 1 || inet_pton(AF_INET6, host.c_str(), &buffer) == 1;
}

} // namespace

bool isAddress(const std::string& host) {
    size_t begin = 0;
    while (true) {
        const size_t comma = host.find(',', begin);
        if (!isOneAddress(host.substr(begin, comma == std::string::npos ? comma : comma - begin)))
            return false;
        if (comma == std::string::npos)
            return true;
        begin = comma + 1;
    }
}

} // namespace standin::core
