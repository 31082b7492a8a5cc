// SPDX-License-Identifier: Apache-2.0
// scrypt, and what mosquitto_passwd writes.
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>

#include "broker/auth/hash_kinds.h"
#include "broker/auth/password_hash.h"

namespace roost::auth {
namespace {

constexpr std::size_t kHashBytesMin = 16;
constexpr std::size_t kSha512Bytes = 64;
constexpr std::size_t kEncodedMax = 512;

// What a line of a file may make us spend on one check.
constexpr std::uint32_t kLogNMax = 20;
constexpr std::uint32_t kBlockMax = 32;
constexpr std::uint32_t kParallelMax = 16;
constexpr std::uint64_t kMemoryMax = std::uint64_t{1} << 30;
constexpr std::uint32_t kIterationsMax = 10'000'000;

// On common servers.
constexpr std::uint64_t kNsPerScryptKib = 2500;
constexpr std::uint64_t kNsPerIteration = 1000;
constexpr std::uint64_t kNsOfOneHash = 1000;

using Bytes = std::vector<unsigned char>;

struct Salted {
  Bytes salt;
  Bytes hash;
};

// "salt$hash"
std::optional<Salted> read_salted(std::string_view text) {
  const std::size_t dollar = text.find('$');
  if (dollar == std::string_view::npos || text.size() > kEncodedMax) return std::nullopt;
  auto salt = decode_base64(text.substr(0, dollar));
  auto hash = decode_base64(text.substr(dollar + 1));
  if (!salt || !hash || salt->empty()) return std::nullopt;
  return Salted{std::move(*salt), std::move(*hash)};
}

bool is_same(const Bytes& expected, const unsigned char* got, std::size_t size) {
  return expected.size() == size && CRYPTO_memcmp(expected.data(), got, size) == 0;
}

// --- scrypt ---

struct Scrypt {
  ScryptCost cost;
  Salted salted;

