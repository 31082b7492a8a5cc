// SPDX-License-Identifier: Apache-2.0
#include "broker/server/spdlog_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json.hpp>

#include <optional>
#include <regex>
#include <string>
#include <thread>
#include <vector>

namespace roost::server {
namespace {

class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe(ends_), 0); }
  ~Pipe() {
    ::close(ends_[0]);
    close_write_end();
  }
  int write_end() const { return ends_[1]; }
  void close_write_end() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }
  std::string read_all() {
    close_write_end();
    return read_to_end();
  }
  std::string read_to_end() {
    std::string text;
    char block[4096];
    for (ssize_t n; (n = ::read(ends_[0], block, sizeof block)) > 0;) {
      text.append(block, static_cast<std::size_t>(n));
    }
    return text;
  }

 private:
  int ends_[2] = {-1, -1};
};

TEST(SpdlogLog, WritesOneLineOfTextAnEvent) {
  Pipe pipe;
  {
    SpdlogLog log(LogLevel::info, SpdlogLog::Format::text, pipe.write_end());
    log.write(LogLevel::info, "client a connected");
    log.write(LogLevel::debug, "unseen");
    EXPECT_FALSE(log.enabled(LogLevel::debug));
    EXPECT_TRUE(log.enabled(LogLevel::warn));
  }
  const std::string text = pipe.read_all();
  static const std::regex kLine(
      R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[-+]\d\d:\d\d info  client a connected\n)");
  EXPECT_TRUE(std::regex_match(text, kLine)) << text;
}

TEST(SpdlogLog, AClientsIdCantForgeALine) {
  Pipe pipe;
  {
    SpdlogLog log(LogLevel::info, SpdlogLog::Format::text, pipe.write_end());
    log.write(LogLevel::info, "client a\nerror all is lost\x1b[31m \"quoted\" {} %v");
  }
  const std::string text = pipe.read_all();
  EXPECT_NE(text.find("client a\\u000aerror all is lost\\u001b[31m \"quoted\" {} %v\n"),
            std::string::npos)
      << text;
}

TEST(SpdlogLog, JsonLinesAreJson) {
  Pipe pipe;
  const std::string nasty = "\"quoted\" \\ back\nslash \x7f %v {} grüße";
  {
    SpdlogLog log(LogLevel::trace, SpdlogLog::Format::json, pipe.write_end());
    log.write(LogLevel::error, nasty);
  }
  const std::string text = pipe.read_all();
  const boost::json::object object = boost::json::parse(text).as_object();
  EXPECT_EQ(object.at("message").as_string(), nasty);
  EXPECT_EQ(object.at("level").as_string(), "error");
}

TEST(SpdlogLog, FlushMeansWritten) {
  Pipe pipe;
  ASSERT_EQ(::fcntl(pipe.write_end(), F_SETFL, O_NONBLOCK), 0);
  SpdlogLog log(LogLevel::info, SpdlogLog::Format::text, pipe.write_end());
  for (int i = 0; i < 100; ++i) log.write(LogLevel::info, "line");
  log.flush();
  const std::string text = pipe.read_all();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 100);
}

TEST(SpdlogLog, AReaderThatSleepsCostsOldLinesNotTheBroker) {
  Pipe pipe;
  constexpr int kLines = 100'000;  // far more than the pipe and the queue hold
  std::optional<SpdlogLog> log(std::in_place, LogLevel::info, SpdlogLog::Format::text,
                               pipe.write_end());
  for (int i = 0; i < kLines; ++i) log->write(LogLevel::info, "line");
  EXPECT_GT(log->dropped(), 0u);
  const std::uint64_t dropped = log->dropped();
  std::thread end([&] {
    log.reset();
    pipe.close_write_end();
  });
  const std::string text = pipe.read_to_end();
  end.join();
  EXPECT_EQ(static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n')),
            kLines - dropped);
}

}  // namespace
}  // namespace roost::server
