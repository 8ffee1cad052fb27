// The capture is held in memory; each round begins with no session, later than the one before.
#include "dataplane/replay/measure.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <vector>

#include "dataplane/replay/zone_port.h"

namespace bulkhead::replay {

namespace {

struct Frame {
  std::size_t offset = 0;
  std::uint16_t length = 0;
  std::uint16_t port = 0;
  TimeNs time_ns = 0;
};

struct Frames {
  std::vector<std::uint8_t> bytes;
  std::vector<Frame> list;
  std::uint16_t longest = 0;
};

Frames load_frames(const std::string& path, const policy::Tables& tables) {
  constexpr std::size_t kBytesMax = std::size_t{4} << 30;
  constexpr std::size_t kFrameMax = 65535 - RTE_PKTMBUF_HEADROOM;
  capture::CaptureFile capture = open_capture(path);
  Frames frames;
  while (capture.next()) {
    const ByteView frame = capture.frame();
    if (frame.size() > kFrameMax || frames.bytes.size() + frame.size() > kBytesMax) {
      throw Failure{kFileFailed, path + ": a frame of more than 65,407 bytes, or more than 4 GiB"};
    }
    const auto length = static_cast<std::uint16_t>(frame.size());
    frames.list.push_back({frames.bytes.size(), length, port_of(tables, frame), capture.time_ns()});
    frames.bytes.insert(frames.bytes.end(), frame.begin(), frame.end());
    frames.longest = std::max(frames.longest, length);
  }
  if (!capture.problem().empty()) throw Failure{kFileFailed, capture.problem()};
  if (frames.list.empty()) throw Failure{kFileFailed, path + " has no frames"};
  return frames;
}

// Counts as a worker does, and gives every buffer back.
class Counter final : public pipeline::Output, public pipeline::Observer {
 public:
  explicit Counter(pipeline::Counters& counters) : counters_(counters) {}

  void transmit(rte_mbuf* mbuf, std::uint16_t /*port*/) override { rte_pktmbuf_free(mbuf); }
  void on_verdict(const pipeline::Verdict& verdict, const flow::Packet& packet) override {
    std::uint32_t anywhere = 0;
    counters_.add({verdict.standing.conduit, verdict.standing.rule, verdict.function,
                   verdict.protocol, verdict.reason, verdict.fault},
                  verdict.bytes,
                  packet.flow != nullptr ? packet.flow->counted[packet.from_client] : anywhere);
    ++(is_allowed(verdict.reason) ? allowed : denied);
  }
  void expect(const flow::Packet& packet) override {
    counters_.prefetch(packet.flow->counted[packet.from_client]);
  }

  std::uint64_t allowed = 0;
  std::uint64_t denied = 0;

 private:
  pipeline::Counters& counters_;
};

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

rte_mempool* make_buffers(std::uint16_t longest) {
  constexpr std::size_t kMemory = std::size_t{96} << 20;
  constexpr unsigned kCache = 256;
  const auto room = static_cast<std::uint16_t>(
      std::max<std::size_t>(RTE_MBUF_DEFAULT_BUF_SIZE, longest + RTE_PKTMBUF_HEADROOM));
  const auto count =
      static_cast<unsigned>(std::min<std::size_t>(16384, kMemory / (room + sizeof(rte_mbuf) * 2)));
  rte_mempool* buffers = rte_pktmbuf_pool_create("measure", count, kCache, 0, room, SOCKET_ID_ANY);
  if (buffers == nullptr) throw Failure{kEalFailed, "not enough memory for packet buffers"};
  return buffers;
}

struct Round {
  const pipeline::Image& image;
  const Frames& frames;
  pipeline::Pipeline& pipeline;
  rte_mempool* buffers;
  Counter& counter;
  TimeNs later_ns = 0;

  void run() {
    std::array<rte_mbuf*, pipeline::kBurstMax> burst;
    for (std::size_t at = 0; at < frames.list.size();) {
      const std::size_t count = std::min(burst.size(), frames.list.size() - at);
      if (rte_pktmbuf_alloc_bulk(buffers, burst.data(), static_cast<unsigned>(count)) != 0) {
        throw Failure{kEalFailed, "the sessions of this capture keep all packet buffers"};
      }
      const TimeNs now_ns = frames.list[at].time_ns + later_ns;
      for (std::size_t i = 0; i < count; ++i, ++at) {
        const Frame& frame = frames.list[at];
        std::memcpy(rte_pktmbuf_append(burst[i], frame.length), &frames.bytes[frame.offset],
                    frame.length);
        burst[i]->port = frame.port;
      }
      pipeline.pass_time(image, now_ns, counter, counter);
      pipeline.process(image, {burst.data(), count}, now_ns, counter, counter);
    }
  }
};

}  // namespace

Rate measure(pipeline::Image& image, const std::string& capture, pipeline::PipelineOptions options,
             std::uint32_t rounds) {
  const Frames frames = load_frames(capture, image.tables);
  rte_mempool* buffers = make_buffers(frames.longest);
  options.limits.segments = buffers->size / 2;
  flow::MacTable macs;
  auto pipeline = pipeline::Pipeline::make("measure", options, macs);
  if (!pipeline) throw Failure{kEalFailed, pipeline.error()};
  image.counters.push_back(
      std::make_unique<pipeline::Counters>(pipeline::Counters::cells_for(image.tables)));
  Counter counter(*image.counters.back());
  Round round{image, frames, *pipeline.value(), buffers, counter};
  Rate rate;
  const auto [first, last] =
      std::minmax_element(frames.list.begin(), frames.list.end(),
                          [](const Frame& a, const Frame& b) { return a.time_ns < b.time_ns; });
  for (; rate.rounds < rounds; ++rate.rounds) {
    const double begin = cpu_seconds();
    round.run();
    rate.cpu_seconds += cpu_seconds() - begin;
    rate.packets += frames.list.size();
    pipeline.value()->forget_all();
    round.later_ns += last->time_ns - first->time_ns + kSecondNs;
  }
  rate.allowed = counter.allowed;
  rate.denied = counter.denied;
  return rate;
}

}  // namespace bulkhead::replay
