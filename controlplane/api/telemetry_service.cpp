// Status, counters, events, sessions and the self-test.
#include "controlplane/api/telemetry_service.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>

#include "controlplane/api/event_stream.h"

namespace bulkhead::controlplane {

namespace {

constexpr auto kPageTimeout = std::chrono::seconds(10);

// Streams the counters, once or repeatedly, page by page.
class CounterStream final : public Stream<v1::Counters> {
 public:
  // Without an interval it looks once.
  CounterStream(Work& work, Gate::PassPointer pass, Readings& readings,
                std::optional<std::chrono::milliseconds> interval)
      : Stream(std::move(pass)), readings_(readings), interval_(interval), timer_(work.questions) {}

 private:
  void begin() override { fetch_after(std::chrono::milliseconds(0)); }
  void on_written() override {
    if (more_) return fetch_after(std::chrono::milliseconds(0));
    if (!interval_) return finish(grpc::Status::OK);
    question_.Clear();
    left_ = limits::kCountersMax;
    fetch_after(*interval_);
  }
  void fetch_after(std::chrono::milliseconds pause) {
    const std::lock_guard guard(mutex_);
    timer_.expires_after(pause);
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      const auto stream = weak.lock();
      if (!error && stream) static_cast<CounterStream&>(*stream).fetch();
    });
  }
  void fetch() {
    auto page = readings_.counters(question_, kPageTimeout);
    if (!page) return finish(to_status(page.error()));
    v1::Counters& counters = page.value();
    if (counters.anew()) left_ = limits::kCountersMax;
    left_ -= std::min(left_, static_cast<std::uint32_t>(counters.rows_size()));
    counters.set_cut(counters.more() && left_ == 0);
    counters.set_more(counters.more() && left_ > 0);
    more_ = counters.more();
    write(std::make_shared<v1::Counters>(std::move(counters)));
  }

  Readings& readings_;
  const std::optional<std::chrono::milliseconds> interval_;
  v1::GetDataplaneCounters question_;
  std::uint32_t left_ = limits::kCountersMax;
  bool more_ = false;
  std::mutex mutex_;
  boost::asio::steady_timer timer_;
};

class FlowStream final : public Stream<v1::ListFlowsResponse> {
 public:
  FlowStream(Work& work, Gate::PassPointer pass, Readings& readings, std::uint32_t limit)
      : Stream(std::move(pass)),
        work_(work),
        readings_(readings),
        left_(std::min(limit == 0 ? limits::kFlowsDefault : limit, limits::kFlowsMax)) {}

 private:
  void begin() override { on_written(); }
  void on_written() override {
    if (begun_ && (complete_ || left_ == 0)) return finish(grpc::Status::OK);
    boost::asio::post(work_.questions,
                      [self = shared_from_this()] { static_cast<FlowStream&>(*self).fetch(); });
  }
  void fetch() {
    page_.set_limit(std::min(left_, limits::kFlowsOfPage));
    auto flows = readings_.flows(page_);
    if (!flows) return finish(to_status(flows.error()));
    begun_ = true;
    complete_ = flows.value().complete();
    page_.set_worker(flows.value().worker());
    page_.set_slot(flows.value().slot());
    left_ -= std::min(left_, static_cast<std::uint32_t>(flows.value().flows_size()));
    auto page = std::make_shared<v1::ListFlowsResponse>();
    page->mutable_flows()->Swap(flows.value().mutable_flows());
    page->set_total(flows.value().total());
    write(std::move(page));
  }

  Work& work_;
  Readings& readings_;
  std::uint32_t left_;
  bool begun_ = false;
  bool complete_ = false;
  v1::ListDataplaneFlows page_;
};

class RuleStream final : public Stream<v1::ListRulesResponse> {
 public:
  RuleStream(Work& work, Gate::PassPointer pass, Readings& readings, std::size_t page)
      : Stream(std::move(pass)), work_(work), readings_(readings), page_(page) {}

 private:
  void begin() override {
    boost::asio::post(work_.questions, [self = shared_from_this()] {
      RuleStream& stream = static_cast<RuleStream&>(*self);
      stream.found_ = stream.readings_.rules();
      stream.on_written();
    });
  }
  void on_written() override {
    if (at_ >= found_.rules.size()) return finish(grpc::Status::OK);
    auto page = std::make_shared<v1::ListRulesResponse>();
    page->set_policy_sha256(found_.policy_sha256);
    const std::size_t end = std::min(at_ + page_, found_.rules.size());
    for (; at_ < end; ++at_) *page->add_rules() = std::move(found_.rules[at_]);
    write(std::move(page));
  }