  std::uint64_t memory() const {
    return (std::uint64_t{128} << cost.log_n) * cost.block +
           std::uint64_t{128} * cost.block * cost.parallel;
  }
};

Result<Scrypt> read_scrypt(std::string_view encoded) {
  std::string_view rest = encoded.substr(kScrypt.prefix.size());
  Scrypt found;
  const auto log_n = take_number(rest, "ln=", ',');
  const auto block = log_n ? take_number(rest, "r=", ',') : std::nullopt;
  const auto parallel = block ? take_number(rest, "p=", '$') : std::nullopt;
  if (!parallel) return bad_hash("a damaged hash: ln=, r= and p= are expected");
  if (*log_n < 1 || *log_n > kLogNMax || *block < 1 || *block > kBlockMax || *parallel < 1 ||
      *parallel > kParallelMax) {
    return bad_hash("a hash whose cost is out of bounds (ln up to 20, r up to 32, p up to 16)");
  }
  found.cost = {*log_n, *block, *parallel};
  if (found.memory() > kMemoryMax) {
    return bad_hash("a hash whose cost is out of bounds (1 GiB of memory)");
  }
  auto salted = read_salted(rest);
  if (!salted || salted->hash.size() < kHashBytesMin || salted->hash.size() > kSha512Bytes) {
    return bad_hash("a damaged hash: salt and hash are expected at its end");
  }
  found.salted = std::move(*salted);
  return found;
}

bool compute(const Scrypt& with, std::string_view password, unsigned char* out, std::size_t size) {
  const Bytes& salt = with.salted.salt;
  return EVP_PBE_scrypt(password.data(), password.size(), salt.data(), salt.size(),
                        std::uint64_t{1} << with.cost.log_n, with.cost.block, with.cost.parallel,
                        2 * kMemoryMax, out, size) == 1;
}

Result<std::uint64_t> check_scrypt(std::string_view encoded) {
  const auto found = read_scrypt(encoded);
  if (!found) return Unexpected(Error(found.error()));
  return found->memory() / 1024 * found->cost.parallel * kNsPerScryptKib;
}

bool verify_scrypt(const std::string& encoded, std::string_view password) {
  const auto found = read_scrypt(encoded);
  std::array<unsigned char, kSha512Bytes> got{};
  const std::size_t size = found ? found->salted.hash.size() : 0;
  return found && compute(*found, password, got.data(), size) &&
         is_same(found->salted.hash, got.data(), size);
}

// --- mosquitto ---

std::optional<Salted> read_sha512(std::string_view encoded) {
  auto salted = read_salted(encoded.substr(kMosquittoSha512.prefix.size()));
  if (!salted || salted->hash.size() != kSha512Bytes) return std::nullopt;
  return salted;
}

Result<std::uint64_t> check_sha512(std::string_view encoded) {
  if (read_sha512(encoded)) return kNsOfOneHash;
  return bad_hash("a damaged hash of mosquitto_passwd: $6$salt$hash is expected");
}

// One round over password and salt.
bool verify_sha512(const std::string& encoded, std::string_view password) {
  const auto found = read_sha512(encoded);
  if (!found) return false;
  std::array<unsigned char, EVP_MAX_MD_SIZE> got{};
  unsigned int size = 0;
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  const bool is_done = context != nullptr &&
                       EVP_DigestInit_ex(context, EVP_sha512(), nullptr) == 1 &&
                       EVP_DigestUpdate(context, password.data(), password.size()) == 1 &&
                       EVP_DigestUpdate(context, found->salt.data(), found->salt.size()) == 1 &&
                       EVP_DigestFinal_ex(context, got.data(), &size) == 1;
  EVP_MD_CTX_free(context);
  return is_done && is_same(found->hash, got.data(), size);
}

struct Pbkdf2 {
  std::uint32_t iterations = 0;
  Salted salted;
};

std::optional<Pbkdf2> read_pbkdf2(std::string_view encoded) {
  std::string_view rest = encoded.substr(kMosquittoPbkdf2.prefix.size());
  const auto iterations = take_number(rest, "", '$');
  if (!iterations || *iterations < 1 || *iterations > kIterationsMax) return std::nullopt;
  auto salted = read_salted(rest);
  if (!salted || salted->hash.size() != kSha512Bytes) return std::nullopt;
  return Pbkdf2{*iterations, std::move(*salted)};
}

Result<std::uint64_t> check_pbkdf2(std::string_view encoded) {
  if (const auto found = read_pbkdf2(encoded)) return found->iterations * kNsPerIteration;
  return bad_hash(
      "a damaged hash of mosquitto_passwd: $7$iterations$salt$hash is expected, with up to "
      "10000000 iterations");
}

bool verify_pbkdf2(const std::string& encoded, std::string_view password) {
  const auto found = read_pbkdf2(encoded);
  if (!found) return false;
  std::array<unsigned char, kSha512Bytes> got{};
  const Bytes& salt = found->salted.salt;
  const bool is_done =
      PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), salt.data(),
                        static_cast<int>(salt.size()), static_cast<int>(found->iterations),
                        EVP_sha512(), static_cast<int>(got.size()), got.data()) == 1;
  return is_done && is_same(found->salted.hash, got.data(), got.size());
}

}  // namespace

Result<std::string> hash_password(std::string_view password, ScryptCost cost) {
  Scrypt with;
  with.cost = cost;
  Salt salt;
  if (!make_salt(salt)) return no_random();
  with.salted.salt.assign(salt.begin(), salt.end());
  std::array<unsigned char, 32> hash{};
  if (!compute(with, password, hash.data(), hash.size())) {
    return error(ErrorKind::resource_exhausted, "scrypt: not enough memory");
  }
  return std::string(kScrypt.prefix) + "ln=" + std::to_string(cost.log_n) +
         ",r=" + std::to_string(cost.block) + ",p=" + std::to_string(cost.parallel) + "$" +
         encode_base64(salt.data(), salt.size()) + "$" + encode_base64(hash.data(), hash.size());
}

const HashKind kScrypt{"$scrypt$", check_scrypt, verify_scrypt};
const HashKind kMosquittoSha512{"$6$", check_sha512, verify_sha512};
const HashKind kMosquittoPbkdf2{"$7$", check_pbkdf2, verify_pbkdf2};

}  // namespace roost::auth
