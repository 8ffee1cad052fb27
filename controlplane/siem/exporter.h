// Sends events and audit records on to collectors of syslog messages, on a thread of its own. It
// reads the logs from each collector's place on: what a collector that is away has not got stays in
// the log, whose size is bounded.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bulkhead/v1/control.pb.h"
#include "controlplane/siem/collectors_file.h"
#include "controlplane/siem/link.h"
#include "controlplane/siem/place.h"

namespace bulkhead::siem {

class Exporter {
 public:
  // Of collectors that are not in the file any more, so that they may come back.
  static constexpr std::size_t kPlacesMax = 64;

  struct Options {
    std::string file;      // collectors.yaml
    std::string places;    // file that keeps the collectors' places
    std::string hostname;  // of this appliance, for entries that do not name theirs
    Link::Timing timing = {};
    std::chrono::milliseconds period = std::chrono::seconds(1);  // of looks and of places on disk
    std::chrono::milliseconds finish = std::chrono::seconds(1);  // for what is under way at the end
  };
  // For people: collectors that are in force, lost, back. On the exporter's thread.
  using Tell = std::function<void(const std::string& text)>;

  // The sources outlive it.
  Exporter(Options options, const Link::Sources& sources, Tell tell);
  ~Exporter() { stop(); }
  void start();
  // Orderly: what collectors have confirmed is kept.
  void stop();

  // There are new entries. From any thread; never waits.
  void wake();
  // From any thread; never waits for the exporter's.
  std::vector<v1::CollectorStatus> status() const;

 private:
  void run();
  void turn();
  void use_collectors();
  void read_places();
  void keep_places();
  void publish();

  const Options options_;
  const Link::Sources sources_;
  const Tell tell_;
  boost::asio::io_context io_;
  boost::asio::steady_timer timer_;
  CollectorsFile file_;
  std::vector<std::shared_ptr<Link>> links_;
  AllPlaces places_;
  std::string kept_;            // as the file on disk has them
  std::string places_problem_;  // why they are not on disk
  std::atomic<bool> woken_ = false;
  std::size_t finishing_ = 0;

  mutable std::mutex mutex_;
  std::vector<v1::CollectorStatus> status_;
  std::thread thread_;
};

}  // namespace bulkhead::siem
