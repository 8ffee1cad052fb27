// Messages that stand in files: cases.yaml, and text.
#include "tests/adversarial/accounting/messages.h"

#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace bulkhead::accounting {

namespace {

using protocols::Carrier;
using protocols::Direction;

Bytes from_hex(const std::string& text) {
  std::istringstream words(text);
  Bytes bytes;
  for (std::string word; words >> word;) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(word, nullptr, 16)));
  }
  return bytes;
}

Message said(const std::string& text, const std::string& what) {
  const Direction direction = text[0] == '>' ? Direction::request : Direction::response;
  return {direction, from_hex(text.substr(1)), what};
}

Carrier carrier_of(const std::string& word) {
  if (word == "tcp") return Carrier::tcp;
  if (word == "udp") return Carrier::udp;
  if (word == "ethernet") return Carrier::ethernet;
  throw std::runtime_error("no carrier: " + word);
}

std::vector<std::filesystem::path> sorted_below(const std::filesystem::path& folder,
                                                const std::string& name) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().filename() == name) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

std::vector<Conversation> read_cases(const std::filesystem::path& policies,
                                     const protocols::Protocol& protocol) {
  std::vector<Conversation> all;
  for (const std::filesystem::path& path : sorted_below(policies, "cases.yaml")) {
    for (const YAML::Node& each : YAML::LoadFile(path)["cases"]) {
      if (each["protocol"].as<std::string>() != protocol.catalogue().name) continue;
      if (each["verdict"].as<std::string>() != "allow") continue;
      Conversation conversation;
      conversation.source = path.parent_path().filename().string() + "/cases.yaml";
      conversation.carrier = protocol.catalogue().ports[0].carrier;
      const auto what = each["what"].as<std::string>();
      for (const YAML::Node& before : each["before"]) {
        conversation.messages.push_back(said(before.as<std::string>(), "before: " + what));
      }
      const bool from_client = !each["from"] || each["from"].as<std::string>() == "client";
      conversation.messages.push_back(
          said((from_client ? ">" : "<") + each["message"].as<std::string>(), what));
      all.push_back(std::move(conversation));
    }
  }
  return all;
}

std::vector<Conversation> read_messages(const std::filesystem::path& path) {
  std::vector<Conversation> all;
  std::ifstream file(path);
  std::string what;
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) continue;
    if (line[0] == '#') {
      what = line.substr(std::min<std::size_t>(2, line.size()));
    } else if (line[0] == '>' || line[0] == '<') {
      if (all.empty()) throw std::runtime_error(path.string() + ": no session before " + line);
      all.back().messages.push_back(said(line, what));
    } else {
      std::istringstream words(line);
      std::string session;
      std::string carrier;
      std::string unseen;
      words >> session >> carrier >> unseen;
      if (session != "session") throw std::runtime_error(path.string() + ": " + line);
      all.push_back({path.filename().string(), carrier_of(carrier), unseen != "unseen", {}});
    }
  }
  return all;
}

std::vector<Conversation> read_unit_test(const std::filesystem::path& program) {
  if (!std::filesystem::exists(program)) {
    std::printf("no rows: %s is not built\n", program.c_str());
    return {};
  }
  const std::filesystem::path rows =
      std::filesystem::temp_directory_path() / ("accounting-" + std::to_string(getpid()));
  setenv("BULKHEAD_ROWS", rows.c_str(), 1);
  const int result = std::system((program.string() + " >/dev/null").c_str());
  if (result != 0) std::printf("%s fails\n", program.c_str());
  std::vector<Conversation> all = read_messages(rows);
  for (Conversation& conversation : all) conversation.source = program.filename().string();
  std::filesystem::remove(rows);
  return all;
}

}  // namespace bulkhead::accounting
