// A file that cannot be read whole counts as none.
#include "controlplane/siem/place.h"

namespace bulkhead::siem {

using controlplane::Json;

std::string encode_places(const AllPlaces& all) {
  Json json = Json::object();
  for (const auto& [name, places] : all) {
    for (const Stream stream : {Stream::events, Stream::audit}) {
      const Place& place = places[static_cast<std::size_t>(stream)];
      if (!place.known) continue;
      json[name][name_of(stream)] = {
          {"after", place.after}, {"sent", place.sent}, {"wall_ns", place.wall_ns}};
    }
  }
  return controlplane::json_line(json) + "\n";
}

std::optional<AllPlaces> decode_places(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  AllPlaces all;
  for (const auto& [name, streams] : json.items()) {
    if (!streams.is_object()) return std::nullopt;
    for (const Stream stream : {Stream::events, Stream::audit}) {
      const auto member = streams.find(name_of(stream));
      if (member == streams.end()) continue;
      if (!member->is_object()) return std::nullopt;
      Place place{.known = true};
      for (const auto& [key, out] :
           {std::pair("after", &place.after), std::pair("sent", &place.sent),
            std::pair("wall_ns", &place.wall_ns)}) {
        const auto number = member->find(key);
        if (number == member->end() || !number->is_number_unsigned()) return std::nullopt;
        *out = number->get<std::uint64_t>();
      }
      all[name][static_cast<std::size_t>(stream)] = place;
    }
  }
  return all;
}

}  // namespace bulkhead::siem
