// One thread changes; callers and the other threads post to it.
#include "controlplane/containment/keeper.h"

#include <google/protobuf/util/json_util.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <utility>

#include "controlplane/containment/request.h"
#include "controlplane/pair/ask.h"
#include "controlplane/revisions/files.h"
#include "controlplane/revisions/revision_note.h"
#include "controlplane/telemetry/notice.h"
#include "dataplane/base/boot_clock.h"
#include "dataplane/base/priority.h"

namespace bulkhead::controlplane {

namespace {

constexpr auto kTick = std::chrono::milliseconds(50);
constexpr TimeNs kLookNs = 200 * kMillisecondNs;
constexpr TimeNs kRetryNs = kSecondNs;
constexpr TimeNs kSaveNs = 60 * kSecondNs;  // what is left of the time, for a machine that restarts
constexpr auto kPeerPatience = std::chrono::milliseconds(1000);
constexpr TimeNs kPatienceNs = 10 * kSecondNs;  // the data plane is waited for

std::uint64_t new_number() {
  std::random_device chance;
  const std::uint64_t number = std::uint64_t{chance()} << 32 | chance();
  return number == 0 ? 1 : number;
}

}  // namespace

ContainmentKeeper::ContainmentKeeper(Options options, Links links, Sink& sink)
    : options_(std::move(options)),
      links_(std::move(links)),
      sink_(sink),
      timer_(io_),
      watched_(options_.watched) {
  load();
}

ContainmentKeeper::~ContainmentKeeper() { stop(); }

void ContainmentKeeper::start() {
  inbox_.post([this] { tick(); });
  thread_ = std::thread([this] {
    name_thread("containment");
    run_sooner();  // an operator waits, and what is cut is still open
    io_.run();
  });
}

void ContainmentKeeper::stop() {
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

void ContainmentKeeper::watch(daemon::Pulses& pulses) {
  pulses.watch("containment", kPatienceNs,
               [this](std::function<void()> function) { inbox_.post(std::move(function)); });
}

// --- the disk ----------------------------------------------------------------------------------

void ContainmentKeeper::load() {
  if (options_.path.empty() || !std::filesystem::exists(options_.path)) return;
  const auto text = read_file(options_.path);
  v1::StoredContainment stored;
  const bool good = text && google::protobuf::util::JsonStringToMessage(*text, &stored).ok();
  if (!good) {
    return report("storage", options_.path +
                                 " is damaged: what stood is known by the data plane and the peer "
                                 "alone; see `contain list`");
  }
  state_ = ContainmentState::load(stored, boot_number(), boot_now_ns());
}

void ContainmentKeeper::save(std::vector<std::string>& warnings) {
  if (options_.path.empty()) return;
  saved_ns_ = boot_now_ns();
  v1::StoredContainment stored;
  {
    const std::lock_guard guard(mutex_);
    stored = state_.store(boot_number(), saved_ns_);
  }
  std::string text;
  google::protobuf::util::JsonPrintOptions lines;
  lines.add_whitespace = true;
  std::string wrong = "it cannot be written as text";
  if (google::protobuf::util::MessageToJsonString(stored, &text, lines).ok()) {
    wrong = replace_file(options_.path, text);
  }
  report("storage", wrong);
  if (!wrong.empty()) {
    warnings.push_back("it is not on the disk and would not survive a restart of the machine: " +
                       wrong);
  }
}

// --- the data plane ----------------------------------------------------------------------------

v1::ContainmentSet ContainmentKeeper::greeting() const {
  const std::lock_guard guard(mutex_);
  v1::ContainmentSet set;
  set.set_join(true);
  for (v1::Containment& each : state_.list(boot_now_ns())) {
    *set.add_containments() = std::move(each);
  }
  return set;
}

void ContainmentKeeper::enforce(std::vector<std::string>& warnings) {
  v1::ContainmentSet set = greeting();
  set.set_join(false);
  tried_ns_ = boot_now_ns();
  const auto answer = links_.to_dataplane(std::move(set));
  std::string problem = answer ? answer.value().problem() : answer.error();
  enforced_ = problem.empty();
  if (answer) {
    const std::lock_guard guard(mutex_);
    unknown_.clear();
    for (const v1::Containment& each : answer.value().containments()) {
      if (each.unknown()) unknown_.insert(each.id());
    }
  }
  if (!problem.empty()) {
    problem = "the data plane has not taken it up (" + problem + "); it is tried again";
    warnings.push_back(problem);
  }
  report("data plane", problem);
}

void ContainmentKeeper::on_dataplane(const v1::DataplaneStatus& status) {
  v1::DataplaneStatus known;
  *known.mutable_containments() = status.containments();
  inbox_.post([this, known = std::move(known)] { compare(known); });
}

void ContainmentKeeper::compare(const v1::DataplaneStatus& status) {
  v1::PairContainment of_dataplane;
  *of_dataplane.mutable_containments() = status.containments();
  const TimeNs now_ns = boot_now_ns();
  std::vector<std::string> became_unknown;
  ContainmentState::Change joined;
  bool differs = false;
  {
    const std::lock_guard guard(mutex_);
    joined = state_.join(of_dataplane, now_ns);
    differs = state_.knows_more(of_dataplane, now_ns);
    for (const v1::Containment& each : status.containments()) {
      const bool was = unknown_.contains(each.id());
      if (each.unknown() && !was) became_unknown.push_back(text_of(each.target()));
      each.unknown() ? void(unknown_.insert(each.id())) : void(unknown_.erase(each.id()));
    }
  }
  tell(joined, "the data plane has it");
  for (const std::string& each : became_unknown) {
    tell("the policy in force has no " + each +
         ": its containment goes on to stand, and concerns "
         "nothing until a policy has one of that name");
  }
  if (!joined.any() && !differs) return;
  std::vector<std::string> warnings;
  if (joined.any()) send_to_peer();
  enforce(warnings);
  if (joined.any()) save(warnings);
}

// --- the peer ----------------------------------------------------------------------------------

std::uint64_t ContainmentKeeper::send_to_peer() {
  if (!links_.to_peer) return 0;
  v1::PairContainment message;
  {
    const std::lock_guard guard(mutex_);
    message = state_.for_peer(boot_now_ns());
  }
  const std::lock_guard guard(peer_mutex_);
  message.set_sequence(++sequence_);
  if (link_up_) links_.to_peer(std::move(message));
  return sequence_;
}

// Both come from the pair's thread, which must not wait for anybody.
void ContainmentKeeper::on_link(bool up) {
  inbox_.post([this, up] {
    {
      const std::lock_guard guard(peer_mutex_);
      link_up_ = up;
    }
    peer_heard_.notify_all();
    if (up) send_to_peer();
  });
}

void ContainmentKeeper::on_peer(v1::PairContainment message) {
  inbox_.post([this, message = std::move(message)] {
    note_acknowledged(message);
    if (message.sequence() != 0) hear(message);
  });
}

void ContainmentKeeper::note_acknowledged(const v1::PairContainment& message) {
  {
    const std::lock_guard guard(peer_mutex_);
    if (message.acknowledged() <= acknowledged_ || message.acknowledged() > sequence_) return;
    acknowledged_ = message.acknowledged();
    peer_problem_ = message.problem();
  }
  peer_heard_.notify_all();
}

void ContainmentKeeper::hear(const v1::PairContainment& message) {
  const TimeNs now_ns = boot_now_ns();
  bool knows_more = false;
  const auto joined = change([&] {
    auto change = state_.join(message, now_ns);
    knows_more = state_.knows_more(message, now_ns);
    return change;
  });
  std::vector<std::string> warnings;
  if (joined.any() || !enforced_) enforce(warnings);
  if (joined.left_out > 0) warnings.emplace_back("not all have room there");
  v1::PairContainment answer;
  answer.set_acknowledged(message.sequence());
  if (!warnings.empty()) answer.set_problem(warnings.front());
  links_.to_peer(std::move(answer));
  if (knows_more) send_to_peer();
  tell(joined, "the peer says so");
  if (joined.any()) save(warnings);
}

void ContainmentKeeper::await_peer(Enacted& enacted) {
  if (enacted.sequence == 0) return;
  std::unique_lock lock(peer_mutex_);
  peer_heard_.wait_for(lock, kPeerPatience,
                       [&] { return !link_up_ || acknowledged_ >= enacted.sequence; });
  if (acknowledged_ >= enacted.sequence) {
    if (!peer_problem_.empty()) enacted.warnings.push_back("the peer: " + peer_problem_);
    return;
  }
  enacted.warnings.emplace_back(
      link_up_ ? "the peer has not answered yet; it takes this over when it does"
               : "the pair link is down: the peer takes this over when it is heard again");
}

// --- time and the file -------------------------------------------------------------------------

void ContainmentKeeper::tick() {
  timer_.expires_after(kTick);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) tick();
  });
  const TimeNs now_ns = boot_now_ns();
  std::vector<std::string> warnings;
  const auto over = change([&] { return state_.pass_time(now_ns); });
  tell(over, "its time is over");
  if (over.any() || (!enforced_ && now_ns - tried_ns_ >= kRetryNs)) enforce(warnings);
  if (over.any() || (state_.next_end_ns() != 0 && now_ns - saved_ns_ >= kSaveNs)) save(warnings);
  if (!options_.watched.empty() && now_ns - looked_ns_ >= kLookNs) {
    looked_ns_ = now_ns;
    look();
  }
}

