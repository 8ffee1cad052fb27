// Refusals beyond the event budget, summed up: one row for those that are alike, told once a second
// with their count. What finds no row is summed by zone port and reason, so that the counts of all
// events together are the number of refusals.
//
// One sender has a bounded number of rows, unproven ones together half of them and those behind one
// port three quarters of that: a flood hides nobody else's refusals. Fixed memory; no allocation
// after the construction. For one thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "dataplane/flow/keyed_hash.h"
#include "dataplane/pipeline/event.h"

namespace bulkhead::ports {

class RefusalSums {
 public:
  static constexpr std::uint32_t kRowsMax = 512;
  static constexpr std::uint32_t kRowsOfHost = 32;

  // Of the same key are alike.
  struct Key {
    wire::IpAddress source;  // its MAC address, if the frame is no IP
    wire::IpAddress destination;
    std::uint32_t generation = 0;
    std::uint16_t conduit = 0;
    std::uint16_t function = 0;
    std::uint16_t port = 0;
    std::uint8_t protocol = 0;
    std::uint8_t reason = 0;
    std::uint8_t fault = 0;
    std::array<std::uint8_t, 3> unused{};
    bool operator==(const Key&) const = default;
  };
  static Key key_of(const pipeline::Verdict& verdict, const flow::Packet& packet,
                    std::uint32_t generation);

  RefusalSums();

  // Counts one more, if there is a row of that key.
  bool count(const Key& key, TimeNs wall_ns);
  // The event of a new row, to be filled with the first refusal; nullptr if it gets none. `host`,
  // `proven`: as for EventBudget::spend(). Precondition: count() has returned false for the key.
  pipeline::Event* add(const Key& key, std::uint64_t host, bool proven);
  void count_rest(std::uint16_t port, Reason reason, TimeNs wall_ns);

  // The next event to be sent, nullptr if there is none now; it stays until told().
  const pipeline::Event* due(TimeNs now_ns);
  void told();

 private:
  static constexpr std::uint32_t kSlots = 2 * kRowsMax;
  static constexpr std::uint32_t kProbes = 8;
  static constexpr std::uint16_t kNoRow = 0xffff;
  static constexpr std::uint32_t kHosts = 1024;
  static constexpr std::size_t kCells = policy::kPortsMax * kReasons.size();

  struct Sum {
    std::uint64_t count = 0;
    TimeNs first_wall_ns = 0;
    TimeNs last_wall_ns = 0;
  };
  // What came in one second.
  struct Book {
    std::uint32_t rows = 0;
    std::array<Key, kRowsMax> keys;
    std::array<pipeline::Event, kRowsMax> events;
    std::array<std::uint16_t, kSlots> slots;
    std::array<std::uint8_t, kHosts> of_host;
    std::array<std::uint16_t, policy::kPortsMax> of_port;  // unproven senders' rows
    std::uint32_t unproven = 0;
    std::array<Sum, kCells> rest;
    std::array<std::uint16_t, kCells> used;  // cells of `rest`
    std::uint32_t cells = 0;
    // How many of them the service has.
    std::uint32_t rows_told = 0;
    std::uint32_t cells_told = 0;

    void clear();
    bool is_told() const { return rows_told == rows && cells_told == cells; }
  };

  std::uint32_t slot_of(const Key& key) const;
  bool may_add(std::uint64_t host, std::uint16_t port, bool proven) const;

  const flow::HashKey hash_key_ = flow::HashKey::make();
  std::unique_ptr<Book> open_;    // of this second
  std::unique_ptr<Book> closed_;  // of an earlier one, on its way to the service
  TimeNs closes_ns_ = 0;
  pipeline::Event rest_event_;
};

}  // namespace bulkhead::ports
