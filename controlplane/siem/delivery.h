// What has been written to one connection, and which of it the collector has. Pure.
//
// Syslog has no acknowledgement of its own. Two things stand in for it:
// - A receipt: the collector's TLS 1.3 library answers a request to change keys once its program
//   has read all that was written before (RFC 8446, 4.6.3). While receipts come, or may yet come,
//   they alone count, and no more than kWindowBytes is written beyond the last.
// - Otherwise the acknowledgement of the collector's TCP. What it has acknowledged and its program
//   has not read is lost if that ends; so where a connection breaks in another way than by its
//   orderly end, the last kDoubtBytes are sent once more.
#pragma once

#include <cstdint>
#include <deque>

#include "controlplane/siem/place.h"

namespace bulkhead::siem {

class Delivery {
 public:
  static constexpr std::uint64_t kWindowBytes = std::uint64_t{256} << 10;
  // More than the receive buffer that Linux gives a connection whose program does not read.
  static constexpr std::uint64_t kDoubtBytes = std::uint64_t{256} << 10;

  explicit Delivery(const Places& begin) : base_(begin), confirmed_(begin) {}

  // A batch that ends at this byte of the connection, and the places after it.
  void wrote(std::uint64_t end, const Places& places);
  // Before anything is written: receipts may come on this connection.
  void await_receipts() { trust_ = Trust::receipts_awaited; }
  // None came in time.
  void await_no_longer();
  // Places that have moved without a message.
  void passed_over(const Places& places);
  // The collector's program has read the bytes up to here.
  void receipt(std::uint64_t end);
  // The collector's TCP has the bytes up to here.
  void acknowledged(std::uint64_t end);

  // Where to go on after a restart of the agent.
  const Places& confirmed() const { return confirmed_; }
  // Where to go on on the next connection.
  const Places& resume(bool orderly) const;
  bool awaits_receipts() const { return trust_ == Trust::receipts_awaited; }
  // Bytes that are not confirmed.
  std::uint64_t pending() const { return written_ - confirmed_end_; }
  // Nothing is left that a receipt could be asked for.
  bool is_receipted() const { return receipted_ >= written_; }
  bool may_write() const { return trust_ == Trust::acknowledgements || pending() < kWindowBytes; }

 private:
  enum class Trust : std::uint8_t { acknowledgements, receipts_awaited, receipts };
  struct Batch {
    std::uint64_t end;
    Places places;
  };
  void confirm(std::uint64_t end);

  std::deque<Batch> batches_;  // not confirmed, and those in doubt before them
  Places base_;                // before the first of them
  Places confirmed_;
  std::uint64_t written_ = 0;
  std::uint64_t confirmed_end_ = 0;
  std::uint64_t receipted_ = 0;
  Trust trust_ = Trust::acknowledgements;
};

}  // namespace bulkhead::siem
