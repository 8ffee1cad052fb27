// The choices that real hosts and networks make differently.
#include "tests/adversarial/model/plan.h"

namespace bulkhead::adversary {

namespace {

TcpConfig random_end(Random& random, std::size_t end, std::uint16_t client_port) {
  const std::uint16_t sizes[] = {88, 128, 536, 1000, 1460};
  const std::uint32_t windows[] = {40, 100, 300, 2000, 8192, 65535, 200000};
  TcpConfig config;
  config.self = end == kClient ? support::kHmi : support::kPlc;
  config.peer = end == kClient ? support::kPlc : support::kHmi;
  config.self_port = end == kClient ? client_port : std::uint16_t{502};
  config.peer_port = end == kClient ? std::uint16_t{502} : client_port;
  config.isn =
      one_in(random, 2) ? 0xfffff000U + below(random, 0xfff) : static_cast<std::uint32_t>(random());
  config.mss = sizes[below(random, 5)];
  config.window = windows[one_in(random, 3) ? below(random, 7) : 5];
  config.scale = one_in(random, 2) ? static_cast<std::uint8_t>(below(random, 9)) : std::uint8_t{0};
  while (config.scale > 0 && config.window >> config.scale < 32) --config.scale;
  config.nagle = one_in(random, 2);
  config.timestamps = !one_in(random, 3);
  config.chops = one_in(random, 3);
  config.keeps_out_of_order = !one_in(random, 3);
  config.last_wins = one_in(random, 2);
  config.byte_probes = one_in(random, 2);
  config.delays_acks = one_in(random, 3);
  config.read_every_ns = one_in(random, 4) ? (1 + below(random, 30)) * kMillisecondNs : 0;
  return config;
}

}  // namespace

Plan random_plan(Random& random, std::uint16_t client_port) {
  Plan plan;
  for (const std::size_t end : {kClient, kServer}) {
    plan.ends[end] = random_end(random, end, client_port);
    Link& link = plan.links[end];
    if (one_in(random, 2)) link = {below(random, 60), below(random, 60), below(random, 100)};
    link.delay_ns = (10 + below(random, 400)) * kMicrosecondNs;
  }
  const std::uint32_t count = 1 + below(random, one_in(random, 8) ? 60 : 12);
  for (std::uint32_t i = 0; i < count; ++i) {
    plan.requests.push_back(
        random_request(random, static_cast<std::uint16_t>(i + 1), !one_in(random, 3)));
    plan.requests.back().answered = !one_in(random, 40);
  }
  plan.depth = one_in(random, 2) ? 1 : 1 + below(random, 20);
  plan.pieces = below(random, 4);
  plan.half_close = one_in(random, 5);
  plan.attacked = one_in(random, 4);
  plan.rogue_server = !plan.attacked && one_in(random, 12);
  plan.think_ns = below(random, 4) * kMillisecondNs;
  plan.reopens = plan.attacked && one_in(random, 3);
  plan.loses_attacks = one_in(random, 2);
  if (one_in(random, 8)) plan.takeover_at = 8 + below(random, 40);
  if (one_in(random, 3)) plan.strays = 10 + below(random, 90);
  return plan;
}

}  // namespace bulkhead::adversary
