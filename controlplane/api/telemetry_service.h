// Status, counters, events and sessions over gRPC.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <utility>

#include "bulkhead/v1/control.grpc.pb.h"
#include "controlplane/api/work.h"
#include "controlplane/telemetry/event_log.h"
#include "controlplane/telemetry/readings.h"

namespace bulkhead::controlplane {

class TelemetryServiceImpl final : public v1::TelemetryService::CallbackService {
 public:
  using Context = grpc::CallbackServerContext;
  // Adds to a status what stands beside the readings. On a call's thread.
  using Complete = std::function<void(v1::GetStatusResponse& status)>;
  TelemetryServiceImpl(Work& work, Readings& readings, EventLog& events, Complete complete)
      : work_(work), readings_(readings), events_(events), complete_(std::move(complete)) {}

  grpc::ServerUnaryReactor* GetStatus(Context* context, const v1::GetStatusRequest* request,
                                      v1::GetStatusResponse* response) override;
  grpc::ServerWriteReactor<v1::Counters>* GetCounters(
      Context* context, const v1::GetCountersRequest* request) override;
  grpc::ServerWriteReactor<v1::Counters>* WatchCounters(
      Context* context, const v1::WatchCountersRequest* request) override;
  grpc::ServerWriteReactor<v1::Event>* WatchEvents(Context* context,
                                                   const v1::WatchEventsRequest* request) override;
  grpc::ServerUnaryReactor* GetEvent(Context* context, const v1::GetEventRequest* request,
                                     v1::Event* response) override;
  grpc::ServerWriteReactor<v1::ListRulesResponse>* ListRules(
      Context* context, const v1::ListRulesRequest* request) override;
  grpc::ServerWriteReactor<v1::ListFlowsResponse>* ListFlows(
      Context* context, const v1::ListFlowsRequest* request) override;
  grpc::ServerUnaryReactor* RunSelfTest(Context* context, const v1::RunSelfTestRequest* request,
                                        v1::SelfTest* response) override;

 private:
  Work& work_;
  Readings& readings_;
  EventLog& events_;
  const Complete complete_;
};

}  // namespace bulkhead::controlplane
