// How far a collector has been served, and where that is kept.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/siem/entry.h"

namespace bulkhead::siem {

// In the numbers of one stream.
struct Place {
  bool known = false;       // false: a collector that is new
  std::uint64_t after = 0;  // all up to this one is done with: sent, or not wanted
  std::uint64_t sent = 0;   // the last one that was sent
  TimeNs wall_ns = 0;       // of the entry `after`

  bool operator==(const Place&) const = default;
};
using Places = std::array<Place, kStreams>;  // by Stream

// By the collector's name.
using AllPlaces = std::map<std::string, Places, std::less<>>;

// The text of the file of places: JSON, an object of collectors.
std::string encode_places(const AllPlaces& places);
// Nothing if the text is not one that encode_places() makes.
std::optional<AllPlaces> decode_places(std::string_view text);

}  // namespace bulkhead::siem
