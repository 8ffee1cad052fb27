// What operators see of a pair, and what they order.
#include "controlplane/api/pair_service.h"

namespace bulkhead::controlplane {

namespace {

std::optional<failover::Order> order_of(v1::OrderPairRequest::Order order) {
  switch (order) {
    case v1::OrderPairRequest::ORDER_SWITCHOVER:
      return failover::Order::switchover;
    case v1::OrderPairRequest::ORDER_MAINTENANCE_ON:
      return failover::Order::maintenance_on;
    case v1::OrderPairRequest::ORDER_MAINTENANCE_OFF:
      return failover::Order::maintenance_off;
    default:
      return std::nullopt;
  }
}

}  // namespace

grpc::ServerUnaryReactor* PairServiceImpl::GetPair(Context* context,
                                                   const v1::GetPairRequest* /*request*/,
                                                   v1::PairStatus* response) {
  return answer(work_, work_.questions, methods::kGetPair, context,
                [this, response](const std::string&) -> grpc::Status {
                  const auto status = pair_.pair_status();
                  if (!status) return to_status(status.error());
                  *response = status.value();
                  return grpc::Status::OK;
                });
}

grpc::ServerUnaryReactor* PairServiceImpl::OrderPair(Context* context,
                                                     const v1::OrderPairRequest* request,
                                                     v1::PairStatus* response) {
  return answer(work_, work_.questions, methods::kOrderPair, context,
                [this, request, response](const std::string& name) -> grpc::Status {
                  const auto order = order_of(request->order());
                  if (!order) {
                    return {grpc::StatusCode::INVALID_ARGUMENT, "there is no such order"};
                  }
                  const auto status = pair_.order_pair(*order, name);
                  if (!status) return to_status(status.error());
                  *response = status.value();
                  return grpc::Status::OK;
                },
                {{"order", v1::OrderPairRequest::Order_Name(request->order())}});
}

}  // namespace bulkhead::controlplane
