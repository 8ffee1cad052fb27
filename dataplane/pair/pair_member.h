// The lease thread's part in a pair: keeps the gate, sends and receives in-band frames, announces
// MAC addresses after a takeover, and checks whether the data plane could forward.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bulkhead/v1/dataplane.pb.h"
#include "dataplane/pair/flow_replication.h"
#include "dataplane/pair/late_frames.h"
#include "dataplane/ports/in_band_port.h"
#include "dataplane/ports/worker.h"
#include "dataplane/replication/freshness.h"
#include "dataplane/replication/gate.h"

namespace bulkhead::pair {

class PairMember {
 public:
  // Called with each period's report, and with each received heartbeat of the peer.
  using OnNews = std::function<void(const v1::PairNews&)>;

  // `shared.in_band` must be set; all that is given outlives the member.
  PairMember(boost::asio::io_context& io, ports::Shared& shared, OnNews on_news);

  // Carries out a request that concerns a pair. Returns the problem, or nothing.
  std::string carry_out(const v1::DataplaneRequest& request);
  v1::PairReport report() const;

 private:
  struct Identity {
    std::uint64_t node = 0;
    replication::Key key{};
  };
  struct MacAt {
    std::uint64_t mac = 0;
    std::uint16_t port = 0;
  };

  // A worker's latest turn, and the CPU time that it had used by then.
  struct Round {
    TimeNs begun_ns = 0;
    TimeNs on_core_ns = 0;
    TimeNs woken_ns = 0;  // by this thread, in that round; 0: not yet
    unsigned waits = 0;   // consecutive checks since in which it was not runnable
  };

  std::string configure(const v1::ConfigurePair& configure);
  void renew(const v1::SetLease& lease);
  void send(const v1::SendHeartbeat& heartbeat);
  void learn(const v1::SetStations& stations);
  void begin_flows(std::uint64_t stream);
  void bring(v1::LateFrames frames);
  void look_at_worker(std::size_t index, TimeNs now_ns);
  void keep_time();
  void go_on_with_hand_over();
  void report_if_settled();
  void hand_on_late();
  void hear_peer(const replication::Beacon& beacon, std::uint16_t port,
                 replication::Freshness::Word word);
  void listen();
  void hear();
  bool receive_zone(std::uint16_t port, v1::PairNews& news);
  void rest_of_frames();
  void publish_gate();
  void send_on(std::uint16_t port, ByteView heartbeat);
  void begin_announcing();
  void announce();
  void transmit(ByteView frame, std::uint16_t port);
  std::string problem() const;
  bool flows_settled() const;

  ports::Shared& shared_;
  OnNews on_news_;
  boost::asio::steady_timer timer_;
  boost::asio::posix::stream_descriptor bell_;
  boost::asio::steady_timer rest_timer_;
  bool rests_ = false;                                        // frames wait until it ends
  TimeNs turn_ns_ = 0;                                        // when the newest turn began
  std::array<std::uint32_t, policy::kPortsMax> turn_left_{};  // frames of each zone port
  TimeNs heartbeat_ns_ = 10 * kMillisecondNs;
  std::vector<Round> rounds_;  // of each worker
  FlowReplication flows_;
  LateFrames late_;
  replication::Gate gate_;
  TimeNs closed_ns_ = 0;  // when an orderly hand-over began
  bool reported_settled_ = false;
  std::optional<Identity> identity_;
  replication::Freshness freshness_;
  std::uint64_t incarnation_ = 0;  // the agent counts it
  std::uint64_t counter_ = 0;
  TimeNs sent_ns_ = 0;
  TimeNs sent_macs_ns_ = 0;
  std::uint32_t sent_changes_ = 0;
  std::array<TimeNs, policy::kPortsMax> heard_ns_{};  // the peer, by zone port
  std::vector<MacAt> macs_;                           // to announce
  std::size_t announced_ = 0;
  int rounds_left_ = 0;
  TimeNs next_round_ns_ = 0;
};

}  // namespace bulkhead::pair
