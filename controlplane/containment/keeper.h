// Keeps containments in force: on this appliance's disk, in its data plane, at its peer; ends them
// when their time is over, and follows the watched file. Thread-safe; one thread of its own makes
// all changes, and may wait for the data plane and the disk.
//
// Order of a change: the data plane and the peer first, for what an operator cuts is cut at once;
// then the disk. What a crash in between leaves in the data plane alone is taken from there.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "bulkhead/v1/dataplane.pb.h"
#include "controlplane/containment/containing.h"
#include "controlplane/containment/state.h"
#include "controlplane/containment/watched_file.h"
#include "controlplane/telemetry/sink.h"
#include "dataplane/daemon/pulses.h"
#include "dataplane/ipc/inbox.h"

namespace bulkhead::controlplane {

class ContainmentKeeper final : public Containing {
 public:
  struct Options {
    std::string path;       // of the file that keeps them; empty: memory alone
    std::string watched;    // see watched_file.h; empty: none
    std::string appliance;  // its name
  };
  struct Links {
    // Waits for the data plane's answer, or says why there is none.
    std::function<Result<v1::ContainmentInForce, std::string>(v1::ContainmentSet)> to_dataplane;
    std::function<void(v1::PairContainment)> to_peer;  // none: not one of a pair. Does not wait
    // The role that the policy in force names; empty: none.
    std::function<std::string()> release_role;
  };

  // Reads the file. The sink outlives it.
  ContainmentKeeper(Options options, Links links, Sink& sink);
  ~ContainmentKeeper() override;
  void start();
  void stop();
  // Adds its thread to those that must go on.
  void watch(daemon::Pulses& pulses);
  // Before start().
  void join_pair(std::function<void(v1::PairContainment)> to_peer) {
    links_.to_peer = std::move(to_peer);
  }

  // What a data plane hears first, before any policy. Does not wait.
  v1::ContainmentSet greeting() const;
  // What it enforces now and then: what it lacks it gets again, what it has besides is taken over.
  void on_dataplane(const v1::DataplaneStatus& status);
  // Neither waits.
  void on_peer(v1::PairContainment message);
  void on_link(bool up);

  Changed contain(const v1::SetContainmentRequest& request, const std::string& by) override;
  Changed release(const v1::ReleaseContainmentRequest& request, Roles roles,
                  const std::string& by) override;
  v1::ListContainmentResponse list() override;

 private:
  // What came of a change, for its caller.
  struct Enacted {
    std::optional<Refusal> refused;
    std::uint64_t sequence = 0;  // that the peer shall acknowledge; 0: none
    std::vector<std::string> warnings;
    std::uint32_t released = 0;
  };

  void load();
  void tick();
  void look();
  void compare(const v1::DataplaneStatus& status);
  void note_acknowledged(const v1::PairContainment& message);
  void hear(const v1::PairContainment& message);
  Enacted set_here(const v1::Containment& containment);
  Enacted release_here(const v1::ReleaseContainmentRequest& request, const std::string& by);
  void follow_file(const WatchedFile::Reading& reading);
  // Puts in force what stands now; `warnings` gets what did not work.
  std::uint64_t send_to_peer();
  void enforce(std::vector<std::string>& warnings);
  void save(std::vector<std::string>& warnings);
  void await_peer(Enacted& enacted);
  void tell(const ContainmentState::Change& change, const std::string& why);
  void tell(const std::string& text);
  void report(const std::string& where, const std::string& problem);
  Changed changed(Enacted enacted);
  ContainmentState::Change change(const std::function<ContainmentState::Change()>& change);
  bool is_unknown(std::uint64_t id) const;

  Options options_;
  Links links_;
  Sink& sink_;
  boost::asio::io_context io_;
  ipc::Inbox inbox_{io_};
  boost::asio::steady_timer timer_;
  std::thread thread_;

  mutable std::mutex mutex_;         // never held while something is awaited
  ContainmentState state_;           // changed by the thread alone
  std::set<std::uint64_t> unknown_;  // the policy in force has no zone or conduit of the name
  std::vector<std::pair<std::string, std::string>> problems_;  // where, and what

  // What the peer has carried out.
  std::mutex peer_mutex_;
  std::condition_variable peer_heard_;
  bool link_up_ = false;
  std::uint64_t sequence_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::string peer_problem_;

  // Of the thread alone:
  WatchedFile watched_;
  bool enforced_ = true;  // by the data plane, as far as is known
  std::uint64_t tried_ns_ = 0;
  std::uint64_t saved_ns_ = 0;
  std::uint64_t looked_ns_ = 0;
};

}  // namespace bulkhead::controlplane
