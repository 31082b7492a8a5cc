// SPDX-License-Identifier: Apache-2.0
#include "broker/http/outbound.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <openssl/crypto.h>

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include "broker/http/web_stream.h"
#include "broker/http/web_tls.h"
#include "broker/http/web_url.h"

namespace roost::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using auth::WebAnswer;
using auth::WebCaller;
using auth::WebRequest;
using beast::http::string_body;
using boost::system::error_code;
using Milliseconds = std::chrono::milliseconds;

void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

class Link;

// One request on its way. Own thread, once it was posted.
struct Call {
  Call(asio::io_context& io, WebUrl where, WebCaller::Done d)
      : url(std::move(where)), done(std::move(d)), deadline(io) {}
  ~Call() { OPENSSL_cleanse(message.body().data(), message.body().size()); }

  const WebUrl url;
  beast::http::request<string_body> message;
  WebCaller::Done done;  // null: answered
  asio::steady_timer deadline;
  std::weak_ptr<Link> link;  // that it is on
  bool is_retried = false;
};
using CallPtr = std::shared_ptr<Call>;

struct Origin {
  std::vector<std::shared_ptr<Link>> links;
  std::vector<std::shared_ptr<Link>> idle;  // of links; the last one was used last
  std::deque<CallPtr> waiting;
};

class Client final : public Outbound {
 public:
  explicit Client(OutboundSettings s)
      : settings(std::move(s)), tls(asio::ssl::context::tls_client), work_(io.get_executor()) {}
  ~Client() override { stop(); }

  void start() {
    thread_ = std::thread([this] { io.run(); });
  }

  void send(WebRequest request, Done done) override;
  void stop() override;
  const OutboundCounters& counters() const override { return counted; }

  // Own thread from here on.
  void begin(const CallPtr& call);
  void use_links(Origin& origin);
  void open_link(Origin& origin, const CallPtr& call);
  void finish(const CallPtr& call, Result<WebAnswer> result);

  const OutboundSettings settings;
  OutboundCounters counted;
  asio::io_context io{1};
  asio::ssl::context tls;

 private:
  void expire(Origin& origin, const CallPtr& call);
  void end_all();

  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::map<std::string, Origin> origins_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

Unexpected<Error> away(const WebUrl& url, const std::string& why) {
  return error(ErrorKind::unavailable, url.origin() + ": " + why);
}

// One connection. Lives as long as its origin knows it or an operation of its is under way.
class Link : public std::enable_shared_from_this<Link> {
 public:
  Link(Client& client, Origin& origin, const WebUrl& url)
      : client_(client),
        origin_(origin),
        url_(url),
        timer_(client.io),
        stream_(std::make_shared<WebStream>(client.io, client.tls, url,
                                            client.settings.verifies_server)) {}

  void connect(const CallPtr& call);
  bool has_spoken() { return stream_->has_spoken(); }
  void run(const CallPtr& call) {
    call_ = call;
    call->link = weak_from_this();
    exchange();
  }

  // Closes, and gives back the call that comes to nothing with it; null: idle, or closed before.
  CallPtr drop() {
    if (std::exchange(is_closed_, true)) return nullptr;
    disarm();
    stream_->close();
    std::erase(origin_.idle, shared_from_this());
    std::erase(origin_.links, shared_from_this());
    return std::exchange(call_, nullptr);
  }

 private:
  void arm(std::uint32_t ms, const char* why) {
    timer_.expires_after(Milliseconds(ms));
    timer_.async_wait([self = shared_from_this(), why, round = ++armed_](error_code fault) {
      if (!fault && !self->is_closed_ && self->armed_ == round) self->fail(why);
    });
  }

  // Cancelling alone doesn't reach a handler that is already due.
  void disarm() {
    ++armed_;
    timer_.cancel();
  }

  void exchange() {
    disarm();
    interims_ = 0;
    expect_answer();
    stream_->use([this](auto& stream) { write_to(stream); });
  }

  void expect_answer() {
    parser_.emplace();
    parser_->header_limit(client_.settings.header_bytes_max);
    parser_->body_limit(client_.settings.body_bytes_max);
    if (call_->message.method() == beast::http::verb::head) parser_->skip(true);
  }

