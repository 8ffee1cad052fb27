// The local socket: root acts on it without a certificate, and nobody else does.
#include "controlplane/api/local_listener.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "controlplane/api/access_service.h"

namespace bulkhead::controlplane {
namespace {

namespace fs = std::filesystem;

class LocalListenerTest : public ::testing::Test {
 protected:
  LocalListenerTest() {
    std::string name = fs::temp_directory_path() / "local-test-XXXXXX";
    folder_ = mkdtemp(name.data());
    path_ = folder_ + "/local.sock";
    grpc::ServerBuilder builder;
    acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
        grpc::InsecureServerCredentials());
    builder.RegisterService(&access_);
    server_ = builder.BuildAndStart();
    listener_ = std::make_unique<LocalListener>(
        io_, path_,
        LocalListener::Callbacks{
            [this](int descriptor) {
              grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
              connection.fd = descriptor;
              acceptor_->HandleNewConnection(&connection);
            },
            [this](pid_t pid) { root_ = pid; }, [this](uid_t uid, pid_t) { other_ = uid; }});
    listener_->start();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~LocalListenerTest() override {
    io_.stop();
    thread_.join();
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
    work_.join();
    fs::remove_all(folder_);
  }

  grpc::Status ask(v1::AccessStatus& answer) {
    const auto stub = v1::AccessService::NewStub(
        grpc::CreateChannel("unix:" + path_, grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    return stub->GetAccess(&context, {}, &answer);
  }

  std::string folder_;
  std::string path_;
  Work work_{[] { return AccessPointer(); }, [](const std::string&, const std::string&) {}};
  AccessFile file_{"/nonexistent", {}};
  AccessServiceImpl access_{work_, file_};
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{
      io_.get_executor()};
  std::unique_ptr<LocalListener> listener_;
  std::thread thread_;
  std::atomic<pid_t> root_{0};
  std::atomic<uid_t> other_{0};
};

TEST_F(LocalListenerTest, RootActsWithoutAccessRules) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  v1::AccessStatus answer;
  const grpc::Status status = ask(answer);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(answer.identity(), "root@local");
  EXPECT_EQ(answer.roles_size(), static_cast<int>(kRoles.size()));
  EXPECT_FALSE(answer.in_force());
  EXPECT_EQ(root_, getpid()) << "each connection is reported";
}

TEST_F(LocalListenerTest, TheSocketIsItsOwnersAlone) {
  struct stat info{};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
}

// Even where the socket's mode lets another user connect.
TEST_F(LocalListenerTest, AnotherUserIsClosedAtOnce) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  constexpr uid_t kNobody = 65534;
  ASSERT_EQ(chmod(folder_.c_str(), 0755), 0);
  ASSERT_EQ(chmod(path_.c_str(), 0666), 0);
  std::thread([this] {
    // The system call itself: of this thread alone.
    ASSERT_EQ(syscall(SYS_setresuid, kNobody, kNobody, kNobody), 0);
    const int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    char byte = 0;
    EXPECT_EQ(recv(descriptor, &byte, 1, 0), 0);
    close(descriptor);
  }).join();
  EXPECT_EQ(other_, kNobody);
  EXPECT_EQ(root_, 0);
}

TEST_F(LocalListenerTest, ASocketOfAnEarlierRunIsReplacedAndAnotherFileIsNot) {
  EXPECT_NO_THROW(LocalListener(io_, path_, {}));
  std::ofstream(folder_ + "/file") << "kept";
  EXPECT_THROW(LocalListener(io_, folder_ + "/file", {}), std::runtime_error);
  EXPECT_TRUE(fs::exists(folder_ + "/file"));
  EXPECT_THROW(LocalListener(io_, folder_ + "/" + std::string(200, 'x'), {}), std::runtime_error);
}

}  // namespace
}  // namespace bulkhead::controlplane
