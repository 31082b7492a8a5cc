// SPDX-License-Identifier: Apache-2.0
#include "broker/http/client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <chrono>
#include <utility>

#include "broker/http/unix_path.h"

namespace roost::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Local = asio::local::stream_protocol;
using boost::system::error_code;

class Call {
 public:
  Call(const std::string& path, std::uint32_t timeout_ms)
      : path_(path), stream_(io_), timeout_(timeout_ms) {
    parser_.body_limit(kAnswerBytesMax);
  }

  void set(const std::string& method, const std::string& target, const std::string& body) {
    request_.method_string(method);
    request_.target(target);
    request_.version(11);
    request_.set(beast::http::field::host, "roost");
    request_.set(beast::http::field::content_type, "application/json");
    request_.body() = body;
    request_.prepare_payload();
    request_.keep_alive(false);
  }

  error_code run() {
    try {
      stream_.expires_after(timeout_);
      stream_.async_connect(Local::endpoint(path_.text()), [this](error_code fault) {
        if (done(fault)) return;
        beast::http::async_write(stream_, request_, [this](error_code failed, std::size_t) {
          if (!done(failed)) read();
        });
      });
    } catch (const boost::system::system_error& too_long) {  // the address
      return too_long.code();
    }
    io_.run();
    return fault_;
  }

  Response take() {
    auto message = parser_.release();
    Response response{message.result_int(), std::move(message.body())};
    response.content_type = std::string(message[beast::http::field::content_type]);
    return response;
  }

 private:
  bool done(error_code fault) {
    fault_ = fault;
    return static_cast<bool>(fault);
  }
  void read() {
    beast::http::async_read(stream_, buffer_, parser_,
                            [this](error_code fault, std::size_t) { done(fault); });
  }

  const ShortUnixPath path_;
  asio::io_context io_{1};
  beast::basic_stream<Local> stream_;
  const std::chrono::milliseconds timeout_;
  beast::http::request<beast::http::string_body> request_;
  beast::http::response_parser<beast::http::string_body> parser_;
  beast::flat_buffer buffer_;
  error_code fault_;
};

ErrorKind kind_of(error_code fault) {
  namespace errc = boost::system::errc;
  if (fault == errc::permission_denied) return ErrorKind::permission_denied;
  // The last one: of a long path even the folder isn't there.
  const bool is_away = fault == errc::no_such_file_or_directory ||
                       fault == errc::connection_refused || fault == errc::not_a_directory ||
                       fault == beast::http::error::end_of_stream ||
                       fault == errc::connection_reset || fault == errc::filename_too_long;
  return is_away ? ErrorKind::unavailable : ErrorKind::io;
}

}  // namespace

Result<Response> ask_unix(const std::string& socket_path, const std::string& method,
                          const std::string& target, const std::string& body,
                          std::uint32_t timeout_ms) {
  Call call(socket_path, timeout_ms);
  call.set(method, target, body);
  if (const error_code fault = call.run()) {
    if (fault == beast::error::timeout) {
      return error(ErrorKind::io, socket_path + ": no answer in time; it may go on");
    }
    return error(kind_of(fault), socket_path + ": " + fault.message());
  }
  return call.take();
}

}  // namespace roost::http