  template <typename Stream>
  void write_to(Stream& stream) {
    beast::http::async_write(
        stream, call_->message,
        [self = shared_from_this(), call = call_, &stream](error_code fault, std::size_t) {
          if (self->is_closed_) return;
          if (fault) {
            self->retry_or_fail(fault);
            return;
          }
          self->read_from(stream);
        });
  }

  template <typename Stream>
  void read_from(Stream& stream) {
    beast::http::async_read(stream, buffer_, *parser_,
                            [self = shared_from_this()](error_code failed, std::size_t) {
                              if (!self->is_closed_) self->on_read(failed);
                            });
  }

  void on_read(error_code fault) {
    if (fault) return retry_or_fail(fault);
    if (parser_->get().result_int() / 100 == 1) return on_interim(parser_->get().result_int());
    const bool keeps_alive = parser_->keep_alive() && buffer_.size() == 0;
    auto message = parser_->release();
    const CallPtr call = std::exchange(call_, nullptr);
    call->link.reset();
    is_used_ = true;
    if (keeps_alive) {
      origin_.idle.push_back(shared_from_this());
      arm(client_.settings.idle_ms, "idle");
    } else {
      drop();
    }
    const auto wait_s = retry_after_s(message[beast::http::field::retry_after]);
    client_.finish(call, WebAnswer{message.result_int(), std::move(message.body()), wait_s});
    client_.use_links(origin_);
  }

  // The answer is still to come. [RFC9110-15.2]
  void on_interim(unsigned status) {
    constexpr unsigned kInterimMax = 10;
    if (status == 101 || ++interims_ > kInterimMax) {
      return fail("answers " + std::to_string(status) + " where a final answer is due");
    }
    expect_answer();
    stream_->use([this](auto& stream) { read_from(stream); });
  }

  // The other side may close what it keeps at any time, just as we send.
  void retry_or_fail(error_code fault) {
    const bool nothing_came = !parser_->got_some() && buffer_.size() == 0 && interims_ == 0;
    if (!is_used_ || !nothing_came || call_->is_retried) {
      fail(fault == beast::http::error::body_limit ? "the answer is too large" : fault.message());
      return;
    }
    const CallPtr call = drop();
    call->is_retried = true;
    count(client_.counted.retries);
    client_.open_link(origin_, call);
  }

  void fail(const std::string& why) {
    if (const CallPtr call = drop()) client_.finish(call, away(url_, why));
    client_.use_links(origin_);
  }

