// Reads and writes the server's nodes in one session: usage: opcua_client.js URL FOLDER [OWN_URL]
// With a URL of its own it waits there for the server to connect (OPC 10000-6, 7.1.3).
"use strict";
const { OPCUAClient, ClientReverseConnect, MessageSecurityMode, SecurityPolicy, AttributeIds, DataType,
  OPCUACertificateManager } = require("node-opcua");
const { run } = require("./peer");

const [, , url, folder, ownUrl] = process.argv;

async function main() {
  const certificates = new OPCUACertificateManager({ rootFolder: folder,
    automaticallyAcceptUnknownCertificate: true });
  await certificates.initialize();
  const client = OPCUAClient.create({ endpointMustExist: false,
    securityMode: MessageSecurityMode.None, securityPolicy: SecurityPolicy.None,
    clientCertificateManager: certificates, keepSessionAlive: false,
    connectionStrategy: { maxRetry: 0 }, requestedSessionTimeout: 60000 });
  let session;
  const read = (node) => async () => {
    const value = await session.read({ nodeId: `ns=1;s=${node}`, attributeId: AttributeIds.Value });
    return value.statusCode.name === "Good" ? value.value.value : value.statusCode.name;
  };
  const write = (node, value) => async () => {
    const status = await session.write({ nodeId: `ns=1;s=${node}`, attributeId: AttributeIds.Value,
      value: { value: { dataType: DataType.Double, value } } });
    return status.name;
  };
  const listener = ownUrl && new ClientReverseConnect({ connectionUrl: ownUrl });
  if (listener) await listener.start();
  await run([
    ["connect", async () => {
      await (listener ? client.connectReverse(listener) : client.connect(url));
      session = await client.createSession();
      return "open";
    }],
    ["read", read("Line.Speed")],
    ["write", write("Line.Speed", 60)],
    ["write_too_high", write("Line.Speed", 500)],
    ["write_another", write("Line.Limit", 60)],
    ["read_again", read("Line.Speed")],
  ]);
  if (session) await session.close();
  await client.disconnect();
  if (listener) await listener.stop();
}

main().catch((error) => {
  process.stdout.write(JSON.stringify({ failed: String(error.stack) }) + "\n");
  process.exit(1);
});
