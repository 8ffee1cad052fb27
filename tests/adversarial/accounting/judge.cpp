// Frames, decodes and pairs bytes as the pipeline does, and listens to what is declared free.
#include "tests/adversarial/accounting/judge.h"

#include <algorithm>

namespace bulkhead::accounting {

namespace {

using protocols::Catalogue;
using protocols::Fault;
using protocols::FieldInfo;
using protocols::FieldKind;
using protocols::FieldValue;
using protocols::Frame;
using protocols::Operation;
using protocols::OperationList;
using protocols::Protocol;

template <typename Number>
void append_number(Number number, std::string& out) {
  out.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

void append_name(ByteView name, std::string& out) {
  append_number(name.size(), out);
  out.append(name.begin(), name.end());
}

std::string field_text(const FieldInfo& field, const FieldValue& value) {
  if (field.kind == FieldKind::name) {
    std::string text = "\"";
    for (const std::uint8_t byte : value.name) {
      char octet[8];
      std::snprintf(octet, sizeof(octet), "\\x%02x", byte);
      text += byte >= 0x20 && byte < 0x7f ? std::string(1, static_cast<char>(byte)) : octet;
    }
    return text + "\"";
  }
  const auto number = [&field](std::int64_t part) {
    if (field.kind == FieldKind::integer) return std::to_string(part);
    char text[40];
    std::snprintf(text, sizeof(text), "%g", float64_from_order(part));
    return std::string(text);
  };
  const std::string low = number(value.range.low);
  return value.range.is_point() ? low : low + "-" + number(value.range.high);
}

// RFC 3629, without surrogates; no octet of a control.
bool is_text(ByteView name) {
  for (std::size_t i = 0; i < name.size();) {
    const std::uint8_t first = name[i++];
    if (first < 0x20 || first == 0x7f) return false;
    if (first < 0x80) continue;
    if (first < 0xc2 || first > 0xf4) return false;
    const std::size_t more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    if (more > name.size() - i) return false;
    const std::uint8_t second = name[i];
    const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    const bool beyond = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
    if (overlong || beyond) return false;
    for (std::size_t end = i + more; i < end; ++i) {
      if ((name[i] & 0xc0) != 0x80) return false;
    }
  }
  return true;
}

bool within(ByteView part, ByteView whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

}  // namespace

void append_operations(const Catalogue& catalogue, const OperationList& operations,
                       std::string& out) {
  for (const Operation& operation : operations) {
    append_number(operation.function, out);
    append_number(operation.tied, out);
    append_number(operation.present, out);
    for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
      if (!operation.has(i)) continue;
      if (catalogue.fields[i].kind == FieldKind::name) {
        append_name(operation.fields[i].name, out);
      } else {
        append_number(operation.fields[i].range, out);
      }
    }
    append_number(operation.elements.count, out);
    append_number(operation.elements.first, out);
    for (std::size_t i = 0; i < operation.elements.count; ++i) {
      append_number(operation.elements.at(i), out);
    }
  }
}

std::string tell_operations(const Catalogue& catalogue, const OperationList& operations) {
  std::string text;
  for (const Operation& operation : operations) {
    text += (text.empty() ? "" : "; ");
    text += catalogue.functions[operation.function].name;
    for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
      if (!operation.has(i)) continue;
      text += " " + std::string(catalogue.fields[i].name) + "=" +
              field_text(catalogue.fields[i], operation.fields[i]);
    }
    for (std::size_t i = 0; i < operation.elements.count; ++i) {
      text += (i == 0 ? " elements=" : ",") + std::to_string(operation.elements.at(i));
    }
    if (operation.tied) text += " tied";
  }
  return text;
}

namespace {

// The octets of a message that are not wholly free, one by one.
class Residue {
 public:
  explicit Residue(const Accounted& of) : of_(of), derived_(of.derived.begin()) {}

  // The octet's free bits and the others' values; -1 at the end.
  int next() {
    for (; at_ < of_.bytes.size(); ++at_) {
      while (derived_ != of_.derived.end() && *derived_ < at_) ++derived_;
      const bool derived = derived_ != of_.derived.end() && *derived_ == at_;
      const std::uint8_t free = of_.free[at_];
      if (derived || free == 0xff) continue;
      return free << 8 | (of_.bytes[at_++] & ~free & 0xff);
    }
    return -1;
  }

