// SPDX-License-Identifier: Apache-2.0
#include "broker/net/filter_stack.h"

#include <algorithm>
#include <array>

namespace roost::net {

namespace {

// Who uses which of the core's spare buffers: two take turns on the way up, two on the way down.
constexpr std::size_t kUp = 0;
constexpr std::size_t kAnswer = 2;
constexpr std::size_t kDown = 3;
constexpr std::size_t kWritten = 5;
static_assert(kWritten < core::Core::kSpares);

FilterOutput& emptied(core::Core& core, std::size_t index) {
  FilterOutput& spare = core.spare(index);
  spare.clear();
  return spare;
}

}  // namespace

std::size_t FilterStack::layers_done() const {
  const auto first_open = std::find_if(filters_.begin(), filters_.end(), [](const auto& filter) {
    return !filter->handshake_done();
  });
  return static_cast<std::size_t>(first_open - filters_.begin());
}

FilterStack::Read FilterStack::from_wire(core::Core& core, ByteView wire, WriteQueue& out) {
  Read read{FilterStatus::ok, wire};
  for (std::size_t level = 0; level < filters_.size(); ++level) {
    if (read.app.empty()) break;
    FilterOutput& up = emptied(core, kUp + (level & 1));
    FilterOutput& answer = emptied(core, kAnswer);
    read.status = std::max(read.status, filters_[level]->from_wire(read.app, up, answer));
    if (!answer.empty()) read.status = std::max(read.status, wrap(core, level, answer, out));
    read.app = up;
  }
  return read;
}

FilterStatus FilterStack::to_wire(core::Core& core, WriteQueue& app, std::size_t size_max,
                                  WriteQueue& out) {
  FilterOutput& written = emptied(core, kWritten);
  FilterStatus status = FilterStatus::ok;
  while (!app.empty() && size_max > 0) {
    std::array<iovec, 64> segments;
    const std::size_t count = app.gather(segments.data(), segments.size(), size_max);
    std::size_t size = 0;
    for (const iovec& segment : std::span(segments).first(count)) {
      const ByteView bytes(static_cast<const std::uint8_t*>(segment.iov_base), segment.iov_len);
      status = std::max(status, filters_.back()->to_wire(bytes, written));
      size += bytes.size();
    }
    app.consume(size);
    size_max -= size;
  }
  return std::max(status, wrap(core, filters_.size() - 1, written, out));
}

void FilterStack::end(core::Core& core, WriteQueue& out) {
  for (std::size_t level = filters_.size(); level-- > 0;) {
    FilterOutput& answer = emptied(core, kAnswer);
    filters_[level]->end(answer);
    wrap(core, level, answer, out);
  }
}

void FilterStack::describe(PeerInfo& peer) {
  for (const auto& filter : filters_) filter->describe(peer);
  std::erase_if(filters_, [](const auto& filter) { return filter->transparent(); });
}

std::string FilterStack::last_error() const {
  for (const auto& filter : filters_) {
    if (std::string text = filter->last_error(); !text.empty()) return text;
  }
  return {};
}

// Carries what the filter at `level` produced through the ones outside of it.
FilterStatus FilterStack::wrap(core::Core& core, std::size_t level, ByteView bytes,
                               WriteQueue& out) {
  FilterStatus status = FilterStatus::ok;
  while (level-- > 0 && !bytes.empty()) {
    FilterOutput& down = emptied(core, kDown + (level & 1));
    status = std::max(status, filters_[level]->to_wire(bytes, down));
    bytes = down;
  }
  out.append(bytes);
  return status;
}

}  // namespace roost::net
