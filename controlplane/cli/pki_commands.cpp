// pki init|request|sign|server|client|renew|revoke|pair: an authority of files, and what it issues.
#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "controlplane/cli/output.h"
#include "controlplane/cli/pki.h"
#include "controlplane/cli/remote.h"
#include "controlplane/cli/revocation.h"
#include "dataplane/artefact/digest.h"
#include "dataplane/base/printable.h"

namespace bulkhead::controlplane {

namespace fs = std::filesystem;

namespace {

constexpr int kDaysDefault = 365;

struct PkiArguments {
  std::string folder;
  std::string name;
  std::string identity;
  std::vector<std::string> hosts;
  std::string request;
  std::string certificate;
  std::string out;
  int days = kDaysDefault;
};

// Never over a file that is there: a key that is lost is lost.
void write_new(const Session& session, const fs::path& path, const std::string& text, mode_t mode) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (file < 0) {
    throw CommandFailed{kFileFailed,
                        "cannot create " + path.string() + ": " + std::strerror(errno)};
  }
  const ssize_t written = write(file, text.data(), text.size());
  close(file);
  if (written != static_cast<ssize_t>(text.size())) {
    throw CommandFailed{kFileFailed, "cannot write " + path.string()};
  }
  if (session.format() == Format::json) {
    print_json({{"file", path.string()}});
  } else {
    say("made %s\n", path.c_str());
  }
}

// Whole or not at all, also in place of a file that is there: of what is no secret.
void replace(const Session& session, const fs::path& path, const std::string& text) {
  const fs::path next = path.string() + ".new";
  std::error_code error;
  fs::remove(next, error);
  write_file_or_fail(next.string(), text);
  fs::permissions(next, fs::perms(0644), error);
  if (!error) fs::rename(next, path, error);
  if (error)
    throw CommandFailed{kFileFailed, "cannot write " + path.string() + ": " + error.message()};
  if (session.format() == Format::table) say("wrote %s\n", path.string());
}

void write_pair(const Session& session, const fs::path& stem, const Issued& issued) {
  write_new(session, stem.string() + ".key", issued.key_pem, 0600);
  write_new(session, stem.string() + ".crt", issued.certificate_pem, 0644);
}

// Names become files, certificates, and words in logs.
void expect_name(const std::string& name) {
  if (is_plain_name(name)) return;
  throw CommandFailed{kUsage,
                      "\"" + name +
                          "\" is no name for a certificate: letters, digits and -_.@, up to "
                          "64, a letter or digit first"};
}

// A DNS name (RFC 1123, 2.1) or an IP address, and nothing that OpenSSL would take for more.
void expect_hosts(const std::vector<std::string>& hosts) {
  for (const std::string& host : hosts) {
    if (is_ip_address(host) || is_dns_name(host)) continue;
    throw CommandFailed{kUsage, "\"" + host + "\" is neither a DNS name nor an IP address"};
  }
}

// What an operator's certificate names: --identity, else the certificate's name.
std::string identity_for(const PkiArguments& arguments) {
  const std::string& identity = arguments.identity.empty() ? arguments.name : arguments.identity;
  if (is_identity(identity)) return identity;
  throw CommandFailed{kUsage, "\"" + identity +
                                  "\" is no identity: a DNS name in lower case (letters, digits, - "
                                  "and .) or a URI; name one with --identity, as "
                                  "--identity urn:operators:alice"};
}

Issued read_authority(const std::string& folder) {
  return {read_file_or_fail(folder + "/ca.key"), read_file_or_fail(folder + "/ca.crt")};
}

void run_init(const Session& session, const PkiArguments& arguments) {
  const fs::path folder = arguments.folder;
  if (!arguments.name.empty()) expect_name(arguments.name);
  const std::string identity = arguments.name.empty() ? "operator" : identity_for(arguments);
  expect_hosts(arguments.hosts);
  std::error_code error;
  const mode_t before = umask(0077);
  fs::create_directories(folder, error);
  umask(before);
  if (error) {
    throw CommandFailed{kFileFailed, "cannot create " + folder.string() + ": " + error.message()};
  }
  const Issued authority = make_authority("Bulkhead development CA", arguments.days);
  std::vector<std::string> hosts = {"localhost", "127.0.0.1", "::1"};
  hosts.insert(hosts.end(), arguments.hosts.begin(), arguments.hosts.end());
  write_pair(session, folder / "ca", authority);
  write_pair(session, folder / "server",
             issue_server(authority, "bulkheadd", hosts, arguments.days));
  write_pair(session, folder / "client", issue_client(authority, identity, arguments.days));
  if (session.format() == Format::json) return;
  say("\nThe appliance needs ca.crt, server.crt and server.key, and an access.yaml that gives %s "
      "roles (`bulkheadctl setup --admin %s` writes a first one); the management host needs "
      "ca.crt, client.crt and client.key; ca.key belongs on neither.\n",
      identity, identity);
}

void run_server(const Session& session, const PkiArguments& arguments) {
  expect_name(arguments.name);
  expect_hosts(arguments.hosts);
  std::vector<std::string> hosts = arguments.hosts;
  if (hosts.empty()) hosts.push_back(arguments.name);
  write_pair(session, fs::path(arguments.folder) / arguments.name,
             issue_server(read_authority(arguments.folder), arguments.name, hosts, arguments.days));
}

// The certificate of an appliance that keeps its key to itself. What is asked for is shown: who
// signs answers for it.
void run_sign(const Session& session, const PkiArguments& arguments) {
  const std::string request_pem = read_file_or_fail(arguments.request);
  Request request;
  std::string certificate;
  try {
    request = read_request(request_pem);
    expect_name(request.name);
    certificate = issue_requested(read_authority(arguments.folder), request_pem, arguments.days);
  } catch (const std::runtime_error& error) {
    throw CommandFailed{kRefused, arguments.request + ": " + error.what()};
  }
  const fs::path out = arguments.out.empty() ? fs::path(arguments.folder) / (request.name + ".crt")
                                             : fs::path(arguments.out);
  write_new(session, out, certificate, 0644);
  if (session.format() == Format::json) {
    return print_json({{"name", request.name},
                       {"hosts", request.hosts},
                       {"identity", request.identity},
                       {"key_sha256", request.key_sha256}});
  }
  if (!request.identity.empty()) {
    return say("for %s, an operator; key sha256 %s; compare it with what `pki request` has shown\n",
               request.identity, request.key_sha256);
  }
  std::string hosts;
  for (const std::string& host : request.hosts) hosts += (hosts.empty() ? "" : ", ") + host;
  say("for %s at %s\nkey sha256 %s; compare it with what `setup` shows on the appliance\n",
      request.name, hosts, request.key_sha256);
}

// An operator's key, made where it stays, and what the authority has to sign.
void run_request(const Session& session, const PkiArguments& arguments) {
  expect_name(arguments.name);
  const std::string identity = identity_for(arguments);
  const std::string key = make_key();
  const fs::path stem = fs::path(arguments.folder) / arguments.name;
  write_new(session, stem.string() + ".key", key, 0600);
  write_new(session, stem.string() + ".csr", make_client_request(key, arguments.name, identity),
            0644);
  if (session.format() == Format::json) {
    return print_json({{"identity", identity}, {"key_sha256", key_sha256(key)}});
  }
  say("for %s; key sha256 %s\nwhere the authority is: bulkheadctl pki sign AUTHORITY %s.csr\n",
      identity, key_sha256(key), arguments.name);
}

// The key stays: an appliance or an operator takes the new certificate in place of the former.
void run_renew(const Session& session, const PkiArguments& arguments) {
  std::string certificate;
  try {
    certificate = issue_again(read_authority(arguments.folder),
                              read_file_or_fail(arguments.certificate), arguments.days);
  } catch (const std::runtime_error& error) {
    throw CommandFailed{kRefused, arguments.certificate + ": " + error.what()};
  }
  const std::string out = arguments.out.empty() ? arguments.certificate : arguments.out;
  replace(session, out, certificate);
  if (session.format() == Format::json) {
    return print_json({{"file", out}, {"days", arguments.days}});
  }
  say("valid for %d days; copy it over the former one, bulkheadd uses it within seconds\n",
      arguments.days);
}

void run_revoke(const Session& session, const PkiArguments& arguments) {
  const fs::path list = fs::path(arguments.folder) / "ca.crl";
  const std::string former = fs::exists(list) ? read_file_or_fail(list.string()) : std::string();
  Revocation revocation;
  try {
    revocation = revoke(read_authority(arguments.folder), former,
                        read_file_or_fail(arguments.certificate), arguments.days);
  } catch (const std::runtime_error& error) {
    throw CommandFailed{kRefused, arguments.certificate + ": " + error.what()};
  }
  replace(session, list, revocation.list_pem);
  if (session.format() == Format::json) {
    return print_json({{"file", list.string()},
                       {"serial", revocation.serial},
                       {"number", revocation.number},
                       {"revoked", revocation.revoked}});
  }
  say("serial %s is revoked: list number %llu, of %d certificates\n"
      "copy %s to /etc/bulkhead/pki/ca.crl on each appliance: its calls end within seconds\n",
      revocation.serial, static_cast<unsigned long long>(revocation.number), revocation.revoked,
      list.string());
}

// What authenticates the heartbeats of a pair.
void run_pair(const Session& session, const PkiArguments& arguments) {
  std::string key(32, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), static_cast<int>(key.size())) != 1) {
    throw CommandFailed{kFileFailed, "no random numbers for a key"};
  }
  write_new(session, fs::path(arguments.folder) / "pair.key", artefact::to_hex(key) + "\n", 0600);
}

