#include "cdc/mapping/keyed_hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/error.h"

namespace standin::cdc {

std::string keyedHash(std::string_view key, std::string_view text) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (!HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
              reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size))
        throw Error("XX000", "could not compute a keyed hash");
    constexpr std::string_view digits = "0123456789abcdef";
    std::string hex;
    for (unsigned int i = 0; i < size; ++i) {
        hex += digits[digest[i] >> 4];
        hex += digits[digest[i] & 15];
    }
    return hex;
}

} // namespace standin::cdc
