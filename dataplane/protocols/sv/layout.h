// Shapes of sampled values (IEC 61850-9-2, 8.5) that the files of this module share.
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/lookup.h"
#include "dataplane/protocols/outstanding.h"
#include "dataplane/protocols/published.h"

namespace bulkhead::sv {

constexpr std::uint16_t kEtherType = 0x88ba;

// Indices into the catalogue's fields.
enum Field : std::uint8_t {
  kAppid,
  kSvId,
  kDataSet,
  kConfRev,
  kSmpRate,
  kSmpSynch,
  kAsduCount,
  kSimulation,
  kSmpMod,
  kExtension,
};

const protocols::Catalogue& catalogue();

struct Asdu {
  ByteView sv_id;
  std::optional<ByteView> dataset;
  std::uint16_t sample_count = 0;  // smpCnt
  std::uint32_t conf_rev = 0;
  std::uint8_t synchronised = 0;  // smpSynch
  std::optional<std::uint16_t> sample_rate;
  std::optional<std::uint16_t> sample_mode;  // smpMod: what the rate counts by
  // What is not judged by its content.
  ByteView sample_count_bytes;
  ByteView refresh_time;
  ByteView samples;
  ByteView clock;  // gmIdentity
};

// The head of a savPdu, and its ASDUs one by one.
class Pdu {
 public:
  protocols::Fault parse(ByteView message);
  std::uint16_t appid() const { return appid_; }
  bool simulated() const { return simulated_; }
  ByteView extension() const { return extension_; }
  std::uint32_t count() const { return count_; }
  // False at the end, or where one is malformed: see fault().
  bool next(Asdu& asdu);
  protocols::Fault fault() const { return fault_; }

 private:
  std::uint16_t appid_ = 0;
  bool simulated_ = false;
  ByteView extension_;
  std::uint32_t count_ = 0;
  std::uint32_t read_ = 0;
  ber::Reader asdus_{ByteView{}};
  protocols::Fault fault_ = protocols::Fault::none;
};

// A stream whose samples were seen.
struct Stream {
  std::uint64_t key = 0;
  std::uint32_t asked_ms = 0;  // when the last one came
  std::uint16_t sample_count = 0;
};
constexpr std::size_t kStreamsUsual = 6;
using Session = protocols::OutstandingTable<Stream>;
constexpr auto kStateLayout = Session::layout<kStreamsUsual, 16, 1>(3);

}  // namespace bulkhead::sv