// The name in the subjectAltName is what access.yaml gives roles to.
void run_client(const Session& session, const PkiArguments& arguments) {
  expect_name(arguments.name);
  const std::string identity = identity_for(arguments);
  write_pair(
      session, fs::path(arguments.folder) / arguments.name,
      issue_client(read_authority(arguments.folder), arguments.name, {identity}, arguments.days));
  if (session.format() == Format::json) return print_json({{"identity", identity}});
  say("for %s: roles for that name go into access.yaml on each appliance\n", identity);
}

void add_exchange_commands(CLI::App* pki, Session& session,
                           const std::shared_ptr<PkiArguments>& arguments) {
  const auto with_days = [&](CLI::App* command) {
    command->add_option("--days", arguments->days, "How long it is valid")
        ->check(CLI::Range(1, 3650))
        ->capture_default_str();
  };
  CLI::App* request = pki->add_subcommand(
      "request", "Make an operator's key, which stays where it is made, and a request to sign");
  request->add_option("FOLDER", arguments->folder, "Where NAME.key and NAME.csr are written")
      ->required();
  request->add_option("NAME", arguments->name, "File name and common name")->required();
  request->add_option("--identity", arguments->identity,
                      "The operator's URI or DNS name; if not given, NAME");
  request->callback([&session, arguments] { run_request(session, *arguments); });
  CLI::App* renew = pki->add_subcommand(
      "renew", "Issue a certificate again, for the same names and the same key");
  renew->add_option("FOLDER", arguments->folder, "Where the authority's files are")->required();
  renew->add_option("CERTIFICATE", arguments->certificate, "The one that ends soon")->required();
  renew->add_option("--out", arguments->out, "Where it is written, else in place of the former");
  with_days(renew);
  renew->callback([&session, arguments] { run_renew(session, *arguments); });
  CLI::App* revoke = pki->add_subcommand(
      "revoke", "Put a certificate on the authority's list of revoked ones, ca.crl");
  revoke->add_option("FOLDER", arguments->folder, "Where the authority's files are")->required();
  revoke->add_option("CERTIFICATE", arguments->certificate, "The one that must not count any more")
      ->required();
  with_days(revoke);
  revoke->callback([&session, arguments] { run_revoke(session, *arguments); });
}

}  // namespace

