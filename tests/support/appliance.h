// An appliance of some workers, whose ports are rings, run by hand.
#pragma once

#include <gtest/gtest.h>
#include <rte_eth_ring.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include <memory>
#include <string>
#include <vector>

#include "controlplane/policy/compiler.h"
#include "dataplane/artefact/artefact.h"
#include "dataplane/service/engine.h"
#include "tests/support/plant.h"

namespace bulkhead::support {

class Appliance {
 public:
  Appliance(std::uint32_t workers, unsigned ring_size, bool pair, const std::string& policy)
      : workers_(workers) {
    start_eal_for_tests();
    static int number = 0;
    const std::string name = "wt" + std::to_string(number++);
    pool_ = rte_pktmbuf_pool_create((name + "pool").c_str(), kBuffers, 0, 0,
                                    RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    service::EngineOptions options;
    options.workers = workers;
    options.buffers = 1024;
    options.launch = false;
    options.pair = pair;
    options.pipeline.limits.flows = 256;
    options.pipeline.limits.segments = 256;
    for (const std::string port : {"a", "b"}) {
      for (std::uint32_t queue = 0; queue < workers; ++queue) {
        in_.push_back(ring(name + port + "in" + std::to_string(queue), ring_size));
        out_.push_back(ring(name + port + "out" + std::to_string(queue), ring_size));
      }
      const std::size_t first = in_.size() - workers;
      rte_eth_from_rings((name + port).c_str(), &in_[first], workers, &out_[first], workers,
                         SOCKET_ID_ANY);
      options.devices.push_back("net_ring_" + name + port);
    }
    engine_ = service::Engine::make(options).value();
    put_in_force(policy);
  }

  ~Appliance() {
    engine_.reset();
    collect();
    EXPECT_EQ(rte_mempool_in_use_count(pool_), held_.size());
    for (rte_mbuf* mbuf : held_) rte_pktmbuf_free(mbuf);
    rte_mempool_free(pool_);
  }

  void put_in_force(const std::string& policy) {
    const auto compiled = controlplane::compile_policy(policy, "test");
    EXPECT_TRUE(engine_->read_and_apply(artefact::encode(*compiled.tables)));
  }

  // A frame arrives on a queue of a port. False if no buffer or no place was left.
  bool arrive(const Bytes& frame, std::uint16_t port, std::uint32_t queue = 0) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
    if (mbuf == nullptr) return false;
    std::copy(frame.begin(), frame.end(),
              rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size())));
    if (rte_ring_enqueue(in_[port * workers_ + queue], mbuf) == 0) return true;
    rte_pktmbuf_free(mbuf);
    return false;
  }

  void turn(int times = 3) {
    for (int i = 0; i < times; ++i) {
      for (std::uint32_t w = 0; w < workers_; ++w) engine_->worker(w).turn();
    }
  }

  void turn_worker(std::uint32_t worker) { engine_->worker(worker).turn(); }

  // What has left, with the queue that it left by.
  struct Left {
    std::uint32_t queue = 0;
    std::uint32_t port = 0;
    Bytes frame;
  };
  std::vector<Left> collect() {
    std::vector<Left> left;
    for (std::size_t i = 0; i < out_.size(); ++i) {
      for (void* object = nullptr; rte_ring_dequeue(out_[i], &object) == 0;) {
        auto* mbuf = static_cast<rte_mbuf*>(object);
        const auto* bytes = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
        left.push_back({static_cast<std::uint32_t>(i % workers_),
                        static_cast<std::uint32_t>(i / workers_),
                        Bytes(bytes, bytes + mbuf->data_len)});
        rte_pktmbuf_free(mbuf);
      }
    }
    return left;
  }

  // Takes all free buffers but `rest`, until release().
  void hold_buffers(unsigned rest) {
    while (rte_mempool_avail_count(pool_) > rest) held_.push_back(rte_pktmbuf_alloc(pool_));
  }
  void release() {
    for (rte_mbuf* mbuf : held_) rte_pktmbuf_free(mbuf);
    held_.clear();
  }

  ports::Shared& shared() { return engine_->shared(); }
  v1::DataplaneStatus status() const { return engine_->status(); }
  // Events that wait.
  v1::Events take_events() {
    v1::Events events;
    engine_->take_events(events);
    return events;
  }
  int counters_rows() const { return engine_->counters().rows_size(); }
  std::uint64_t refused() const {
    std::uint64_t sum = 0;
    const v1::Counters counters = engine_->counters();
    for (const auto& row : counters.rows()) sum += row.verdict() == "deny" ? row.messages() : 0;
    return sum;
  }
  std::uint64_t counted(std::string_view reason) const {
    std::uint64_t sum = 0;
    const v1::Counters counters = engine_->counters();
    for (const auto& row : counters.rows()) sum += row.reason() == reason ? row.messages() : 0;
    return sum;
  }

 private:
  static constexpr unsigned kBuffers = 1023;

  static rte_ring* ring(const std::string& name, unsigned size) {
    return rte_ring_create(name.c_str(), size, SOCKET_ID_ANY, 0);
  }

  std::uint32_t workers_;
  rte_mempool* pool_ = nullptr;
  std::vector<rte_ring*> in_;
  std::vector<rte_ring*> out_;
  std::unique_ptr<service::Engine> engine_;
  std::vector<rte_mbuf*> held_;
};

}  // namespace bulkhead::support
