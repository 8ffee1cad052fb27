// Learned names (protocols/names.h) as they travel to the standby: what has changed in one session
// since the record before, in records of their own beside the session's. To a peer of an earlier
// release a record says that a session ended which it does not know.
#pragma once

#include <optional>

#include "dataplane/base/bytes.h"
#include "dataplane/flow/flow_key.h"
#include "dataplane/flow/names.h"

namespace bulkhead::replication {

// The longest handle and name fit in one record.
constexpr std::size_t kNamesRecordBytesMax = 8192;
constexpr std::size_t kNamesHeadBytesMax = 128;

struct NamesRecord {
  flow::FlowKey key;  // of the session
  bool anew = false;  // whatever is known of the session's names is forgotten first
  ByteView changes;   // for NamesReader
};

// Reads the changes of a record one by one.
class NamesReader {
 public:
  struct Change {
    bool forgotten = false;
    ByteView handle;
    ByteView name;
  };
  explicit NamesReader(ByteView bytes) : in_(bytes) {}
  // Nothing after the last, and after one that is broken.
  std::optional<Change> next();
  bool ok() const { return ok_; }

 private:
  ByteReader in_;
  bool ok_ = true;
};

// Whether a record is of names, not of a session.
bool is_names(ByteView record);

// Writes that the session has no names yet; the length, 0 if it does not fit.
std::size_t encode_names_anew(const flow::FlowKey& key, std::span<std::uint8_t> out);
// Writes the session's unsent changes, as many as fit, and marks them as sent.
// Precondition: some is unsent, and `out` has kNamesRecordBytesMax bytes.
std::size_t encode_names(const flow::FlowKey& key, flow::NameStore& names, std::uint32_t session,
                         std::span<std::uint8_t> out);

// Nothing if the bytes are no whole record.
std::optional<NamesRecord> decode_names(ByteView bytes);

}  // namespace bulkhead::replication
