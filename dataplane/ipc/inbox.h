// Work that other threads hand to the thread of an io_context. A thread that posts to Asio itself
// holds the context's lock meanwhile: where it loses its core then, the context's thread waits, of
// whatever priority it is. Here nobody holds anything that another waits for.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace bulkhead::ipc {

class Inbox {
 public:
  // `io` is run by one thread, and outlives this. Throws boost::system::system_error without
  // descriptors. While an inbox exists its context does not run out of work.
  explicit Inbox(boost::asio::io_context& io) : bell_(io, make_bell()) { listen(); }
  // Its thread has ended; what it has not done is dropped.
  ~Inbox() { drop(newest_.exchange(nullptr)); }
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  // From any thread: `function` is called on the context's thread, behind what was posted before.
  template <typename Function>
  void post(Function&& function) {
    using Posted = ItemOf<std::decay_t<Function>>;
    Item* item = std::make_unique<Posted>(std::forward<Function>(function)).release();
    Item* before = newest_.load(std::memory_order_relaxed);
    do {
      item->before = before;
    } while (!newest_.compare_exchange_weak(before, item, std::memory_order_acq_rel,
                                            std::memory_order_relaxed));
    if (before == nullptr) ring();
  }

 private:
  struct Item {
    virtual ~Item() = default;
    virtual void run() = 0;
    Item* before = nullptr;  // posted before it
  };
  template <typename Function>
  struct ItemOf final : Item {
    explicit ItemOf(Function posted) : function(std::move(posted)) {}
    void run() override { function(); }
    Function function;
  };

  static int make_bell() {
    const int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bell >= 0) return bell;
    throw boost::system::system_error(errno, boost::system::system_category(), "eventfd");
  }
  void ring() {
    constexpr std::uint64_t kOne = 1;
    // Cannot fail: the count is far from its end.
    [[maybe_unused]] const ssize_t written = write(bell_.native_handle(), &kOne, sizeof kOne);
  }
  void listen() {
    bell_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [this](boost::system::error_code error) {
                       if (error) return;
                       run_all();
                       listen();
                     });
  }
  void run_all() {
    std::uint64_t count = 0;
    // Before the items are taken: who posts later rings again.
    [[maybe_unused]] const ssize_t got = read(bell_.native_handle(), &count, sizeof count);
    Item* next = oldest_first(newest_.exchange(nullptr, std::memory_order_acq_rel));
    while (next != nullptr) {
      const std::unique_ptr<Item> item(next);
      next = next->before;
      item->run();
    }
  }
  static Item* oldest_first(Item* newest) {
    Item* turned = nullptr;
    while (newest != nullptr) {
      Item* const before = std::exchange(newest->before, turned);
      turned = std::exchange(newest, before);
    }
    return turned;
  }
  static void drop(Item* item) {
    while (item != nullptr) {
      const std::unique_ptr<Item> dropped(item);
      item = item->before;
    }
  }

  boost::asio::posix::stream_descriptor bell_;
  std::atomic<Item*> newest_{nullptr};
};

}  // namespace bulkhead::ipc
