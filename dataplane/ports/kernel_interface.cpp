// Asks with ioctls on a socket that lives as long as the question. It is a Unix socket: the kernel
// answers on any, and the data plane may open no other (daemon/calls.h).
#include "dataplane/ports/kernel_interface.h"

#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace bulkhead::ports {

namespace {

constexpr std::uint32_t kFeaturesMax = 1024;

// The ioctls of one interface.
class Query {
 public:
  explicit Query(unsigned interface) {
    if (if_indextoname(interface, request_.ifr_name) == nullptr) return;
    socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  }
  ~Query() {
    if (socket_ >= 0) close(socket_);
  }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  bool ask(unsigned long question) {
    return socket_ >= 0 && ioctl(socket_, question, &request_) == 0;
  }
  bool ask_driver(void* command) {
    request_.ifr_data = static_cast<char*>(command);
    return ask(SIOCETHTOOL);
  }
  ifreq& request() { return request_; }

 private:
  ifreq request_{};
  int socket_ = -1;
};

// A command of ethtool with room behind it for its answer.
template <typename Head>
class Command {
 public:
  Command(std::uint32_t number, std::size_t room)
      : words_((sizeof(Head) + room + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t)) {
    head()->cmd = number;
  }
  Head* head() { return reinterpret_cast<Head*>(words_.data()); }

 private:
  std::vector<std::uint64_t> words_;  // zeros
};

// The kernel's name of a feature, and that of `ethtool -K` where it has another.
struct Joining {
  const char* feature;
  const char* option;
};
constexpr Joining kJoining[] = {{"rx-gro", "gro"},
                                {"rx-lro", "lro"},
                                {"rx-gro-hw", "rx-gro-hw"},
                                {"rx-gro-list", "rx-gro-list"},
                                {"rx-udp-gro-forwarding", "rx-udp-gro-forwarding"}};

struct Feature {
  std::uint32_t index;
  const char* option;
};

std::uint32_t count_features(Query& query) {
  Command<ethtool_sset_info> set(ETHTOOL_GSSET_INFO, sizeof(std::uint32_t));
  set.head()->sset_mask = 1ULL << ETH_SS_FEATURES;
  return query.ask_driver(set.head()) && set.head()->sset_mask != 0 ? set.head()->data[0] : 0;
}

std::vector<Feature> find_joining(Query& query, std::uint32_t count) {
  std::vector<Feature> found;
  Command<ethtool_gstrings> names(ETHTOOL_GSTRINGS, std::size_t{count} * ETH_GSTRING_LEN);
  names.head()->string_set = ETH_SS_FEATURES;
  names.head()->len = count;
  if (!query.ask_driver(names.head())) return found;
  const auto* text = reinterpret_cast<const char*>(names.head()->data);
  for (std::uint32_t i = 0; i < count; ++i, text += ETH_GSTRING_LEN) {
    for (const Joining& each : kJoining) {
      if (std::strncmp(text, each.feature, ETH_GSTRING_LEN) == 0) found.push_back({i, each.option});
    }
  }
  return found;
}

std::vector<Feature> which_are_on(Query& query, std::uint32_t count) {
  std::vector<Feature> on;
  if (count == 0 || count > kFeaturesMax) return on;
  const std::uint32_t blocks = (count + 31) / 32;
  Command<ethtool_gfeatures> known(ETHTOOL_GFEATURES, blocks * sizeof(ethtool_get_features_block));
  known.head()->size = blocks;
  if (!query.ask_driver(known.head())) return on;
  for (const Feature& each : find_joining(query, count)) {
    const std::uint32_t active = known.head()->features[each.index / 32].active;
    if ((active >> (each.index % 32) & 1) != 0) on.push_back(each);
  }
  return on;
}

void turn_off(Query& query, std::uint32_t count, const std::vector<Feature>& features) {
  const std::uint32_t blocks = (count + 31) / 32;
  Command<ethtool_sfeatures> wanted(ETHTOOL_SFEATURES, blocks * sizeof(ethtool_set_features_block));
  wanted.head()->size = blocks;
  for (const Feature& each : features) {
    wanted.head()->features[each.index / 32].valid |= 1U << (each.index % 32);
  }
  query.ask_driver(wanted.head());  // the status says what it did not
}

}  // namespace

std::string interface_name(unsigned interface) {
  char name[IF_NAMESIZE] = {};
  return if_indextoname(interface, name) == nullptr ? std::string() : std::string(name);
}

std::optional<std::uint32_t> interface_mtu(unsigned interface) {
  Query query(interface);
  if (!query.ask(SIOCGIFMTU)) return std::nullopt;
  return static_cast<std::uint32_t>(query.request().ifr_mtu);
}

bool interface_has_carrier(unsigned interface) {
  Query query(interface);
  return query.ask(SIOCGIFFLAGS) && (query.request().ifr_flags & IFF_RUNNING) != 0;
}

bool interface_is_set_up(unsigned interface) {
  Query query(interface);
  return query.ask(SIOCGIFFLAGS) && (query.request().ifr_flags & IFF_UP) != 0;
}

bool set_interface(unsigned interface, bool up) {
  Query query(interface);
  if (!query.ask(SIOCGIFFLAGS)) return false;
  const auto flags = static_cast<unsigned>(query.request().ifr_flags);
  const unsigned wanted = up ? flags | IFF_UP : flags & ~static_cast<unsigned>(IFF_UP);
  query.request().ifr_flags = static_cast<short>(wanted);
  return query.ask(SIOCSIFFLAGS);
}

std::vector<std::string> joins_frames_by(unsigned interface) {
  std::vector<std::string> on;
  Query query(interface);
  const std::uint32_t count = count_features(query);
  for (const Feature& each : which_are_on(query, count)) on.emplace_back(each.option);
  return on;
}

void stop_joining_frames(unsigned interface) {
  Query query(interface);
  const std::uint32_t count = count_features(query);
  const std::vector<Feature> on = which_are_on(query, count);
  if (!on.empty()) turn_off(query, count, on);
}

std::optional<std::uint32_t> take_lost_frames(int packet_socket) {
  tpacket_stats stats{};
  socklen_t length = sizeof(stats);
  if (getsockopt(packet_socket, SOL_PACKET, PACKET_STATISTICS, &stats, &length) != 0) {
    return std::nullopt;
  }
  return stats.tp_drops;
}

void clear_error(int socket) {
  int error = 0;
  socklen_t length = sizeof(error);
  getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length);
}

}  // namespace bulkhead::ports
