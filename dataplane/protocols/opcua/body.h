// Reads the built-in types of OPC 10000-6, 5.2.2, to their ends.
#pragma once

#include "dataplane/protocols/opcua/layout.h"

namespace bulkhead::opcua {

struct NodeId {
  std::uint16_t name_space = 0;
  bool is_numeric = true;
  std::uint32_t number = 0;
  ByteView name;
};

// As ByteReader: sticky, so that straight-line code is checked once.
class BodyReader {
 public:
  explicit BodyReader(ByteView bytes) : reader_(bytes) {}

  bool ok() const { return ok_ && reader_.ok(); }
  std::size_t remaining() const { return ok() ? reader_.remaining() : 0; }
  void skip(std::size_t bytes) { reader_.skip(bytes); }
  std::uint8_t u8() { return reader_.u8(); }
  std::uint16_t u16() { return reader_.u16_le(); }
  std::uint32_t u32() { return reader_.u32_le(); }
  std::uint64_t u64() { return reader_.u64_le(); }

  ByteView string();
  NodeId node_id();
  void qualified_name();
  void localized_text();
  void extension_object();
  void diagnostic_info(unsigned depth = 0);
  // A number or truth value, where the variant is a single one.
  std::optional<double> variant(unsigned depth = 0);
  std::optional<double> data_value(unsigned depth = 0);
  // How many elements follow; 0 for none. Not more than there can be.
  std::size_t array_length();

  // 4, 7.32 and 7.33; the request's handle.
  std::uint32_t request_header();
  void response_header();

 private:
  void fail() { ok_ = false; }
  std::optional<double> scalar(std::uint8_t type, unsigned depth);

  ByteReader reader_;
  bool ok_ = true;
};

}  // namespace bulkhead::opcua