 private:
  const Accounted& of_;
  std::size_t at_ = 0;
  std::vector<std::size_t>::const_iterator derived_;
};

}  // namespace

bool alike(const Accounted& one, const Accounted& other) {
  // Where something else decides how far a bit is free, as another number of the session does, both
  // have it free.
  const bool derived = !one.derived.empty() || !other.derived.empty();
  if (one.bytes.size() == other.bytes.size() && one.derived == other.derived) {
    unsigned different = 0;
    for (std::size_t i = 0; i < one.bytes.size(); ++i) {
      const unsigned differs =
          (one.bytes[i] ^ other.bytes[i]) & ~(unsigned{one.free[i]} & other.free[i]);
      const bool follows = derived && std::binary_search(one.derived.begin(), one.derived.end(), i);
      if (!follows) different |= differs;
    }
    if (different == 0) return true;
    if (!derived && one.free == other.free) return false;
  }
  Residue a(one);
  Residue b(other);
  for (;;) {
    const int next = a.next();
    if (next != b.next()) return false;
    if (next == -1) return true;
  }
}

Judge::Judge() : operations_(std::make_unique<OperationList>()) { operations_->account_to(this); }

void Judge::add(ByteView bytes, std::uint8_t mask, std::string_view reason) {
  reasons_.emplace(reason);
  std::size_t found = 0;
  const auto mark = [&](ByteView whole, std::size_t original) {
    const std::uint8_t* const begin = std::max(bytes.data(), whole.data());
    const std::uint8_t* const end =
        std::min(bytes.data() + bytes.size(), whole.data() + whole.size());
    if (begin >= end) return;
    const auto offset = static_cast<std::size_t>(begin - whole.data());
    const auto count = static_cast<std::size_t>(end - begin);
    for (std::size_t i = 0; i < count; ++i) free_[original + offset + i] |= mask;
    found += count;
  };
  mark(bytes_, 0);
  for (const Copy& piece : copies_) mark(piece.copy, piece.original);
  if (found != bytes.size()) strays_.emplace(reason);
}

void Judge::add_copy(ByteView copy, ByteView original) {
  if (copy.size() != original.size() || !within(original, bytes_)) {
    strays_.emplace("a copy of what is not the message");
    return;
  }
  copies_.push_back({copy, static_cast<std::size_t>(original.data() - bytes_.data())});
}

bool Judge::refuse(std::string_view why) {
  outcome_.operations.clear();
  outcome_.refusal = why;
  return false;
}

bool Judge::judge_one(const Place& place, ByteView message, bool first) {
  const Protocol& protocol = place.protocol;
  copies_.clear();
  protocols::MessageContext context = place.context;
  context.session = first ? place.known() : std::as_bytes(std::span(session_));
  const auto encoded = protocol.encoded_direction(message);
  if (encoded && *encoded != context.direction) return refuse("wrong way");
  protocols::Parsed parsed(message, context.direction);
  const Fault fault = protocol.parse(parsed, context, *operations_);
  if (fault != Fault::none) return refuse(protocols::describe(fault).name);
  append_operations(protocol.catalogue(), *operations_, outcome_.operations);
  const auto functions = protocol.catalogue().functions;
  for (const Operation& operation : *operations_) {
    const bool opaque = functions[operation.function].access == protocols::AccessClass::opaque;
    outcome_.is_opaque = outcome_.is_opaque && opaque;
  }
  const auto fields = protocol.catalogue().fields;
  for (const Operation& operation : *operations_) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (!operation.has(i) || fields[i].kind != FieldKind::name) continue;
      if (!is_text(operation.fields[i].name)) outcome_.unprintable.insert(i);
    }
  }
  if (first) session_ = place.session;
  const std::span<std::byte> block = std::as_writable_bytes(std::span(session_));
  const Fault acceptance = protocol.accept(block, parsed, 0);
  return acceptance == Fault::none || refuse(protocols::describe(acceptance).name);
}

const Outcome& Judge::judge(const Place& place, ByteView bytes) {
  const Protocol& protocol = place.protocol;
  outcome_.operations.clear();
  outcome_.unprintable.clear();
  outcome_.is_opaque = true;
  bytes_ = bytes;
  free_.assign(bytes.size(), 0);
  ByteView rest = bytes;
  if (place.context.carrier == protocols::Carrier::ethernet) {
    rest = protocols::without_padding(protocol, rest, place.context);
    // What is behind the message fills the frame, and no receiver hands it up.
    std::fill(free_.begin() + static_cast<std::ptrdiff_t>(rest.size()), free_.end(), 0xff);
  }
  if (rest.empty()) refuse("nothing is left");
  while (!rest.empty()) {
    const bool stream = place.context.carrier == protocols::Carrier::tcp;
    const Frame frame = stream ? protocol.frame(rest, place.context)
                               : protocols::frame_in_datagram(protocol, rest, place.context);
    if (frame.fault != Fault::none) {
      refuse(protocols::describe(frame.fault).name);
      break;
    }
    if (frame.length == 0 || frame.length > rest.size()) {
      refuse("incomplete");
      break;
    }
    if (!judge_one(place, rest.first(frame.length), rest.data() == bytes.data())) break;
    rest = rest.subspan(frame.length);
  }
  return outcome_;
}

std::string Judge::decoded(const Place& place, ByteView bytes, std::span<const std::byte> session) {
  protocols::MessageContext context = place.context;
  context.session = session;
  bytes_ = bytes;
  copies_.clear();
  free_.assign(bytes.size(), 0);
  std::string text;
  if (parse_operations(place.protocol, bytes, context, *operations_) == Fault::none) {
    append_operations(place.protocol.catalogue(), *operations_, text);
    if (text.empty()) text = "nothing";
  }
  return text;
}

}  // namespace bulkhead::accounting
