// SPDX-License-Identifier: Apache-2.0
#include "broker/admin/copy.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "broker/base/check.h"
#include "broker/net/socket.h"

namespace roost::admin {

namespace {

using net::Fd;

constexpr std::size_t kBlock = 1 << 20;
// So that no large write-back gets in the way of a running broker's fsyncs.
constexpr std::uint64_t kSyncEvery = 8 << 20;

Unexpected<Error> failed(const std::string& path, const char* doing) {
  const int number = errno;
  ErrorKind kind = ErrorKind::io;
  if (number == ENOENT || number == ENOTDIR) kind = ErrorKind::not_found;
  if (number == EACCES || number == EPERM || number == EROFS) kind = ErrorKind::permission_denied;
  if (number == EEXIST || number == ENOTEMPTY) kind = ErrorKind::already_exists;
  if (number == ENOSPC || number == EDQUOT) kind = ErrorKind::resource_exhausted;
  return error(kind, path + " can't be " + doing + ": " + std::strerror(number));
}

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }
  void add(const char* bytes, std::size_t size) {
    CHECK(EVP_DigestUpdate(context_.get(), bytes, size) == 1);
  }
  std::string digits() {
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    CHECK(EVP_DigestFinal_ex(context_.get(), sum, &size) == 1);
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
      text.push_back(kDigits[sum[i] >> 4]);
      text.push_back(kDigits[sum[i] & 15]);
    }
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

bool write_all(int file, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t done = ::write(file, bytes, size);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes += done;
    size -= static_cast<std::size_t>(done);
  }
  return true;
}

Fd create(const std::string& path) {
  return Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
}

}  // namespace

Result<std::string> copy_file(const std::string& from, const std::string& to, std::uint64_t bytes,
                              const Progress& progress) {
  const Fd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in) return failed(from, "read");
  const Fd out = to.empty() ? Fd() : create(to);
  if (!to.empty() && !out) return failed(to, "made");
  Sha256 sum;
  std::vector<char> block(kBlock);
  std::uint64_t unsynced = 0;
  for (std::uint64_t left = bytes; left > 0;) {
    const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left, kBlock));
    const ssize_t got = ::read(in.get(), block.data(), wanted);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(from, "read");
    if (got == 0) {
      return error(ErrorKind::corrupt, from + " is shorter than the " + std::to_string(bytes) +
                                           " bytes that it must have");
    }
    sum.add(block.data(), static_cast<std::size_t>(got));
    if (out && !write_all(out.get(), block.data(), static_cast<std::size_t>(got))) {
      return failed(to, "written");
    }
    left -= static_cast<std::uint64_t>(got);
    unsynced += static_cast<std::uint64_t>(got);
    if (out && unsynced >= kSyncEvery) {
      if (::fdatasync(out.get()) != 0) return failed(to, "written");
      unsynced = 0;
    }
    if (progress && !progress(static_cast<std::uint64_t>(got))) {
      return error(ErrorKind::unavailable, "stopped while " + from + " was copied");
    }
  }
  if (out && ::fsync(out.get()) != 0) return failed(to, "written");
  return sum.digits();
}

Result<std::string> write_file(const std::string& to, std::string_view content) {
  const Fd out = create(to);
  if (!out) return failed(to, "made");
  if (!write_all(out.get(), content.data(), content.size()) || ::fsync(out.get()) != 0) {
    return failed(to, "written");
  }
  return sha256_of(content);
}

std::string sha256_of(std::string_view content) {
  Sha256 sum;
  sum.add(content.data(), content.size());
  return sum.digits();
}

Result<void> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0) return failed(path, "made");
  return {};
}

Result<void> sync_folder(const std::string& path) {
  const Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) return failed(path, "synced");
  return {};
}

Result<void> rename_path(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failed(from, ("renamed to " + to).c_str());
  return {};
}

}  // namespace roost::admin