void ContainmentKeeper::look() {
  const auto reading = watched_.look();
  if (!reading) return;
  std::string problem;
  for (const std::string& each : reading->problems) {
    problem += (problem.empty() ? watched_.path() + ": " : "; ") + each;
  }
  if (!problem.empty() && !reading->counts) problem += "; what stood before goes on to stand";
  report("file", problem);
  if (reading->counts) follow_file(*reading);
}

void ContainmentKeeper::follow_file(const WatchedFile::Reading& reading) {
  const TimeNs now_ns = boot_now_ns();
  std::vector<WatchedFile::Line> missing = reading.lines;
  std::vector<std::uint64_t> gone;
  for (const v1::Containment& each : state_.list(now_ns)) {
    if (!each.from_file() || each.appliance() != options_.appliance) continue;
    const auto wanted = std::erase_if(missing, [&](const WatchedFile::Line& line) {
      return line.level == each.level() && is_same_target(line.target, each.target());
    });
    if (wanted == 0) gone.push_back(each.id());
  }
  std::string full;
  const auto changed = change([&] {
    ContainmentState::Change change;
    for (const std::uint64_t id : gone) {
      for (auto& each : state_.release(id, now_ns).ended) change.ended.push_back(std::move(each));
    }
    for (const WatchedFile::Line& line : missing) {
      v1::Containment each = from_file(line, watched_.path(), options_.appliance);
      each.set_id(new_number());
      if (const auto wrong = state_.set(each, now_ns)) {
        full = *wrong;
      } else {
        change.began.push_back(std::move(each));
      }
    }
    return change;
  });
  if (!full.empty()) report("file", watched_.path() + ": " + full);
  if (!changed.any()) return;
  std::vector<std::string> warnings;
  send_to_peer();
  enforce(warnings);
  save(warnings);
  tell(changed, "the file does not have it any more");
}

