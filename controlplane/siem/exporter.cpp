// Collectors share nothing but the thread, on which nothing waits but for the disk.
#include "controlplane/siem/exporter.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <utility>

#include "controlplane/revisions/files.h"

namespace bulkhead::siem {

Exporter::Exporter(Options options, const Link::Sources& sources, Tell tell)
    : options_(std::move(options)),
      sources_(sources),
      tell_(std::move(tell)),
      timer_(io_),
      file_(options_.file) {
  read_places();
}

void Exporter::start() {
  boost::asio::post(io_, [this] { turn(); });
  thread_ = std::thread([this] { run(); });
}

void Exporter::run() {
  const auto work = boost::asio::make_work_guard(io_);
  for (;;) {
    try {
      io_.run();
      return;
    } catch (const std::exception& error) {
      tell_(std::string("collectors: ") + error.what());
    }
  }
}

void Exporter::stop() {
  if (!thread_.joinable()) return;
  boost::asio::post(io_, [this] {
    finishing_ = links_.size();
    const auto last = [this] {
      keep_places();
      io_.stop();
    };
    if (links_.empty()) return last();
    timer_.expires_after(options_.finish);
    timer_.async_wait([last](boost::system::error_code stopped) {
      if (!stopped) last();
    });
    for (const auto& link : links_) {
      link->finish([this, last] {
        if (--finishing_ == 0) last();
      });
    }
  });
  thread_.join();
  links_.clear();
}

void Exporter::wake() {
  if (woken_.exchange(true)) return;
  boost::asio::post(io_, [this] {
    woken_ = false;
    for (const auto& link : links_) link->wake();
  });
}

void Exporter::turn() {
  if (file_.look()) use_collectors();
  for (const auto& link : links_) link->wake();
  keep_places();
  publish();
  timer_.expires_after(options_.period);
  timer_.async_wait([this](boost::system::error_code stopped) {
    if (!stopped) turn();
  });
}

// A collector that stays as it was keeps its connection.
void Exporter::use_collectors() {
  if (!file_.problem().empty()) tell_(file_.problem() + "; the former collectors stay in force");
  std::vector<std::shared_ptr<Link>> former = std::exchange(links_, {});
  for (const auto& link : former) places_[link->collector().name] = link->places();
  bool are_others = former.size() != file_.collectors().size();
  for (const Collector& collector : file_.collectors()) {
    const auto same = std::find_if(former.begin(), former.end(), [&](const auto& link) {
      return link && link->collector() == collector;
    });
    if (same != former.end()) {
      links_.push_back(std::move(*same));
      continue;
    }
    are_others = true;
    const std::string name = collector.name;
    links_.push_back(std::make_shared<Link>(
        io_, collector, sources_, options_.hostname, places_[name], options_.timing,
        [this, name](const std::string& problem) {
          tell_("collector " + name + (problem.empty() ? " is connected" : ": " + problem));
        }));
  }
  if (are_others) {
    tell_(options_.file + " is in force: " + std::to_string(links_.size()) + " collectors");
  }
}

// Where they cannot be read, collectors get again what the logs have: numbers show that it is not
// new.
void Exporter::read_places() {
  const auto text = controlplane::read_file(options_.places);
  if (!text) return;
  auto places = decode_places(*text);
  if (!places) {
    tell_(options_.places + " cannot be used: collectors get again what the logs have");
    return;
  }
  places_ = std::move(*places);
  kept_ = *text;
}

void Exporter::keep_places() {
  for (const auto& link : links_) places_[link->collector().name] = link->places();
  for (auto each = places_.begin(); each != places_.end() && places_.size() > kPlacesMax;) {
    const bool is_used = std::any_of(links_.begin(), links_.end(), [&](const auto& link) {
      return link->collector().name == each->first;
    });
    each = is_used ? std::next(each) : places_.erase(each);
  }
  const std::string text = encode_places(places_);
  if (text == kept_) return;
  std::string problem = controlplane::replace_file(options_.places, text);
  if (problem.empty()) kept_ = text;
  if (problem != places_problem_ && !problem.empty()) tell_("places of collectors: " + problem);
  places_problem_ = std::move(problem);
}

void Exporter::publish() {
  std::vector<v1::CollectorStatus> status;
  for (const auto& link : links_) {
    status.push_back(link->status());
    if (status.back().problem().empty() && !places_problem_.empty()) {
      status.back().set_problem("how far it has been served is not kept: " + places_problem_);
    }
  }
  if (!file_.problem().empty()) {
    status.emplace_back().set_name(options_.file);
    status.back().set_state("refused");
    status.back().set_problem(file_.problem());
  }
  const std::lock_guard guard(mutex_);
  status_ = std::move(status);
}

std::vector<v1::CollectorStatus> Exporter::status() const {
  const std::lock_guard guard(mutex_);
  return status_;
}

}  // namespace bulkhead::siem