  Client& client_;
  Origin& origin_;
  const WebUrl url_;
  asio::steady_timer timer_;  // to connect, or idle
  const std::shared_ptr<WebStream> stream_;
  beast::flat_buffer buffer_;
  std::optional<beast::http::response_parser<string_body>> parser_;
  CallPtr call_;  // null: idle
  unsigned armed_ = 0;
  unsigned interims_ = 0;  // 1xx answers of the call
  bool is_used_ = false;
  bool is_closed_ = false;
};

void Link::connect(const CallPtr& call) {
  call_ = call;
  call->link = weak_from_this();
  count(client_.counted.connects);
  arm(client_.settings.connect_timeout_ms, "no connection in time");
  stream_->connect([self = shared_from_this()](error_code fault) {
    if (self->is_closed_) return;
    if (fault) return self->fail(fault.message());
    self->exchange();
  });
}

void fill(beast::http::request<string_body>& message, WebRequest& request, const WebUrl& url) {
  message.method_string(request.method);
  message.target(url.target);
  message.version(11);
  message.set(beast::http::field::host, url.host_header());
  message.set(beast::http::field::user_agent, "roost");
  for (const auto& [name, value] : request.headers) message.set(name, value);
  message.body() = std::move(request.body);
  message.prepare_payload();
}

void Client::send(WebRequest request, Done done) {
  auto url = check_web_request(request);
  if (!url) {
    OPENSSL_cleanse(request.body.data(), request.body.size());
    done(Unexpected(std::move(url).error()));
    return;
  }
  const auto call = std::make_shared<Call>(io, std::move(url).value(), std::move(done));
  fill(call->message, request, call->url);
  const auto refuse = [&](const Unexpected<Error>& e) { std::exchange(call->done, nullptr)(e); };
  if (stopping_.load()) {
    refuse(away(call->url, "stopped"));
  } else if (counted.pending.fetch_add(1) >= settings.pending_max) {
    counted.pending.fetch_sub(1);
    count(counted.refused);
    refuse(error(ErrorKind::resource_exhausted, call->url.origin() + ": too many requests wait"));
  } else {
    count(counted.requests);
    asio::post(io, [this, call] { begin(call); });
  }
}

void Client::begin(const CallPtr& call) {
  if (stopping_.load()) {
    finish(call, away(call->url, "stopped"));
    return;
  }
  const std::string name = call->url.origin();
  if (!origins_.contains(name) && origins_.size() >= settings.origins_max) {
    finish(call, error(ErrorKind::resource_exhausted, name + ": too many origins"));
    return;
  }
  Origin& origin = origins_[name];
  call->deadline.expires_after(Milliseconds(settings.timeout_ms));
  call->deadline.async_wait([this, &origin, call](error_code fault) {
    if (!fault && call->done) expire(origin, call);
  });
  origin.waiting.push_back(call);
  use_links(origin);
}

void Client::use_links(Origin& origin) {
  while (!origin.waiting.empty()) {
    while (!origin.idle.empty() && origin.idle.back()->has_spoken()) {
      const auto link = origin.idle.back();  // a copy: drop() takes it out
      link->drop();
    }
    const bool has_room = origin.links.size() < settings.connections_max;
    if (origin.idle.empty() && !has_room) return;
    const CallPtr call = std::move(origin.waiting.front());
    origin.waiting.pop_front();
    if (origin.idle.empty()) {
      open_link(origin, call);
    } else {
      const auto link = std::move(origin.idle.back());
      origin.idle.pop_back();
      link->run(call);
    }
  }
}

void Client::open_link(Origin& origin, const CallPtr& call) {
  origin.links.push_back(std::make_shared<Link>(*this, origin, call->url));
  // A copy: it may fail and go at once.
  const auto link = origin.links.back();
  link->connect(call);
}

void Client::finish(const CallPtr& call, Result<WebAnswer> result) {
  if (!call->done) return;
  const Done done = std::exchange(call->done, nullptr);
  call->deadline.cancel();
  counted.pending.fetch_sub(1);
  count(result ? counted.answers : counted.failures);
  done(std::move(result));
}

void Client::expire(Origin& origin, const CallPtr& call) {
  if (const auto link = call->link.lock()) link->drop();
  std::erase(origin.waiting, call);
  count(counted.timeouts);
  finish(call, away(call->url, "no answer in time"));
  use_links(origin);
}

void Client::end_all() {
  for (auto& [name, origin] : origins_) {
    std::vector<CallPtr> calls(origin.waiting.begin(), origin.waiting.end());
    origin.waiting.clear();
    for (const auto& link : std::vector(origin.links)) {
      if (CallPtr call = link->drop()) calls.push_back(std::move(call));
    }
    for (const CallPtr& call : calls) finish(call, away(call->url, "stopped"));
  }
}

void Client::stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true);
  asio::post(io, [this] {
    end_all();
    work_.reset();
  });
  thread_.join();
}

}  // namespace

Result<std::unique_ptr<Outbound>> Outbound::open(OutboundSettings settings) {
  if (settings.header_bytes_max > kWebHeaderBytesMost || settings.connections_max == 0) {
    return error(ErrorKind::invalid_argument, "a limit of outgoing HTTP that makes no sense");
  }
  auto client = std::make_unique<Client>(std::move(settings));
  const OutboundSettings& told = client->settings;
  if (auto set = set_client_trust(*client->tls.native_handle(), told.ca_file, told.verifies_server);
      !set) {
    return Unexpected(std::move(set).error());
  }
  client->start();
  return std::unique_ptr<Outbound>(std::move(client));
}

}  // namespace roost::http
