// Chunks (6, 6.7.2 and 7.1.2): their headers, and the message that they make.
#include <algorithm>

#include "dataplane/protocols/opcua/layout.h"

namespace bulkhead::opcua {

using protocols::Fault;
using protocols::Frame;

namespace {

struct Chunk {
  Kind kind{};
  char part = 0;  // F, C or A
  std::size_t size = 0;
};

constexpr struct {
  char text[4];
  Kind kind;
} kKinds[] = {{"HEL", Kind::hello},         {"ACK", Kind::acknowledge}, {"ERR", Kind::error},
              {"RHE", Kind::reverse_hello}, {"OPN", Kind::open},        {"MSG", Kind::message},
              {"CLO", Kind::close}};

bool is_whole_type(Kind kind) { return kind != Kind::message; }

// What can be told from the bytes there are; size 0 if more are needed. Only messages go on in
// further chunks.
Fault parse_header(ByteView bytes, bool first, Chunk& chunk) {
  bool possible = false;
  const std::size_t seen = std::min<std::size_t>(bytes.size(), 3);
  for (const auto& known : kKinds) {
    if (!std::equal(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(seen), known.text)) {
      continue;
    }
    possible = true;
    chunk.kind = known.kind;
  }
  if (!possible) return Fault::not_this_protocol;
  if (!first && seen == 3 && chunk.kind != Kind::message) return Fault::bad_sequence;
  chunk.size = 0;
  if (bytes.size() < 4) return Fault::none;
  chunk.part = static_cast<char>(bytes[3]);
  const bool known =
      chunk.part == 'F' || (!is_whole_type(chunk.kind) && (chunk.part == 'C' || chunk.part == 'A'));
  if (!known) return Fault::bad_value;
  if (bytes.size() < kHeaderBytes) return Fault::none;
  chunk.size = load_le32(bytes.data() + 4);
  const bool secure = chunk.kind == Kind::message || chunk.kind == Kind::close;
  const std::size_t least = secure ? kSecureHeaderBytes : kHeaderBytes;
  return chunk.size >= least && chunk.size <= kChunkBytesMax ? Fault::none : Fault::bad_length;
}

constexpr std::size_t kPolicyBytesMax = 255;  // 6, 6.7.2.3

// 6, table 62: a length of -1 is null.
ByteView read_bytes(ByteReader& reader) {
  const std::uint32_t length = reader.u32_le();
  return length == UINT32_MAX ? ByteView{} : reader.take(length);
}

Fault parse_open(ByteView open, ByteReader& reader, Message& message) {
  message.channel = reader.u32_le();
  message.policy = read_bytes(reader);
  const std::size_t begin = reader.offset();
  const bool certified = !read_bytes(reader).empty();
  if (reader.ok()) message.certificate = open.subspan(begin, reader.offset() - begin);
  message.thumbprint = read_bytes(reader);
  if (!reader.ok()) return Fault::truncated;
  if (message.policy.empty() || message.policy.size() > kPolicyBytesMax) return Fault::bad_length;
  if (message.is_secured_open()) {
    message.body = reader.rest();
    return Fault::none;
  }
  // 6, table 57: without security nothing is signed, and nothing is encrypted for anybody.
  if (certified || !message.thumbprint.empty()) return Fault::bad_value;
  message.sequence = message.last_sequence = reader.u32_le();
  message.request = reader.u32_le();
  message.body = reader.rest();
  return reader.ok() ? Fault::none : Fault::truncated;
}

constexpr std::string_view kPolicyPrefix = "http://opcfoundation.org/UA/SecurityPolicy#";
constexpr std::string_view kPolicyNone = "None";

// Messages are signed by HMAC of the hash that the policy names (7, 6.2); the two policies whose
// symmetric algorithm is authenticated encryption have a tag of 16.
constexpr PolicyInfo kPolicies[] = {
    {kPolicyNone, 0},
    {"Basic128Rsa15", 20},
    {"Basic256", 20},
    {"Basic256Sha256", 32},
    {"Aes128_Sha256_RsaOaep", 32},
    {"Aes256_Sha256_RsaPss", 32},
    {"ECC_nistP256", 32},
    {"ECC_nistP384", 48},
    {"ECC_brainpoolP256r1", 32},
    {"ECC_brainpoolP384r1", 48},
    {"ECC_curve25519", 16},
    {"ECC_curve448", 16},
};

}  // namespace

PolicyInfo policy_of(ByteView uri) {
  const std::string_view whole(reinterpret_cast<const char*>(uri.data()), uri.size());
  if (whole.starts_with(kPolicyPrefix)) {
    const std::string_view name = whole.substr(kPolicyPrefix.size());
    for (const PolicyInfo& policy : kPolicies) {
      if (policy.name == name) return policy;
    }
  }
  return {whole, 0};
}

bool follows(std::uint32_t last, std::uint32_t number) {
  constexpr std::uint32_t kWrapBelow = 1024;
  constexpr std::uint32_t kLastNumbers = 4294966271U;
  return number == last + 1 || (last >= kLastNumbers && number < kWrapBelow);
}

bool Message::is_secured_open() const { return policy_of(policy).name != kPolicyNone; }

// A message of several chunks is one: they follow one another (6, 6.7.2.4).
Frame frame_message(ByteView stream) {
  std::size_t at = 0;
  for (std::size_t count = 1;; ++count) {
    const ByteView rest = stream.subspan(std::min(at, stream.size()));
    if (rest.empty()) return {Fault::none, 0, at + kHeaderBytes};
    Chunk chunk;
    const Fault fault = parse_header(rest, count == 1, chunk);
    if (fault != Fault::none) return {fault, 0, 0};
    if (chunk.size == 0) return {Fault::none, 0, at + kHeaderBytes};
    at += chunk.size;
    if (chunk.part != 'C') return {Fault::none, at, at};
    if (count == kChunksMax) return {Fault::too_many_operations, 0, 0};
  }
}

Fault parse_message(ByteView bytes, Message& message, std::size_t signature_bytes,
                    const protocols::OperationList* pieces) {
  thread_local std::array<std::uint8_t, kBodyBytesMax> joined;
  message = Message{};
  std::size_t count = 0;
  for (ByteView rest = bytes; !rest.empty();) {
    Chunk chunk;
    const bool first = rest.data() == bytes.data();
    if (const Fault fault = parse_header(rest, first, chunk); fault != Fault::none) return fault;
    if (chunk.size == 0 || chunk.size > rest.size()) return Fault::truncated;
    message.kind = chunk.kind;
    ++message.chunks;
    ByteReader reader(rest.first(chunk.size));
    reader.skip(kHeaderBytes);
    rest = rest.subspan(chunk.size);
    if (chunk.part != 'C' && !rest.empty()) return Fault::trailing_bytes;
    if (chunk.part == 'C' && rest.empty()) return Fault::truncated;
    if (chunk.kind == Kind::open) return parse_open(bytes, reader, message);
    if (chunk.kind != Kind::message && chunk.kind != Kind::close) {
      message.body = reader.rest();
      return Fault::none;
    }
    const std::uint32_t channel = reader.u32_le();
    const std::uint32_t token = reader.u32_le();
    const std::uint32_t sequence = reader.u32_le();
    const std::uint32_t request = reader.u32_le();
    // Where chunks are encrypted these numbers are not to be read.
    const bool next = follows(message.last_sequence, sequence) && request == message.request;
    if (!first && !next) message.consistent = false;
    if (first) {
      message.channel = channel;
      message.token = token;
      message.sequence = sequence;
      message.request = request;
    } else if (channel != message.channel || token != message.token) {
      return Fault::bad_sequence;
    }
    message.last_sequence = sequence;
    message.aborted = chunk.part == 'A';
    ByteView part = reader.rest();
    if (part.size() < signature_bytes) return Fault::truncated;
    part = part.first(part.size() - signature_bytes);
    if (first && chunk.part != 'C') {
      message.body = part;
      return Fault::none;
    }
    if (count + part.size() > joined.size()) return Fault::bad_length;
    std::copy(part.begin(), part.end(), joined.begin() + static_cast<std::ptrdiff_t>(count));
    if (pieces != nullptr) pieces->copied(ByteView(joined).subspan(count, part.size()), part);
    count += part.size();
    message.body = {joined.data(), count};
  }
  return bytes.empty() ? Fault::truncated : Fault::none;
}

}  // namespace bulkhead::opcua