// --- callers -----------------------------------------------------------------------------------

Containing::Changed ContainmentKeeper::contain(const v1::SetContainmentRequest& request,
                                               const std::string& by) {
  if (const auto wrong = problem_of(request)) return Refusal{Refusal::Kind::invalid, *wrong};
  v1::Containment containment = requested(request, by, options_.appliance);
  containment.set_id(new_number());
  containment.set_set_wall_time_ns(wall_now_ns());
  Enacted enacted = ask(inbox_, [&] { return set_here(containment); });
  await_peer(enacted);
  return changed(std::move(enacted));
}

// A name that no policy in force has is a slip: nothing is cut by it. It is not kept.
ContainmentKeeper::Enacted ContainmentKeeper::set_here(const v1::Containment& containment) {
  Enacted enacted;
  const TimeNs now_ns = boot_now_ns();
  std::optional<std::string> wrong;
  change([&] {
    wrong = state_.set(containment, now_ns);
    return ContainmentState::Change{};
  });
  if (wrong) {
    enacted.refused = Refusal{Refusal::Kind::busy, *wrong + "; nothing was changed"};
    return enacted;
  }
  enforce(enacted.warnings);
  if (is_unknown(containment.id())) {
    change([&] { return state_.release(containment.id(), now_ns); });
    enforce(enacted.warnings);
    enacted.refused = Refusal{
        Refusal::Kind::not_found,
        "the policy in force has no " + text_of(containment.target()) + "; nothing was changed"};
    return enacted;
  }
  enacted.sequence = send_to_peer();
  save(enacted.warnings);
  tell({{containment}, {}}, "");
  return enacted;
}

