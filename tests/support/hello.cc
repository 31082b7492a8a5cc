// SPDX-License-Identifier: Apache-2.0
#include "tests/support/hello.h"

namespace roost::support {

Hello::Hello() { version = mqtt::ProtocolVersion::v5; }
Hello::Hello(const Hello&) = default;
Hello& Hello::operator=(const Hello&) = default;
Hello::~Hello() = default;

}  // namespace roost::support
