// A record of the audit log and its only encoding, a line of text:
//
//   HASH SPACE OBJECT LF
//
// OBJECT is JSON (RFC 8259): the members of a record in the order of this header, empty ones left
// out, no spaces. HASH is the SHA-256 of OBJECT's bytes in hexadecimal. OBJECT has the hash of the
// record before it, so a changed, missing or moved record no longer fits its neighbours. sha256sum
// suffices to check a line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/base/clock.h"

namespace bulkhead::audit {

inline constexpr std::size_t kHashDigits = 64;
inline constexpr std::size_t kLineBytesMax = 8192;  // with its line feed
inline constexpr std::size_t kTextBytesMax = 768;
inline constexpr std::size_t kNameBytesMax = 256;  // identity
inline constexpr std::size_t kWordBytesMax = 128;  // the other members, values of details
inline constexpr std::size_t kKeyBytesMax = 32;
inline constexpr std::size_t kDetailsMax = 12;

// The hash that the first record of a log names as the one before it.
inline constexpr char kNoHash[] =
    "0000000000000000000000000000000000000000000000000000000000000000";

using Details = std::vector<std::pair<std::string, std::string>>;

// Who made a call.
struct Caller {
  std::string identity = {};     // the one name in the client's certificate
  std::string certificate = {};  // its SHA-256, hexadecimal
  std::string role = {};         // roles that the identity has, separated by commas
  std::string address = {};
};

struct Entry {
  // start, stop, login, logout, failed_logins, act, refused, pair, policy, access, credentials,
  // storage, event, time, segment, removal, cut, damage. Readers accept others.
  std::string kind;
  Caller caller = {};
  std::string rpc = {};
  std::string result = {};  // of an act: begun, done, failed, refused
  std::string text = {};    // for people
  Details details = {};
};

struct Stamp {
  TimeNs wall_ns = 0;
  std::string boot;    // the kernel's boot_id
  TimeNs boot_ns = 0;  // CLOCK_BOOTTIME: monotonic, counts suspended time
};
Stamp read_stamp();

struct Record {
  std::uint64_t number = 0;  // from 1
  std::string previous;      // hash of the record before it, or kNoHash
  Stamp stamp;
  Entry entry;
};

// The end of a chain: its last record. Number 0: there is none.
struct Head {
  std::uint64_t number = 0;
  std::string hash = kNoHash;

  bool operator==(const Head&) const = default;
};

// Foreign text, printable (dataplane/base/printable.h) and of at most `bytes_max` bytes, 33 or
// more; what is cut ends in " [N bytes more]".
std::string printable_cut(std::string_view raw, std::size_t bytes_max);

// Makes every member printable and cuts it to its limit.
Entry bounded(Entry entry);

std::string hash_of(std::string_view object);
// Precondition: the entry is bounded().
std::string encode(const Record& record);
// Nothing if the text is not exactly what encode() makes of a record.
std::optional<Record> decode(std::string_view object);

// `object` with its hash and line feed.
std::string line_of(std::string_view object);

// 64 lower-case hexadecimal digits.
bool is_hash(std::string_view text);
// "NUMBER:HASH".
std::string text_of(const Head& head);
std::optional<Head> parse_head(std::string_view text);

}  // namespace bulkhead::audit
