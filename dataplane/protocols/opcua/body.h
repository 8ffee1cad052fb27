// Reads the built-in types of OPC 10000-6, 5.2.2, to their ends, in the forms that every receiver
// reads alike. What is read as content is left free.
#pragma once

#include <string_view>

#include "dataplane/protocols/opcua/layout.h"

namespace bulkhead::opcua {

struct NodeId {
  enum class Kind : std::uint8_t { number, text, guid, bytes };
  Kind kind = Kind::number;
  std::uint16_t name_space = 0;
  std::uint32_t number = 0;
  ByteView name;

  // Of those that OPC UA itself defines: a server gives out none of them for another node.
  bool is_standard() const { return kind == Kind::number && name_space == 0; }
  bool is_null() const { return is_standard() && number == 0; }
};

// Bytes of each element of an array, of the built-in types whose elements may hold anything; 0 for
// the others.
std::size_t width_of(std::uint8_t type);

// A value as a variant has it.
struct Value {
  std::uint8_t encoding = 0;     // its built-in type (6, table 1), and whether it is an array
  std::optional<double> number;  // where it is a single number or truth
  ByteView bytes;                // after the encoding
  ByteView status;               // of a data value, if it has one
};

// Leaves free what policy does not see of the value that is in `operation`.
void leave_unread(const Value& value, const protocols::Operation& operation,
                  const protocols::OperationList& operations);

// As ByteReader: sticky, so that straight-line code is checked once.
class BodyReader {
 public:
  explicit BodyReader(ByteView bytes, const protocols::OperationList* free_to = nullptr)
      : bytes_(bytes), reader_(bytes), free_to_(free_to) {}

  bool ok() const { return fault() == protocols::Fault::none; }
  protocols::Fault fault() const {
    if (fault_ != protocols::Fault::none) return fault_;
    return reader_.ok() ? protocols::Fault::none : protocols::Fault::truncated;
  }
  void fail(protocols::Fault fault) {
    if (ok()) fault_ = fault;
  }
  std::size_t remaining() const { return ok() ? reader_.remaining() : 0; }
  // Whether a structure was stepped over whose content is not known. Receivers that know it may go
  // on where it ends for them: nothing that is judged may stand after it.
  bool stepped_over() const { return stepped_over_; }

  std::uint8_t u8() { return reader_.u8(); }
  std::uint16_t u16() { return reader_.u16_le(); }
  std::uint32_t u32() { return reader_.u32_le(); }
  std::uint64_t u64() { return reader_.u64_le(); }
  ByteView take(std::size_t bytes) { return reader_.take(bytes); }
  // Null and empty mean the same wherever this is used.
  ByteView string();
  ByteView plain_text();
  NodeId node_id();
  // The type of a message: a number of namespace 0, as all stacks write it (5.2.2.9, four octets).
  std::uint32_t type_id();
  // How many elements follow; 0 for none. Not more than there can be.
  std::size_t array_length();

  // What was read since `offset` is left free.
  std::size_t offset() const { return reader_.offset(); }
  ByteView since(std::size_t offset) const {
    return ok() ? bytes_.subspan(offset, reader_.offset() - offset) : ByteView{};
  }
  void leave_since(std::size_t offset, std::string_view reason) const {
    leave(since(offset), reason);
  }
  void leave(ByteView bytes, std::string_view reason, std::uint8_t mask = 0xff) const {
    if (free_to_ != nullptr) free_to_->leave_free(bytes, reason, mask);
  }

  // Content by the types of its fields: b Boolean, 1 2 4 8 octets, e and two hexadecimal digits an
  // enumeration up to that value, s String, n NodeId, q QualifiedName, l LocalizedText,
  // x ExtensionObject, v Variant, d DataValue, [ ] an array of what stands between.
  void fields(std::string_view types, unsigned depth = 0);
  // The same, left free.
  void content(std::string_view types, std::string_view reason) {
    const std::size_t begin = offset();
    fields(types);
    leave_since(begin, reason);
  }

  Value variant(unsigned depth = 0);
  // 6, 5.2.2.17, as clients write it. Its times are left free.
  Value data_value(unsigned depth = 0);
  // 6, 5.2.2.12, of answers.
  void diagnostics(unsigned depth = 0);
  // 6, 5.2.2.15: the type of a structure, with its body if it has one.
  NodeId structure(ByteView& body);
  // Reads the body of a structure by its type, to its end.
  void structure_content(const NodeId& type, ByteView body, unsigned depth = 0);

 private:
  void field(char type, unsigned depth);
  std::optional<double> scalar(std::uint8_t type, unsigned depth);
  void array(std::uint8_t type, bool dimensioned, unsigned depth);
  void expanded_node_id();
  void localized_text();
  void enumeration(std::uint32_t last);

  ByteView bytes_;
  ByteReader reader_;
  const protocols::OperationList* free_to_;
  protocols::Fault fault_ = protocols::Fault::none;
  bool stepped_over_ = false;
};

}  // namespace bulkhead::opcua