  Work& work_;
  Readings& readings_;
  const std::size_t page_;
  Readings::RulesInForce found_;
  std::size_t at_ = 0;
};

grpc::Status find_event(EventLog& events, std::uint64_t number, v1::Event& out) {
  if (number == 0) return {grpc::StatusCode::INVALID_ARGUMENT, "events count from 1"};
  auto page = events.read(number - 1, {}, 1, 1);
  if (!page) return {grpc::StatusCode::UNAVAILABLE, page.error()};
  auto& found = page.value().events;
  if (!found.empty() && found.front().number() == number) {
    out = std::move(found.front());
    return grpc::Status::OK;
  }
  const v1::EventLogStatus status = events.status();
  return {grpc::StatusCode::NOT_FOUND,
          "there is no event " + std::to_string(number) + ": the log has " +
              (status.last() == 0 ? "none"
                                  : "those from " + std::to_string(status.first()) + " to " +
                                        std::to_string(status.last()))};
}

template <typename Made, typename Message, typename Source, typename Argument>
grpc::ServerWriteReactor<Message>* launch(Work& work, const Method& method,
                                          grpc::CallbackServerContext* context, Source& source,
                                          const Argument& argument) {
  auto pass = work.gate.enter(*context, method);
  if (!pass) return new Refused<grpc::ServerWriteReactor<Message>>(pass.error());
  return Stream<Message>::launch(
      std::make_shared<Made>(work, std::move(pass).value(), source, argument));
}

}  // namespace

grpc::ServerUnaryReactor* TelemetryServiceImpl::GetStatus(Context* context,
                                                          const v1::GetStatusRequest* /*request*/,
                                                          v1::GetStatusResponse* response) {
  return answer(work_, work_.questions, methods::kGetStatus, context,
                [this, response](const std::string&) -> grpc::Status {
                  *response = readings_.status();
                  complete_(*response);
                  return grpc::Status::OK;
                });
}

grpc::ServerWriteReactor<v1::Counters>* TelemetryServiceImpl::GetCounters(
    Context* context, const v1::GetCountersRequest* /*request*/) {
  return launch<CounterStream, v1::Counters>(work_, methods::kGetCounters, context, readings_,
                                             std::optional<std::chrono::milliseconds>());
}

grpc::ServerWriteReactor<v1::Counters>* TelemetryServiceImpl::WatchCounters(
    Context* context, const v1::WatchCountersRequest* request) {
  const std::uint32_t wanted =
      request->interval_ms() == 0 ? limits::kIntervalDefaultMs : request->interval_ms();
  const std::chrono::milliseconds interval(std::max(wanted, limits::kIntervalMinMs));
  return launch<CounterStream, v1::Counters>(work_, methods::kWatchCounters, context, readings_,
                                             std::optional(interval));
}

grpc::ServerWriteReactor<v1::Event>* TelemetryServiceImpl::WatchEvents(
    Context* context, const v1::WatchEventsRequest* request) {
  return launch<EventStream, v1::Event>(work_, methods::kWatchEvents, context, events_, *request);
}

grpc::ServerUnaryReactor* TelemetryServiceImpl::GetEvent(Context* context,
                                                         const v1::GetEventRequest* request,
                                                         v1::Event* response) {
  return answer(work_, work_.questions, methods::kGetEvent, context,
                [this, number = request->number(), response](const std::string&) -> grpc::Status {
                  return find_event(events_, number, *response);
                });
}

grpc::ServerWriteReactor<v1::ListRulesResponse>* TelemetryServiceImpl::ListRules(
    Context* context, const v1::ListRulesRequest* /*request*/) {
  constexpr std::size_t kRulesOfPage = 1000;
  return launch<RuleStream, v1::ListRulesResponse>(work_, methods::kListRules, context, readings_,
                                                   kRulesOfPage);
}

grpc::ServerWriteReactor<v1::ListFlowsResponse>* TelemetryServiceImpl::ListFlows(
    Context* context, const v1::ListFlowsRequest* request) {
  return launch<FlowStream, v1::ListFlowsResponse>(work_, methods::kListFlows, context, readings_,
                                                   request->limit());
}

grpc::ServerUnaryReactor* TelemetryServiceImpl::RunSelfTest(
    Context* context, const v1::RunSelfTestRequest* /*request*/, v1::SelfTest* response) {
  return answer(work_, work_.questions, methods::kRunSelfTest, context,
                [this, response](const std::string&) -> grpc::Status {
                  auto test = readings_.self_test();
                  if (!test) return to_status(test.error());
                  *response = std::move(test).value();
                  return grpc::Status::OK;
                });
}

}  // namespace bulkhead::controlplane
