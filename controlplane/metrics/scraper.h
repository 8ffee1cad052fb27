// One connection of a scraper: reads requests, one after the other, and answers them. It costs the
// head of a request, a share of the newest text, and what its socket holds.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <memory>

#include "controlplane/metrics/endpoint.h"

namespace bulkhead::metrics {

// Whether a request of this connection may be answered: empty, or why not.
using MayRead = std::function<std::string(const controlplane::Presented& presented)>;

std::shared_ptr<Scraper> serve_plain(boost::asio::ip::tcp::socket socket, Exposition& exposition);
// Each request is judged anew.
std::shared_ptr<Scraper> serve_tls(boost::asio::ip::tcp::socket socket,
                                   std::shared_ptr<boost::asio::ssl::context> tls,
                                   Exposition& exposition, MayRead may_read);

}  // namespace bulkhead::metrics