void add_pki_commands(CLI::App& app, Session& session) {
  const auto arguments = std::make_shared<PkiArguments>();
  CLI::App* pki =
      app.add_subcommand("pki", "An authority of files: certificates of appliances and operators");
  pki->require_subcommand(1);
  const auto common = [&](CLI::App* command, bool names_hosts) {
    command->add_option("FOLDER", arguments->folder, "Where the authority's files are")->required();
    command->add_option("--days", arguments->days, "How long certificates are valid")
        ->check(CLI::Range(1, 3650))
        ->capture_default_str();
    if (names_hosts) {
      command->add_option("--host", arguments->hosts,
                          "A name or address of the appliance; may be repeated");
    }
  };
  CLI::App* init = pki->add_subcommand("init", "Make an authority, a server and a client");
  common(init, true);
  init->add_option("--operator", arguments->name,
                   "Name in the client's certificate: a DNS name in lower case");
  init->callback([&session, arguments] { run_init(session, *arguments); });
  CLI::App* sign = pki->add_subcommand(
      "sign",
      "Certify a key that was made where it stays: an appliance's (`setup`) or an operator's "
      "(`pki request`); where the authority is");
  common(sign, false);
  sign->add_option("REQUEST", arguments->request, "server.csr of the appliance, or NAME.csr")
      ->required();
  sign->add_option("--out", arguments->out, "The certificate's file, else FOLDER/NAME.crt");
  sign->callback([&session, arguments] { run_sign(session, *arguments); });
  CLI::App* server = pki->add_subcommand("server", "Issue a certificate for another appliance");
  common(server, true);
  server->add_option("NAME", arguments->name, "File name and common name")->required();
  server->callback([&session, arguments] { run_server(session, *arguments); });
  CLI::App* client = pki->add_subcommand("client", "Issue a certificate for another operator");
  common(client, false);
  client->add_option("NAME", arguments->name, "File name and common name")->required();
  client->add_option("--identity", arguments->identity,
                     "The operator's URI or DNS name in the certificate, which access.yaml names; "
                     "if not given, NAME");
  client->callback([&session, arguments] { run_client(session, *arguments); });
  add_exchange_commands(pki, session, arguments);
  CLI::App* pair = pki->add_subcommand("pair", "Make the key that both appliances of a pair have");
  pair->add_option("FOLDER", arguments->folder, "Where pair.key is written")->required();
  pair->callback([&session, arguments] { run_pair(session, *arguments); });
}

}  // namespace bulkhead::controlplane