Containing::Changed ContainmentKeeper::release(const v1::ReleaseContainmentRequest& request,
                                               Roles roles, const std::string& by) {
  if (const auto wrong = problem_of(request)) return Refusal{Refusal::Kind::invalid, *wrong};
  if (const auto wrong = may_not_release(links_.release_role(), roles)) {
    return Refusal{Refusal::Kind::forbidden, *wrong};
  }
  Enacted enacted = ask(inbox_, [&] { return release_here(request, by); });
  await_peer(enacted);
  return changed(std::move(enacted));
}

ContainmentKeeper::Enacted ContainmentKeeper::release_here(
    const v1::ReleaseContainmentRequest& request, const std::string& by) {
  Enacted enacted;
  const TimeNs now_ns = boot_now_ns();
  const auto released =
      change([&] { return state_.release(request.target(), request.level(), now_ns); });
  enacted.released = static_cast<std::uint32_t>(released.ended.size());
  if (!released.any()) {
    enacted.refused = Refusal{Refusal::Kind::not_found, nothing_to_release(request, list())};
    return enacted;
  }
  save(enacted.warnings);
  enacted.sequence = send_to_peer();
  enforce(enacted.warnings);
  tell(released, "released by " + by);
  return enacted;
}

Containing::Changed ContainmentKeeper::changed(Enacted enacted) {
  if (enacted.refused) return *enacted.refused;
  v1::ContainmentChanged answer;
  v1::ListContainmentResponse now = list();
  *answer.mutable_containments() = std::move(*now.mutable_containments());
  answer.set_released(enacted.released);
  for (std::string& each : enacted.warnings) answer.add_warnings(std::move(each));
  return answer;
}

v1::ListContainmentResponse ContainmentKeeper::list() {
  const std::lock_guard guard(mutex_);
  v1::ListContainmentResponse response;
  for (v1::Containment& each : state_.list(boot_now_ns())) {
    each.set_unknown(unknown_.contains(each.id()));
    *response.add_containments() = std::move(each);
  }
  for (const auto& [where, problem] : problems_) response.add_problems(problem);
  return response;
}

// --- what changed ------------------------------------------------------------------------------

ContainmentState::Change ContainmentKeeper::change(
    const std::function<ContainmentState::Change()>& change) {
  const std::lock_guard guard(mutex_);
  return change();
}

bool ContainmentKeeper::is_unknown(std::uint64_t id) const {
  const std::lock_guard guard(mutex_);
  return unknown_.contains(id);
}

void ContainmentKeeper::tell(const ContainmentState::Change& change, const std::string& why) {
  for (const v1::Containment& each : change.began) {
    tell(sentence_of(each) + (why.empty() || each.from_file() ? "" : " (" + why + ")"));
  }
  if (change.left_out > 0) {
    tell(std::to_string(change.left_out) + " containments of the other half do not stand here: " +
         std::to_string(ContainmentState::kMax) + " do already; release some");
  }
  for (const v1::Containment& each : change.ended) {
    tell("no longer contained: " + sentence_of(each) + ": " + why);
  }
}

void ContainmentKeeper::tell(const std::string& text) {
  spdlog::warn("containment: {}", text);
  notice(sink_, "containment", text);
}

// Each problem once, and its end.
void ContainmentKeeper::report(const std::string& where, const std::string& problem) {
  bool is_new = !problem.empty();
  {
    const std::lock_guard guard(mutex_);
    const auto known =
        std::ranges::find_if(problems_, [&](const auto& each) { return each.first == where; });
    if (known != problems_.end()) {
      is_new = is_new && known->second != problem;
      problems_.erase(known);
    }
    if (!problem.empty()) problems_.emplace_back(where, problem);
  }
  if (is_new) tell(problem);
}

}  // namespace bulkhead::controlplane
