// Calls of more than one message: at most one message of each is in memory, and the next is made
// when that has been written.
#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "controlplane/access/gate.h"

namespace bulkhead::controlplane {

// Finishes at once with a refusal.
template <typename Reactor>
class Refused final : public Reactor {
 public:
  explicit Refused(const grpc::Status& status) { this->Finish(status); }
  void OnDone() override { delete this; }
};

// Answers of one call. It lives until gRPC is done with it; what else refers to it does so weakly.
template <typename Message>
class Stream : public grpc::ServerWriteReactor<Message>,
               public std::enable_shared_from_this<Stream<Message>> {
 public:
  explicit Stream(Gate::PassPointer pass) : pass_(std::move(pass)) {}

  // Hands it to gRPC; begin() is called once.
  static grpc::ServerWriteReactor<Message>* launch(const std::shared_ptr<Stream>& stream) {
    stream->self_ = stream;
    stream->begin();
    return stream.get();
  }

  void OnWriteDone(bool good) final {
    bool over = false;
    {
      const std::lock_guard guard(mutex_);
      writing_ = false;
      message_.reset();
      over = !good || cancelled_;
    }
    over ? finish(grpc::Status::CANCELLED) : on_written();
  }
  void OnCancel() final {
    {
      const std::lock_guard guard(mutex_);
      cancelled_ = true;
      if (writing_) return;  // OnWriteDone() comes
    }
    finish(grpc::Status::CANCELLED);
  }
  void OnDone() final {
    on_end();
    pass_.reset();
    self_.reset();
  }

 protected:
  // Makes the first message; any thread may write() it later.
  virtual void begin() = 0;
  virtual void on_written() = 0;
  virtual void on_end() {}

  // False if a message is being written, or none may be any more.
  bool write(std::shared_ptr<const Message> message) {
    const std::lock_guard guard(mutex_);  // so that no finish() comes in between
    if (writing_ || finished_ || cancelled_) return false;
    writing_ = true;
    message_ = std::move(message);
    this->StartWrite(message_.get());
    return true;
  }
  bool is_writing() const {
    const std::lock_guard guard(mutex_);
    return writing_ || finished_;
  }
  void finish(const grpc::Status& status) {
    {
      const std::lock_guard guard(mutex_);
      if (std::exchange(finished_, true)) return;
    }
    this->Finish(status);
  }

 private:
  mutable std::mutex mutex_;
  Gate::PassPointer pass_;
  std::shared_ptr<Stream> self_;
  std::shared_ptr<const Message> message_;
  bool writing_ = false;
  bool cancelled_ = false;
  bool finished_ = false;
};

// Admits one at a time, in order. It leaves when its token is destroyed.
class Turnstile {
 public:
  using Token = std::shared_ptr<void>;

  // Calls `go` when it is the caller's turn, possibly at once.
  void enter(std::function<void(Token)> go) {
    {
      const std::lock_guard guard(mutex_);
      if (std::exchange(taken_, true)) return waiting_.push_back(std::move(go));
    }
    go(token());
  }

 private:
  Token token() {
    return {this, [](Turnstile* turnstile) { turnstile->leave(); }};
  }
  void leave() {
    std::function<void(Token)> next;
    {
      const std::lock_guard guard(mutex_);
      taken_ = !waiting_.empty();
      if (!taken_) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    next(token());
  }

  std::mutex mutex_;
  std::deque<std::function<void(Token)>> waiting_;
  bool taken_ = false;
};

}  // namespace bulkhead::controlplane
