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

// Reads the header from the bytes there are; size 0 if more are needed. Only messages go on in
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
Frame frame_message(ByteView stream, Pieces pieces) {
  const bool request = pieces == Pieces::request;
  const std::size_t piece_bytes = request ? kRequestPieceBytes : kPieceBytes;
  std::size_t at = 0;
  for (std::size_t count = 1;; ++count) {
    // What follows could not be read with it, whatever it is.
    if (request && at > 0 && at + kHeaderBytes > piece_bytes) return {Fault::none, at, at};
    const ByteView rest = stream.subspan(std::min(at, stream.size()));
    if (rest.empty()) return {Fault::none, 0, at + kHeaderBytes};
    Chunk chunk;
    const Fault fault = parse_header(rest, count == 1, chunk);
    if (fault != Fault::none) return {fault, 0, 0};
    if (chunk.size == 0) return {Fault::none, 0, at + kHeaderBytes};
    const bool in_pieces = pieces != Pieces::none && chunk.kind == Kind::message;
    if (in_pieces && at > 0 && at + chunk.size > piece_bytes) return {Fault::none, at, at};
    at += chunk.size;
    const bool long_chunk = in_pieces && count == 1 && at > piece_bytes;
    if (long_chunk) return {Fault::none, at, at, kHeadBytes};
    if (chunk.part != 'C' || (in_pieces && pieces == Pieces::one_chunk)) {
      return {Fault::none, at, at, 0, chunk.kind == Kind::reverse_hello};
    }
    if (count == kChunksMax) {
      return in_pieces ? Frame{Fault::none, at, at} : Frame{Fault::too_many_operations, 0, 0};
    }
  }
}

namespace {

// Puts the content of chunks together.
class Joining {
 public:
  explicit Joining(const protocols::OperationList* copies) : copies_(copies) {}

  Fault add(ByteView part, Message& message) {
    if (message.chunks == 1) {
      message.body = message.first = first_ = part;
      return Fault::none;
    }
    if (message.chunks == 2 && !copy(first_)) return Fault::bad_length;
    if (!copy(part)) return Fault::bad_length;
    message.body = {buffer().data(), count_};
    return Fault::none;
  }

 private:
  static std::array<std::uint8_t, kBodyBytesMax>& buffer() {
    thread_local std::array<std::uint8_t, kBodyBytesMax> joined;
    return joined;
  }

  bool copy(ByteView part) {
    auto& joined = buffer();
    if (count_ + part.size() > joined.size()) return false;
    std::copy(part.begin(), part.end(), joined.begin() + static_cast<std::ptrdiff_t>(count_));
    if (copies_ != nullptr) {
      copies_->copied(ByteView(joined).subspan(count_, part.size()), part);
    }
    count_ += part.size();
    return true;
  }

  const protocols::OperationList* copies_;
  ByteView first_;
  std::size_t count_ = 0;
};

// The numbers of a chunk, and its content: `whole` if all of it is there.
Fault parse_chunk(ByteView chunk, bool whole, const Parsing& parsing, Message& message,
                  Joining& joining) {
  ByteReader reader(chunk);
  reader.skip(kHeaderBytes);
  const std::uint32_t channel = reader.u32_le();
  const std::uint32_t token = reader.u32_le();
  const std::uint32_t sequence = reader.u32_le();
  const std::uint32_t request = reader.u32_le();
  if (message.chunks == 1) {
    message.channel = channel;
    message.token = token;
    message.sequence = sequence;
    message.request = request;
  } else if (channel != message.channel || token != message.token) {
    return Fault::bad_sequence;
  } else if (!follows(message.last_sequence, sequence) || request != message.request) {
    message.consistent = false;  // where chunks are encrypted these numbers are not to be read
  }
  message.last_sequence = sequence;
  ByteView part = reader.rest();
  const std::size_t unread = whole ? parsing.signature_bytes : 0;
  const std::size_t size = load_le32(chunk.data() + 4) - kSecureHeaderBytes;
  message.body_bytes += size - std::min(size, parsing.signature_bytes);
  if (!reader.ok() || part.size() < unread) return Fault::truncated;
  part = part.first(part.size() - unread);
  return joining.add(part, message);
}

}  // namespace

Fault parse_message(ByteView bytes, Message& message, const Parsing& parsing) {
  message = Message{};
  Joining joining(parsing.copies);
  for (ByteView rest = bytes; !rest.empty();) {
    Chunk chunk;
    const bool first = rest.data() == bytes.data();
    if (const Fault fault = parse_header(rest, first, chunk); fault != Fault::none) return fault;
    const bool head = parsing.in_pieces && first && chunk.kind == Kind::message &&
                      rest.size() == kHeadBytes && chunk.size > kPieceBytes;
    if (chunk.size == 0 || (chunk.size > rest.size() && !head)) return Fault::truncated;
    message.kind = chunk.kind;
    ++message.chunks;
    const ByteView bytes_of_chunk = rest.first(std::min(chunk.size, rest.size()));
    rest = rest.subspan(bytes_of_chunk.size());
    message.unfinished = chunk.part == 'C' && rest.empty();
    message.aborted = chunk.part == 'A';
    if (chunk.part != 'C' && !rest.empty()) return Fault::trailing_bytes;
    if (message.unfinished && !parsing.in_pieces) return Fault::truncated;
    ByteReader reader(bytes_of_chunk);
    reader.skip(kHeaderBytes);
    if (chunk.kind == Kind::open) return parse_open(bytes, reader, message);
    if (chunk.kind != Kind::message && chunk.kind != Kind::close) {
      message.body = reader.rest();
      return Fault::none;
    }
    const Fault fault = parse_chunk(bytes_of_chunk, !head, parsing, message, joining);
    if (fault != Fault::none) return fault;
  }
  return bytes.empty() ? Fault::truncated : Fault::none;
}

}  // namespace bulkhead::opcua
