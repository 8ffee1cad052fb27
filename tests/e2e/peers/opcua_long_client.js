// Reads a value that takes many chunks: usage: opcua_long_client.js URL FOLDER BYTES
"use strict";
const crypto = require("crypto");
const { OPCUAClient, MessageSecurityMode, SecurityPolicy, AttributeIds,
  OPCUACertificateManager } = require("node-opcua");
const { run } = require("./peer");

const [, , url, folder] = process.argv;
const MEBIBYTE = 1 << 20;

async function main() {
  const certificates = new OPCUACertificateManager({ rootFolder: folder,
    automaticallyAcceptUnknownCertificate: true });
  await certificates.initialize();
  const client = OPCUAClient.create({ endpointMustExist: false,
    securityMode: MessageSecurityMode.None, securityPolicy: SecurityPolicy.None,
    clientCertificateManager: certificates, keepSessionAlive: false,
    transportSettings: { maxMessageSize: MEBIBYTE, maxChunkCount: 64 },
    connectionStrategy: { maxRetry: 0 }, requestedSessionTimeout: 60000 });
  let session;
  const read = (node) => async () => {
    const value = await session.read({ nodeId: `ns=1;s=${node}`, attributeId: AttributeIds.Value });
    if (value.statusCode.name !== "Good") return value.statusCode.name;
    const bytes = value.value.value;
    return { bytes: bytes.length, sha256: crypto.createHash("sha256").update(bytes).digest("hex") };
  };
  await run([
    ["connect", async () => {
      await client.connect(url);
      session = await client.createSession();
      return "open";
    }],
    ["read_long", read("Line.Archive")],
    ["read_long_again", read("Line.Archive")],
  ]);
  if (session) await session.close();
  await client.disconnect();
}

main().catch((error) => {
  process.stdout.write(JSON.stringify({ failed: String(error.stack) }) + "\n");
  process.exit(1);
});
