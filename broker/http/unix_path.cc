// SPDX-License-Identifier: Apache-2.0
#include "broker/http/unix_path.h"

#include <fcntl.h>
#include <sys/un.h>

namespace roost::http {

ShortUnixPath::ShortUnixPath(const std::string& path) : text_(path) {
  const std::size_t slash = path.rfind('/');
  if (path.size() < sizeof(sockaddr_un::sun_path) || slash == std::string::npos) return;
  folder_ = net::Fd(::open(path.substr(0, slash + 1).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder_) return;  // what uses the text says why
  text_ = "/proc/self/fd/" + std::to_string(folder_.get()) + path.substr(slash);
}

}  // namespace roost::http
