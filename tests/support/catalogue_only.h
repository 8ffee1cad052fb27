// A protocol that has functions and fields, and no messages: for what reads catalogues.
#pragma once

#include <optional>
#include <string>

#include "dataplane/protocols/registry.h"

namespace bulkhead::support {

class CatalogueOnly final : public protocols::Protocol {
 public:
  // `catalogue` outlives it.
  explicit CatalogueOnly(const protocols::Catalogue& catalogue) : catalogue_(catalogue) {}

  const protocols::Catalogue& catalogue() const override { return catalogue_; }
  protocols::Frame frame(ByteView, const protocols::MessageContext&) const override { return {}; }
  protocols::Fault parse(protocols::Parsed&, const protocols::MessageContext&,
                         protocols::OperationList&) const override {
    return protocols::Fault::truncated;
  }
  std::optional<std::uint16_t> claimed_code(ByteView) const override { return std::nullopt; }

  // Its number in the registry, where it stands from the first call on; it has to outlive the
  // tests.
  std::uint8_t number() const {
    const std::string name(catalogue_.name);
    if (!protocols::find_protocol(name)) protocols::add_protocol_for_tests(*this);
    return *protocols::find_protocol(name);
  }

 private:
  const protocols::Catalogue& catalogue_;
};

}  // namespace bulkhead::support
